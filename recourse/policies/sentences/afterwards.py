"""Undo, cases, money, scores, reviews, notices and keeping, in sentences."""

from datetime import timedelta
from typing import assert_never

from recourse.policies.sentences.sentence import Sentence, kind_missing, no_undo
from recourse.resolution.model.durations import write_percentage
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import Fallback
from recourse.wording.english import capital, listed, span, who


def _undo_by(policy: Policy) -> str:
    if not policy.undo.by:
        return "Nobody can take a cancellation back."
    return f"{capital(who(policy.undo.by))} may take a cancellation back, once per order."


def _undo_window(policy: Policy) -> str:
    window = policy.undo.window
    if not window:
        return "There is no time to take a cancellation back."
    return (
        f"A cancellation that was agreed, or that came by silence, can be taken back for {span(window)}; until then "
        "the money is held."
    )


def _undo_consent(policy: Policy) -> str:
    if policy.undo.consent:
        return "The other side must agree to taking it back; if it is silent, the order stays canceled."
    return "The other side is not asked about it."


def _no_consent(policy: Policy) -> str | None:
    return no_undo(policy) or (None if policy.undo.consent else "undo.consent is false")


UNDO = (
    Sentence("undo.by", _undo_by),
    Sentence("undo.window", _undo_window, lambda policy: None if policy.undo.by else "undo.by names nobody"),
    Sentence("undo.consent", _undo_consent, no_undo),
    Sentence(
        "undo.consent_window",
        lambda policy: f"It has {span(policy.undo.consent_window)} to agree.",
        _no_consent,
    ),
)


def _escalate_by(policy: Policy) -> str:
    if not policy.cases.escalate_by:
        return "After a declined cancel request, nobody can bring it to an operator."
    return f"After a declined cancel request, {who(policy.cases.escalate_by)} may bring it to an operator."


def _opens_by_itself(policy: Policy) -> str | None:
    by_itself = policy.requests.cancel.on_decline == "escalate"
    reason = 'a decline opens a case by itself (requests.cancel.on_decline = "escalate")' if by_itself else None
    return kind_missing("cancel")(policy) or reason


def _dialogue(policy: Policy) -> str:
    if policy.cases.dialogue_required:
        return "That is possible only after each side has said something since the request opened."
    return "That is possible without any words having been exchanged."


def _nobody_escalates(policy: Policy) -> str | None:
    return _opens_by_itself(policy) or (None if policy.cases.escalate_by else "cases.escalate_by names nobody")


def _appeal(policy: Policy) -> str:
    window = policy.cases.appeal_window
    if window == timedelta(0):
        return "A ruling is final at once."
    return f"A ruling can be appealed once, for {span(window)}, while the money is held; another operator then decides."


def _case_reminders(policy: Policy) -> str:
    if not policy.cases.reminders:
        return "Operators are not reminded of open cases."
    return f"Operators are reminded of an open case after {listed(map(span, policy.cases.reminders))}."


def _fallback(policy: Policy) -> str:
    return f"If no operator decides in that time, {_outcome(policy.cases.fallback)}."


def _outcome(fallback: Fallback) -> str:
    match fallback:
        case "cancel_full_refund":
            return "the order is canceled and the client gets back what is held of the price"
        case "cancel_split":
            return "the order is canceled and the two get half each of what is held of the price"
        case "continue":
            return "the order goes on"
        case "for_who_spoke":
            return (
                "a side that alone has said something in the case, before its last 24 hours, gets its way: the client "
                "all that is held of the price, the freelancer that the order goes on, or is completed if the work is "
                "delivered; otherwise the order is canceled and the two get half each of what is held of the price"
            )
        case _:
            assert_never(fallback)


def _operator_case(policy: Policy) -> str:
    outcome = _outcome(policy.cases.operator_case_fallback)
    return f"An operator may open one case per order by itself; if none decides it in time, {outcome}."


def _one_operator(policy: Policy) -> str:
    if policy.cases.one_operator:
        return "Only the operator that has taken a case may propose and rule in it."
    return "Every operator may propose and rule in a case."


def _after_completion(policy: Policy) -> str:
    after = policy.cases.after_completion
    if not after:
        return "Completion is final: no case can be opened after it."
    parties = policy.cases.escalate_by
    openers = f"{who(parties)} and an operator" if parties else "an operator"
    return (
        f"Within {span(after)} after completion, {openers} may each open one case, in which an operator can give a "
        "part of the price back."
    )


def _late_refund(policy: Policy) -> str:
    if policy.money.late_refund_from == "freelancer":
        return "What the freelancer had received of such a refund is a debt of the freelancer to the platform."
    return "What the freelancer had received of such a refund, the platform bears."


def _no_late_case(policy: Policy) -> str | None:
    return None if policy.cases.after_completion else "cases.after_completion is 0h"


CASES = (
    Sentence("cases.escalate_by", _escalate_by, _opens_by_itself),
    Sentence("cases.dialogue_required", _dialogue, _nobody_escalates),
    Sentence(
        "cases.proposal_window",
        lambda policy: (
            f"Both parties have {span(policy.cases.proposal_window)} to accept an operator's proposal; after that, or "
            "after a decline, the operator rules."
        ),
    ),
    Sentence("cases.appeal_window", _appeal),
    Sentence("cases.reminders", _case_reminders),
    Sentence(
        "cases.rule_within",
        lambda policy: f"A case, and an appeal, may stay open for {span(policy.cases.rule_within)} at most.",
    ),
    Sentence("cases.fallback", _fallback),
    Sentence("cases.operator_case_fallback", _operator_case),
    Sentence("cases.after_completion", _after_completion),
    Sentence("cases.one_operator", _one_operator),
)


