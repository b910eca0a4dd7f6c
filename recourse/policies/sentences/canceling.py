"""Who may cancel and when, and what must be said with it, in sentences."""

from collections.abc import Callable, Sequence
from typing import assert_never

from recourse.policies.sentences.order import REGRET
from recourse.policies.sentences.sentence import Sentence, kind_missing
from recourse.resolution.model.durations import write_percentage
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.policy_requests import Compensation
from recourse.resolution.model.vocabulary import Party, Right, other
from recourse.wording import texts
from recourse.wording.english import PHASES, capital, listed, phases, span, who

_ASKS = texts("request", "asks")
_no_cancel = kind_missing("cancel")


def _kinds(policy: Policy) -> str:
    kinds = [_ASKS[kind] for kind in policy.requests.kinds]
    return f"The parties can ask {listed(kinds)}." if kinds else "No request of any kind can be opened."


def _by(policy: Policy) -> str:
    by = policy.requests.cancel.by
    return f"{capital(who(by))} may start a cancellation{', the other side never' if len(set(by)) == 1 else ''}."


def _phases(policy: Policy) -> str:
    named = policy.requests.cancel.phases
    return f"A cancellation may be started while the order is {phases(named)}." if named else "It may never be started."


def _right(right: Right) -> str:
    match right:
        case "waiting_requirements":
            return "while requirements are awaited"
        case "very_late":
            return "once the order is very late"
        case "regret_window":
            return "while the order may be regretted"
        case "full_return":
            return "when nothing was paid to it"
        case _:
            assert_never(right)


def _alone(party: Party) -> Sentence:
    def say(policy: Policy) -> str:
        rights = policy.requests.cancel.without_approval.of(party)
        if not rights:
            return f"The {party} can never cancel alone: the {other(party)} must agree."
        may = f"The {party} may cancel alone, without being approved, {listed(map(_right, rights), 'or')}"
        return f"{may}; it then takes what was paid before and no more." if party == "freelancer" else f"{may}."

    def idle(policy: Policy) -> str | None:
        missing = None if party in policy.requests.cancel.by else f"requests.cancel.by does not name the {party}"
        return _no_cancel(policy) or missing

    return Sentence(f"requests.cancel.without_approval.{party}", say, idle)


def _asked_of(key: str, what: str) -> Sentence:
    def say(policy: Policy) -> str:
        named: Sequence[Party] = getattr(policy.requests.cancel, key)
        if not named:
            return f"Nobody has to give {what}."
        subject = "either party" if len(set(named)) == 2 else f"the {named[0]}"
        return f"When {subject} asks to cancel, they must give {what}."

    return Sentence(f"requests.cancel.{key}", say, _no_cancel)


def _reasons(policy: Policy) -> str:
    known = [
        f"{code} ({' or '.join(reason.by)}{'' if reason.fault == 'none' else f', fault of the {reason.fault}'})"
        for code, reason in policy.reasons.items()
    ]
    return f"The reasons that may be given: {listed(known)}." if known else "No reason code can be given."


def _statements(key: str, when: str, idle: Callable[[Policy], str | None]) -> Sentence:
    def say(policy: Policy) -> str:
        names: Sequence[str] = getattr(policy.requests.cancel, key)
        return (
            f"{when}, {f'all of these must be confirmed: {listed(names)}' if names else 'nothing has to be confirmed'}."
        )

    return Sentence(f"requests.cancel.{key}", say, idle)


def _no_agreement(policy: Policy) -> str:
    if policy.requests.cancel.no_agreement:
        return (
            "The party that asks may say that there is no agreement: a case opens at once, the other side is not "
            "asked, and nothing is canceled alone."
        )
    return "Nobody can go straight to an operator by saying that there is no agreement."


def _never_said(policy: Policy) -> str | None:
    return _no_cancel(policy) or (
        None if policy.requests.cancel.no_agreement else "requests.cancel.no_agreement is false"
    )


def _amount(policy: Policy) -> str:
    named = policy.requests.cancel.amount_from
    if not named:
        return "Canceling gives the freelancer nothing beyond what was paid before, and there are no counter-offers."
    return (
        f"When {who(named)} asks to cancel, they name what the freelancer is to get, from nothing to the price; that "
        "may be answered with another amount."
    )


def _paid_at_once(policy: Policy) -> str:
    if policy.requests.cancel.pay_named_part_at_once:
        return "What a client names is paid out when the request opens; only the rest is in question."
    return "Nothing is paid out before the request is answered."


def _compensation(phase: str) -> Sentence:
    def say(policy: Policy) -> str:
        share = policy.requests.cancel.compensation.of(phase)
        return (
            f"A cancel request by the client while the order is {PHASES[phase]}, where it needs approval, leaves the "
            f"freelancer at least {write_percentage(share)} of what is not refunded of the price."
        )

    def idle(policy: Policy) -> str | None:
        missing = None if "client" in policy.requests.cancel.by else "requests.cancel.by does not name the client"
        # Where a policy compensates nobody, there is nothing to say.
        nothing = None if policy.requests.cancel.compensation.of(phase) else "it is 0%"
        return _no_cancel(policy) or missing or nothing

    return Sentence(f"requests.cancel.compensation.{phase}", say, idle)


def nobody_names(policy: Policy) -> str | None:
    """Idle while no amount is ever named."""
    unnamed = (
        None if policy.requests.cancel.amount_from else "requests.cancel.amount_from is empty: nobody names an amount"
    )
    return _no_cancel(policy) or unnamed


def _cooldown(policy: Policy) -> str:
    wait = policy.requests.cancel.cooldown
    how_long = f"only after {span(wait)}" if wait else "at once"
    return f"After a decline, the same party may ask again {how_long}."


def _most_requests(policy: Policy) -> str:
    most = policy.requests.cancel.max_requests
    how_many = f"at most {most}" if most else "any number of"
    return f"Each party may open {how_many} cancel request{'' if most == 1 else 's'} on one order."


def _review(policy: Policy) -> str:
    if policy.requests.cancel.operator_review:
        return "Every cancel request goes to an operator first."
    return "Cancel requests go straight to the other party, not to an operator."


CANCELING = (
    Sentence("requests.kinds", _kinds),
    Sentence("requests.cancel.by", _by, _no_cancel),
    Sentence("requests.cancel.phases", _phases, _no_cancel),
    _alone("client"),
    _alone("freelancer"),
    REGRET,
    _asked_of("reason_from", "a reason code"),
    _asked_of("explanation_from", "an explanation in words"),
    Sentence("reasons", _reasons),
    _statements("attestations", "With a cancel request", _no_cancel),
    Sentence("requests.cancel.no_agreement", _no_agreement, _no_cancel),
    _statements("no_agreement_attestations", "On that path", _never_said),
    Sentence("requests.cancel.amount_from", _amount, _no_cancel),
    Sentence("requests.cancel.pay_named_part_at_once", _paid_at_once, nobody_names),
    *(_compensation(phase) for phase in Compensation.model_fields),
    Sentence("requests.cancel.operator_review", _review, _no_cancel),
    Sentence("requests.cancel.cooldown", _cooldown, _no_cancel),
    Sentence("requests.cancel.max_requests", _most_requests, _no_cancel),
)
