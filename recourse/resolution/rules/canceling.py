"""Canceling: the rights to cancel alone, and asking (rules, 3)."""

from datetime import datetime

from recourse.resolution.model.case_events import CaseClosed
from recourse.resolution.model.commands import MakeRequest
from recourse.resolution.model.events import PartReleased, RequestEnded, RequestOpened
from recourse.resolution.model.lateness import becomes_very_late_at, lateness
from recourse.resolution.model.money import compensation, gross_bounds
from recourse.resolution.model.order import Order
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.vocabulary import How, Party, Right
from recourse.resolution.rules.agreeing import agree, meets
from recourse.resolution.rules.cases import open_case_from_request
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import cancel
from recourse.resolution.rules.windows import answer_window


def right_to_cancel_alone(
    order: Order, party: Party, amount: int | None, now: datetime, counted: datetime
) -> Right | None:
    """The right by which this party needs no approval now, if it has one [R21, R22, R33, R76].

    `amount` is the gross that it names. A freelancer takes what is released and no more; to name nothing is not that.
    """
    if party == "freelancer" and amount != order.released:
        return None
    for right in order.policy.requests.cancel.without_approval.of(party):
        match right:
            case "waiting_requirements":
                applies = order.phase == "waiting_requirements"
            case "very_late":
                applies = lateness(order, now) == "very_late"
            case "regret_window":
                ends = order.terms.ordered_at + order.policy.order.regret_window + order.stood_still
                applies = counted < ends and not order.delivered_once
            case "full_return":
                applies = order.released == 0
        if applies:
            return right
    return None


def right_available_at(order: Order, party: Party, now: datetime) -> datetime | None:
    """When a clock will bring the right to cancel alone, if one will."""
    requests = order.policy.requests
    offered = "cancel" in requests.kinds and party in requests.cancel.by and order.phase in requests.cancel.phases
    if not offered or "very_late" not in requests.cancel.without_approval.of(party):
        return None
    at = becomes_very_late_at(order)
    return order.runs_out(at if at is not None and at > now else None)


def request_cancel(decision: Decision, command: MakeRequest, party: Party, checks: Checks) -> None:
    """Ask to cancel, cancel at once where no approval is needed, or go to an operator."""
    order = decision.order
    alone = _cancels_alone(decision, command, party)
    own_open = order.open_request is not None and order.open_request.opened_by == party
    undecided_case = order.open_case is not None and order.open_case.ruling is None

    open_number = order.open_request.number if order.open_request else None
    checks.refuse("request_open", order.open_request is not None and (own_open or not alone), open_request=open_number)
    checks.refuse("case_open", order.open_case is not None and not (alone and undecided_case))
    _check_cancel(decision, command, party, checks)
    if not alone:
        _check_patience(decision, party, checks)
    if checks.first():
        return
    amount, right = _amount_of(decision, command, party), _right(decision, command, party)
    if right is not None and alone:
        _cancel_alone(decision, command, party, right, amount)
    else:
        _ask(decision, command, party, amount)


def cross(decision: Decision, command: MakeRequest, party: Party, checks: Checks) -> bool:
    """Take a cancel request by the asked side as its answer to the open one, where both want the same (rules, 15).

    False: it is a request like any other.
    """
    order = decision.order
    request = order.open_request
    if order.policy.requests.cancel.crossing != "agree" or command.no_agreement:
        return False
    if request is None or request.kind != "cancel" or request.asked != party:
        return False
    amount = _amount_of(decision, command, party)
    # Over a request of its own, no right ends the order.
    alone = request.opened_by != party and _cancels_alone(decision, command, party)
    if alone or amount is None:
        return False
    if not meets(request, party, amount, request.amount or 0):
        return False
    _check_cancel(decision, command, party, checks)
    if not checks.first():
        agree(decision, request, party, command.said)
    return True


def _check_cancel(decision: Decision, command: MakeRequest, party: Party, checks: Checks) -> None:
    """What speaks against a cancel request by itself, whatever else is open."""
    order = decision.order
    chosen = order.policy.requests.cancel
    checks.refuse("wrong_phase", order.phase not in chosen.phases, phase=order.phase)
    available_at = right_available_at(order, party, decision.now)
    lacks_right = command.approval == "skip" and _right(decision, command, party) is None
    checks.refuse("approval_needed", lacks_right, available_at=available_at)
    _check_words(decision, command, party, checks)
    _check_amount(decision, command, party, checks)
    checks.refuse("escalation_not_offered", command.no_agreement and not chosen.no_agreement)


def _cancels_alone(decision: Decision, command: MakeRequest, party: Party) -> bool:
    """Whether the request would end the order by a right of the party's own. A party that says there is no agreement
    wants an operator instead."""
    wants = command.approval != "ask" and not command.no_agreement
    return wants and _right(decision, command, party) is not None


