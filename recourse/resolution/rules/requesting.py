"""Opening, answering and withdrawing requests of every kind, and what silence does (rules, 3 and 4)."""

from datetime import timedelta
from typing import assert_never

from recourse.resolution.model.commands import Accept, Counter, Decline, MakeRequest, Withdraw
from recourse.resolution.model.dispute import Request
from recourse.resolution.model.durations import LONGEST, write_duration
from recourse.resolution.model.events import (
    AnswerReminded,
    PartReleased,
    RequestCountered,
    RequestEnded,
    RequestOpened,
)
from recourse.resolution.model.money import extra_bounds, refund_bounds
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.vocabulary import Kind, Party, Phase, other
from recourse.resolution.rules.agreeing import agree, carry_out, counter_bounds, meets
from recourse.resolution.rules.canceling import cross, request_cancel
from recourse.resolution.rules.cases import accept_proposal, decline_proposal, open_case_from_request, withdraw_case
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import cancel_by_request, take_back
from recourse.resolution.rules.windows import answer_window, silence_means

# When a kind of request may be opened; a cancellation's phases are the policy's own.
OPENED_IN: dict[Kind, tuple[Phase, ...]] = {
    "extension": ("in_progress", "in_revision"),
    "update": ("in_progress", "in_revision"),
    "partial_refund": ("in_progress", "delivered", "in_revision"),
    "extra": ("in_progress", "delivered", "in_revision"),
}
_WITH_AMOUNT = ("partial_refund", "extra")
_WITH_TIME = ("extension", "extra")


def opened_by(policy: Policy, kind: Kind) -> tuple[Party, ...]:
    """The parties that may open a kind of request."""
    match kind:
        case "cancel":
            return policy.requests.cancel.by
        case "partial_refund":
            return policy.requests.partial_refund.by
        case "extension" | "extra":
            return ("freelancer",)
        case "update":
            return ("client",)
        case _:
            assert_never(kind)


def make_request(decision: Decision, command: MakeRequest, party: Party, checks: Checks) -> None:
    """Open a request, one at a time [R31, R32]."""
    order, policy = decision.order, decision.order.policy
    kind = command.kind
    offered = kind in policy.requests.kinds
    if kind == "partial_refund":
        offered = offered and order.price > policy.requests.partial_refund.price_above
    checks.refuse("kind_not_offered", not offered, kind=kind)
    allowed = sorted(code for code, reason in policy.reasons.items() if party in reason.by)
    checks.refuse("unknown_reason", command.reason is not None and command.reason not in allowed, allowed=allowed)
    checks.refuse("role_not_allowed", party not in opened_by(policy, kind))
    if kind == "cancel":
        if not cross(decision, command, party, checks):
            request_cancel(decision, command, party, checks)
        return
    checks.refuse("wrong_phase", order.phase not in OPENED_IN[kind], phase=order.phase)
    open_number = order.open_request.number if order.open_request else None
    checks.refuse("request_open", open_number is not None, open_request=open_number)
    checks.refuse("case_open", order.open_case is not None)
    free_at = order.free_at.get(party)
    checks.refuse("cooling_down", free_at is not None and decision.now < free_at, available_at=free_at)
    if kind == "partial_refund":
        checks.amount(command.amount, refund_bounds(order))
    if kind == "extra":
        checks.amount(command.amount, extra_bounds(order))
    if command.extend_by is not None and kind in _WITH_TIME:
        longest = longest_extension(order)
        checks.refuse("amount_out_of_range", command.extend_by > longest, at_most=write_duration(longest))
    if checks.first():
        return
    due, reminder = answer_window(decision, kind, other(party))
    decision.happen(
        RequestOpened(
            number=order.requests + 1,
            kind=kind,
            by=party,
            version=order.offers + 1,
            amount=command.amount if kind in _WITH_AMOUNT else None,
            extend_by=command.extend_by if kind in _WITH_TIME else None,
            reason=command.reason,
            comment=command.said,
            private_note=command.private_note,
            answer_due_at=due,
            reminder_at=reminder,
            communicated=party in order.wrote,
        )
    )


def longest_extension(order: Order) -> timedelta:
    """The most by which the due date can still move: it stays within twenty years of the order being placed."""
    if order.due_at is None:
        return LONGEST
    latest = order.terms.ordered_at + 2 * LONGEST
    return max(min(LONGEST, latest - order.due_at), timedelta(0))


