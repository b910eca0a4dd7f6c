"""Who must answer a cancel request until when, and what silence means, in sentences."""

from datetime import timedelta

from recourse.policies.sentences.canceling import nobody_names
from recourse.policies.sentences.sentence import Sentence, kind_missing, never_asked
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import OPEN_PHASES, PARTIES, OpenPhase, Party, Silence
from recourse.wording import texts
from recourse.wording.english import PHASES, capital, listed, span

_SILENCE = texts("silence", "long")
_no_cancel = kind_missing("cancel")


def reminder_words(reminder: timedelta | None, whom: str, what: str) -> str:
    """The sentence about a reminder of any kind of request."""
    if reminder is None:
        return f"Nobody is reminded of {what}."
    return f"After {span(reminder)} without an answer, {whom} is reminded of {what}."


def _window(party: Party) -> Sentence:
    def say(policy: Policy) -> str:
        length = span(policy.requests.cancel.window.of(party))
        return (
            f"When the {party} is asked to agree to a cancellation, or to a counter-offer, "
            f"they have {length} to answer."
        )

    return Sentence(f"requests.cancel.window.{party}_asked", say, never_asked(party))


def _silence(party: Party) -> Sentence:
    def say(policy: Policy) -> str:
        meaning = _SILENCE[policy.requests.cancel.silence.of(party)]
        return f"If the {party} does not answer a cancel request in time, {meaning}."

    return Sentence(f"requests.cancel.silence.{party}_asked", say, never_asked(party))


def _silence_in(phase: OpenPhase, party: Party) -> Sentence:
    def special(policy: Policy) -> Silence | None:
        chosen = policy.requests.cancel.silence_in.get(phase)
        return chosen.of(party) if chosen else None

    def say(policy: Policy) -> str:
        meaning = special(policy)
        where = f"if the {party}'s time ends while the order is {PHASES[phase]}"
        if meaning is None:
            return f"{capital(where)}, their silence means the same as elsewhere."
        return f"But {where}, {_SILENCE[meaning]}."

    def idle(policy: Policy) -> str | None:
        # Where a policy has no rule of its own for the phase, there is nothing to say.
        return never_asked(party)(policy) or (None if special(policy) else "no meaning of its own is given")

    return Sentence(f"requests.cancel.silence_in.{phase}.{party}_asked", say, idle)


def _reminder(policy: Policy) -> str:
    return reminder_words(policy.requests.cancel.reminder, "the party that must answer", "a cancel request")


def _counters(policy: Policy) -> str:
    most = policy.requests.cancel.max_counters
    how_many = f"up to {most} counter-offer{'' if most == 1 else 's'}" if most else "no counter-offer"
    return f"Within one cancel request there may be {how_many}, those of both sides together."


def _decline(policy: Policy) -> str:
    if policy.requests.cancel.on_decline == "escalate":
        return "When a cancel request is declined, a case opens at once."
    return "When a cancel request is declined, the order goes on."


def _pause(policy: Policy) -> str:
    days = policy.answers.pause
    if not days:
        return "Every day counts in the time to answer."
    return f"In the time to answer a request, these days do not count: {listed(map(capital, days))}."


def _holidays(policy: Policy) -> str:
    days = policy.answers.holidays
    if not days:
        return "No holidays are left out of it."
    return f"Nor do these dates: {listed(day.isoformat() for day in sorted(set(days)))}."


def _away(policy: Policy) -> str:
    most = policy.answers.away_at_most
    if not most:
        return "A party cannot say that it is away."
    return (
        f"A party can say that it is away, for {span(most)} in all on an order; its own time to answer stands still "
        "so long."
    )


def _give_time(policy: Policy) -> str:
    most = policy.answers.give_time_at_most
    if not most:
        return "The side that waits for an answer cannot give the other more time."
    return f"The side that waits for an answer can give the other more time, {span(most)} in all for a request."


def _crossing(policy: Policy) -> str:
    if policy.requests.cancel.crossing == "refuse":
        return "While a cancel request is open, the party that is asked answers it; it cannot open one of its own."
    return (
        "While a cancel request is open, a cancel request by the party that is asked, with an amount that is as good "
        "for the other, accepts it."
    )


def _zone(policy: Policy) -> str:
    return f"Those days begin and end as in the time zone {policy.answers.time_zone}."


def _no_pause(policy: Policy) -> str | None:
    pauses = policy.answers.pause or policy.answers.holidays
    return None if pauses else "answers.pause and answers.holidays are empty"


ANSWERING = (
    *(_window(party) for party in PARTIES),
    Sentence("requests.cancel.reminder", _reminder, _no_cancel),
    Sentence("requests.cancel.max_counters", _counters, nobody_names),
    Sentence("requests.cancel.on_decline", _decline, _no_cancel),
    Sentence("requests.cancel.crossing", _crossing, _no_cancel),
    Sentence("answers.pause", _pause),
    Sentence("answers.holidays", _holidays),
    Sentence("answers.time_zone", _zone, _no_pause),
    Sentence("answers.away_at_most", _away),
    Sentence("answers.give_time_at_most", _give_time),
)
SILENCES = (
    *(_silence(party) for party in PARTIES),
    *(_silence_in(phase, party) for party in PARTIES for phase in OPEN_PHASES),
)