def _fee_back(policy: Policy) -> str:
    match policy.money.fee_back:
        case "pro_rata":
            return "With what goes back of the price, the same share of the service fee goes back."
        case "full":
            return "When an order is canceled, the whole service fee goes back to the client."
        case "none":
            return "When an order is canceled, no service fee goes back, except what went back with partial refunds."
        case chosen:
            assert_never(chosen)


def _chargeback_loss(policy: Policy) -> str:
    took = "What a lost chargeback took beyond what the client was still to get"
    if policy.money.chargeback_loss == "freelancer":
        return f"{took}, the freelancer bears: payouts that are not made are lowered, the rest it owes."
    return f"{took}, the platform bears."


MONEY = (
    Sentence(
        "money.commission",
        lambda policy: (
            f"The platform keeps {write_percentage(policy.money.commission)} of what the freelancer earns, "
            "rounded down."
        ),
    ),
    Sentence("money.fee_back", _fee_back),
    Sentence("money.late_refund_from", _late_refund, _no_late_case),
    Sentence("money.chargeback_loss", _chargeback_loss),
    Sentence(
        "money.chargeback_lost_after",
        lambda policy: (
            f"A chargeback that nobody closes counts as lost after {span(policy.money.chargeback_lost_after)}."
        ),
    ),
)


def _calculator(policy: Policy) -> str:
    match policy.scores.calculator:
        case "none":
            return "No score is kept."
        case "completion_rate":
            return "The freelancer's score is their completion rate: completed orders among all that count."
        case "job_success":
            return "The freelancer's score is their job success, which only operators see: good outcomes less bad ones."
        case calculator:
            return f"The freelancer's score is kept by the calculator {calculator}."


def _exempting(policy: Policy) -> str:
    within = policy.scores.new_order_exempts_within
    if within is None:
        return "A canceled order counts also when the two order again."
    return f"A canceled order does not count when the two order again in less than {span(within)}."


def _unpaid(policy: Policy) -> str:
    counted = "counts as neither good nor bad" if policy.scores.unpaid_silent == "counted" else "is left out"
    return f"A canceled order with nothing paid and no private feedback {counted}."


def _other_score(name: str) -> str:
    return f'scores.calculator is not "{name}"'


def _public(policy: Policy) -> str:
    match policy.reviews.public_after_cancel:
        case "never":
            when = "The client can never review a canceled order in public."
        case "late_or_delivered":
            when = "The client may review a canceled order in public if it was late, or something was delivered."
        case "paid":
            when = "The client may review a canceled order in public if the freelancer was paid anything."
        case "always":
            when = "The client may review every canceled order in public."
        case chosen:
            assert_never(chosen)
    return when


def _private(policy: Policy) -> str:
    may = "may" if policy.reviews.private_after_cancel else "cannot"
    return f"The client {may} leave private feedback on a canceled order, which only operators read."


def _careless(policy: Policy) -> str:
    may = "may" if policy.reviews.careless_client else "cannot"
    return f"The freelancer {may} leave negative feedback on a client who canceled without a word or a reason."


def _mark(policy: Policy) -> str:
    count = policy.flags.repeat_canceler.count
    if not count:
        return "Nobody is marked for canceling often."
    times = "once" if count == 1 else f"{count} times"
    return f"Who cancels {times}, what was agreed or the other's fault not counted, is marked."


SCORES = (
    Sentence("scores.calculator", _calculator),
    Sentence(
        "scores.new_order_exempts_within",
        _exempting,
        lambda policy: None if policy.scores.calculator == "completion_rate" else _other_score("completion_rate"),
    ),
    Sentence(
        "scores.unpaid_silent",
        _unpaid,
        lambda policy: None if policy.scores.calculator == "job_success" else _other_score("job_success"),
    ),
    Sentence("reviews.public_after_cancel", _public),
    Sentence("reviews.private_after_cancel", _private),
    Sentence("reviews.careless_client", _careless),
    Sentence("flags.repeat_canceler.count", _mark),
    Sentence(
        "flags.repeat_canceler.within",
        lambda policy: f"For that mark, the cancellations of {span(policy.flags.repeat_canceler.within)} count.",
        lambda policy: None if policy.flags.repeat_canceler.count else "flags.repeat_canceler.count is 0",
    ),
)


def _follow_up(policy: Policy) -> str:
    after = policy.notices.follow_up
    if after is None:
        return "Nothing reminds the freelancer to follow up on a cancellation."
    return f"{capital(span(after))} after a cancellation, the freelancer is reminded to follow it up."


NOTICES = (Sentence("notices.follow_up", _follow_up),)


def _kept(key: str, what: str) -> Sentence:
    def say(policy: Policy) -> str:
        kept = getattr(policy.keeping, key)
        if kept is None:
            return f"{what} are kept until somebody erases them."
        return f"{what} are erased {span(kept)} after the order closed."

    def idle(policy: Policy) -> str | None:
        kept = getattr(policy.keeping, key)
        for wider in ("texts", "orders") if key == "addresses" else () if key == "orders" else ("orders",):
            sooner = getattr(policy.keeping, wider)
            if kept is not None and sooner is not None and sooner <= kept:
                return f"keeping.{wider} erases them no later"
        return None

    return Sentence(f"keeping.{key}", say, idle)


KEEPING = (
    _kept("texts", "What people wrote in an order, and the history of its workflow,"),
    _kept("addresses", "The addresses of evidence"),
    _kept("notices", "The notices of an order"),
    _kept("contacts", "The email addresses and names of the parties"),
    _kept("orders", "Orders, with their records and ledgers,"),
)
