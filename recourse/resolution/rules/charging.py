"""Chargebacks: the client's bank takes money back, and decides later whether for good (rules, 13)."""

from datetime import datetime
from typing import assert_never

from recourse.resolution.model.case_events import CaseClosed
from recourse.resolution.model.events import RequestEnded
from recourse.resolution.model.money import chargeback_bounds, held
from recourse.resolution.model.operator_commands import PaymentEvent
from recourse.resolution.model.order import Order
from recourse.resolution.model.payment_events import ChargebackClosed, ChargebackOpened
from recourse.resolution.model.refusals import Checks
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import charge_back
from recourse.resolution.rules.paying import lower_legs, take_back_leg
from recourse.resolution.rules.standing import go_on


def payment_event(decision: Decision, command: PaymentEvent, checks: Checks) -> None:
    """What the payment provider reports."""
    match command.event:
        case "returned":
            take_back_leg(decision, command, checks)
        case "chargeback_opened":
            _open(decision, command, checks)
        case "chargeback_closed":
            _close(decision, command, checks)
        case _:
            assert_never(command.event)


def _open(decision: Decision, command: PaymentEvent, checks: Checks) -> None:
    """The amount is contested: it comes from escrow as far as anything is held, the rest from the platform."""
    order = decision.order
    known = {one.reference for one in order.chargebacks if one.reference is not None}
    checks.refuse("chargeback_open", order.open_chargeback is not None)
    checks.refuse("chargeback_known", command.reference in known)
    checks.amount(command.amount, chargeback_bounds(order))
    if checks.first() or command.amount is None:
        return
    decision.happen(
        ChargebackOpened(
            amount=command.amount,
            from_platform=max(command.amount - held(order), 0),
            respond_by=command.respond_by,
            since=decision.counted,
            reference=command.reference,
        )
    )


def _close(decision: Decision, command: PaymentEvent, checks: Checks) -> None:
    """The bank has decided. Without a reference the open chargeback is meant; with another one an earlier one is."""
    chargeback = decision.order.open_chargeback
    other = chargeback and command.reference and chargeback.reference not in (None, command.reference)
    checks.refuse("no_chargeback", chargeback is None or bool(other))
    if checks.first():
        return
    if command.outcome == "lost":
        _lose(decision, ChargebackClosed(outcome="lost", by="system"))
    else:
        decision.happen(ChargebackClosed(outcome="won", by="system"))
        go_on(decision)


def lost_at(order: Order) -> datetime | None:
    """When the open chargeback counts as lost because nobody closed it."""
    chargeback = order.open_chargeback
    return chargeback.opened_at + order.policy.money.chargeback_lost_after if chargeback else None


def lose_by_time(decision: Decision) -> None:
    """Nobody closed the chargeback for so long that it counts as lost."""
    _lose(decision, ChargebackClosed(outcome="lost", by="clock"))


def _lose(decision: Decision, closed: ChargebackClosed) -> None:
    """The client has the money: what is still to come is lowered by it, and an order that is open ends so. The ending
    of a closed order stands and can no longer be turned back; only an appeal against it is still heard."""
    chargeback = decision.order.open_chargeback
    if chargeback is None:
        raise AssertionError("no chargeback to lose")
    decision.happen(closed)
    lower_legs(decision, "refund", chargeback.amount)
    order = decision.order
    if order.open_request:
        decision.happen(RequestEnded(status="superseded", kind=order.open_request.kind, by="system"))
    if order.open_case and order.phase != "canceled":
        decision.happen(CaseClosed(because="charged_back", by="system"))
    go_on(decision)
    if not order.closed:
        charge_back(decision)