def _right(decision: Decision, command: MakeRequest, party: Party) -> Right | None:
    named = _named_amount(decision.order, party, command)
    return right_to_cancel_alone(decision.order, party, named, decision.now, decision.counted)


def _amount_of(decision: Decision, command: MakeRequest, party: Party) -> int | None:
    """The gross that a cancel request offers: as named, or the least that it may be where the policy has no amount."""
    if command.amount is not None or party in decision.order.policy.requests.cancel.amount_from:
        return command.amount
    return least_gross(decision, party)


def least_gross(decision: Decision, party: Party) -> int:
    """The least gross that a party may offer: what is released, and a client's compensation where it needs approval
    (rules, 16)."""
    order = decision.order
    if party == "freelancer" or right_to_cancel_alone(order, party, None, decision.now, decision.counted):
        return order.released
    return max(order.released, compensation(order))


def _check_words(decision: Decision, command: MakeRequest, party: Party, checks: Checks) -> None:
    chosen = decision.order.policy.requests.cancel
    checks.refuse("reason_required", party in chosen.reason_from and not command.reason)
    checks.refuse("explanation_required", party in chosen.explanation_from and not command.said)
    no_agreement = command.no_agreement and chosen.no_agreement
    needed = chosen.no_agreement_attestations if no_agreement else chosen.attestations
    missing = [statement for statement in needed if statement not in command.attestations]
    checks.refuse("attestation_missing", bool(missing), missing=missing)


def _check_amount(decision: Decision, command: MakeRequest, party: Party, checks: Checks) -> None:
    order, chosen = decision.order, decision.order.policy.requests.cancel
    least, most = least_gross(decision, party), gross_bounds(order)[1]
    if party not in chosen.amount_from:
        most = least
    no_agreement = command.no_agreement and chosen.no_agreement
    needed = party in chosen.amount_from and not no_agreement
    checks.amount(command.amount, (least, most), required=needed)


def _check_patience(decision: Decision, party: Party, checks: Checks) -> None:
    order, chosen = decision.order, decision.order.policy.requests.cancel
    declined = order.declined_at.get(party)
    if declined is not None:
        free_at = declined + chosen.cooldown
        checks.refuse("cooling_down", decision.now < free_at, available_at=free_at)
    counted = order.counted_requests.get(party, 0)
    checks.refuse("too_many_requests", 0 < chosen.max_requests <= counted, at_most=chosen.max_requests)


def _named_amount(order: Order, party: Party, command: MakeRequest) -> int | None:
    """The gross that canceling would give: as named, or what is released where the policy has no amount."""
    if command.amount is not None or party in order.policy.requests.cancel.amount_from:
        return command.amount
    return order.released


def _cancel_alone(decision: Decision, command: MakeRequest, party: Party, right: Right, amount: int | None) -> None:
    order = decision.order
    how: How
    match right:
        case "very_late":
            how = "forced_late"
        case "regret_window":
            how = "regretted"
        case "waiting_requirements" | "full_return":
            how = "unilateral"
    if order.open_request:
        decision.happen(RequestEnded(status="superseded", kind=order.open_request.kind, by=party))
    if order.open_case:
        decision.happen(CaseClosed(because="canceled_alone", by=party))
    cancel(
        decision,
        how=how,
        initiator=party,
        reason=command.reason,
        gross=order.released if amount is None else amount,
        fault="freelancer" if how == "forced_late" else None,
        communicated=party in order.wrote,
        explained=command.said is not None,
    )


def _ask(decision: Decision, command: MakeRequest, party: Party, amount: int | None) -> None:
    order = decision.order
    chosen = order.policy.requests.cancel
    no_agreement = command.no_agreement
    to_operator = no_agreement or chosen.operator_review
    asked: Party = "freelancer" if party == "client" else "client"
    due, reminder = answer_window(decision, "cancel", asked)
    least = least_gross(decision, party)
    decision.happen(
        RequestOpened(
            number=order.requests + 1,
            kind="cancel",
            by=party,
            version=order.offers + 1,
            amount=amount,
            reason=command.reason,
            comment=command.said,
            private_note=command.private_note,
            answer_due_at=None if to_operator else due,
            reminder_at=None if to_operator else reminder,
            communicated=party in order.wrote,
            asks=not to_operator,
            at_least=least if least > order.released else None,
        )
    )
    names_it = party == "client" and party in chosen.amount_from
    if chosen.pay_named_part_at_once and names_it and amount is not None and amount > order.released:
        decision.happen(PartReleased(gross=amount))
    if to_operator:
        open_case_from_request(decision, by=party, review=chosen.operator_review and not no_agreement)