def check_answerable(decision: Decision, party: Party, expected_version: int | None, checks: Checks) -> None:
    """What speaks against an answer: its deadline is over, nothing is open, it is not this party's to give."""
    order = decision.order
    request, proposal = order.open_request, order.open_proposal
    standing = request.version if request else proposal.version if proposal else None
    over = {offer.version for offer in order.expired_offers if party in offer.asked}
    meant = expected_version if expected_version is not None else order.offers if standing is None else None
    checks.refuse("expired", meant is not None and meant in over)
    checks.refuse("no_open_request", standing is None)
    if request:
        checks.refuse("not_yours_to_answer", request.asked != party)
    if proposal and not request:
        checks.refuse("not_yours_to_answer", party in proposal.accepted_by)
    stale = expected_version is not None and standing is not None and expected_version != standing
    checks.refuse("stale_version", stale, version=standing)


def accept(decision: Decision, command: Accept, party: Party, checks: Checks) -> None:
    """Agree to what is on the table: the request, or the operator's proposal."""
    order = decision.order
    check_answerable(decision, party, command.expected_version, checks)
    request = order.open_request
    wordless_update = request is not None and request.kind == "update" and not command.said
    checks.refuse("explanation_required", wordless_update)
    if checks.first():
        return
    if request:
        agree(decision, request, party, command.said)
    else:
        accept_proposal(decision, party)


def decline(decision: Decision, command: Decline, party: Party, checks: Checks) -> None:
    """Say no: nothing moves, and the order goes on unless the policy opens a case [R48, A11]."""
    check_answerable(decision, party, command.expected_version, checks)
    if checks.first():
        return
    request = decision.order.open_request
    if request is None:
        decline_proposal(decision, party)
        return
    decision.happen(RequestEnded(status="declined", kind=request.kind, by=party, comment=command.said))
    _case_after_decline(decision, request)


def _case_after_decline(decision: Decision, request: Request) -> None:
    if request.kind == "cancel" and decision.order.policy.requests.cancel.on_decline == "escalate":
        open_case_from_request(decision, by="system")


def counter(decision: Decision, command: Counter, party: Party, checks: Checks) -> None:
    """Answer with another amount; one that meets the other's last offer, or is better for it, is an accept."""
    order = decision.order
    chosen = order.policy.requests
    check_answerable(decision, party, command.expected_version, checks)
    request = order.open_request
    has_amount = request is not None and (
        request.kind == "partial_refund" or (request.kind == "cancel" and bool(chosen.cancel.amount_from))
    )
    checks.refuse("kind_not_offered", (request is not None or order.open_proposal is not None) and not has_amount)
    if request is None or not has_amount:
        return
    refund = request.kind == "partial_refund"
    amount = command.amount
    checks.amount(amount, counter_bounds(order, request, party))
    standing = request.amount or 0
    agrees = amount is not None and meets(request, party, amount, standing)
    limit = chosen.partial_refund.max_counters if refund else chosen.cancel.max_counters
    checks.refuse("too_many_counters", not agrees and request.counters >= limit, at_most=limit)
    if checks.first() or amount is None:
        return
    if agrees:
        agree(decision, request, party, command.said)
        return
    due, reminder = answer_window(decision, request.kind, other(party))
    decision.happen(
        RequestCountered(
            by=party,
            version=order.offers + 1,
            amount=amount,
            comment=command.said,
            answer_due_at=due,
            reminder_at=reminder,
        )
    )
    own = party == request.opened_by == "client"
    if chosen.cancel.pay_named_part_at_once and not refund and own and amount > order.released:
        decision.happen(PartReleased(gross=amount))


def withdraw(decision: Decision, command: Withdraw, party: Party, checks: Checks) -> None:
    """Take back one's own open request, or the case that one opened [R24, R34]."""
    order = decision.order
    request = order.open_request
    if order.open_case:
        withdraw_case(decision, party, checks)
        return
    checks.refuse("no_open_request", request is None)
    checks.refuse("not_yours_to_withdraw", request is not None and request.opened_by != party)
    if not checks.first() and request:
        take_back(decision, request, party)


def remind_of_answer(decision: Decision) -> None:
    """The reminder to the party that must answer."""
    decision.happen(AnswerReminded())


def end_by_silence(decision: Decision) -> None:
    """The window is over and nobody answered: what that means is the policy's choice [A1, A2]."""
    order = decision.order
    request = order.open_request
    if request is None:
        raise AssertionError("no request to end by silence")
    kind = request.kind
    meaning = silence_means(order, kind, request.asked)
    match meaning:
        case "accept":
            decision.happen(RequestEnded(status="accepted", kind=kind, by="system", by_deadline=True))
            if kind == "cancel":
                cancel_by_request(decision, "expired_accepted")
            else:
                carry_out(decision, request)
        case "decline":
            decision.happen(RequestEnded(status="declined", kind=kind, by="system", by_deadline=True))
            _case_after_decline(decision, request)
        case "lapse":
            decision.happen(RequestEnded(status="lapsed", kind=kind, by="system", by_deadline=True))
        case "escalate":
            open_case_from_request(decision, by="system", by_deadline=True)
        case _:
            assert_never(meaning)
