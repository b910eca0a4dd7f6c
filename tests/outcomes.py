"""Short ways to speak of outcomes."""

from recourse.resolution.model.outcome import Applied, Outcome, Refused


def code(outcome: Outcome | None) -> str | None:
    """Why a command was refused; None where it was not."""
    return outcome.code if isinstance(outcome, Refused) else None


def applied(outcome: Outcome | None) -> Applied:
    """The outcome of a command that was applied."""
    assert isinstance(outcome, Applied), outcome
    return outcome


def refused(outcome: Outcome | None) -> Refused:
    """The outcome of a command that was refused."""
    assert isinstance(outcome, Refused), outcome
    return outcome


def repeated(outcome: Outcome) -> Outcome:
    """What the same command gets when it comes again."""
    return outcome.model_copy(update={"repeated": True})
