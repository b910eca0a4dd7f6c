"""What one key of a policy says, in one plain sentence."""

from collections.abc import Callable
from dataclasses import dataclass

from recourse.policies.keys import Key, undotted
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import Kind, Party


def _always(policy: Policy) -> str | None:
    return None


@dataclass(frozen=True)
class Sentence:
    """`say` gives the sentence for a policy; `idle` why the key has no effect under it, or None where it has."""

    name: str
    say: Callable[[Policy], str]
    idle: Callable[[Policy], str | None] = _always

    @property
    def key(self) -> Key:
        """The key that it is about."""
        return undotted(self.name)


def kind_missing(kind: Kind) -> Callable[[Policy], str | None]:
    """Idle while requests of this kind cannot be opened."""

    def idle(policy: Policy) -> str | None:
        return None if kind in policy.requests.kinds else f'requests.kinds does not name "{kind}"'

    return idle


def never_asked(party: Party) -> Callable[[Policy], str | None]:
    """Idle while this party is never asked to agree to a cancellation."""

    def idle(policy: Policy) -> str | None:
        chosen = policy.requests.cancel
        other_may_start = any(starter != party for starter in chosen.by)
        if other_may_start or (chosen.amount_from and chosen.max_counters):
            return kind_missing("cancel")(policy)
        return (
            f"the {party} is never asked: nobody else may cancel (requests.cancel.by), and there are no counter-offers"
        )

    return idle


def no_undo(policy: Policy) -> str | None:
    """Idle while cancellations cannot be taken back."""
    return None if policy.undo.offered else "no undo is offered (undo.by, undo.window)"
