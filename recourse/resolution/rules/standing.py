"""An order that stands still, for a hold or a chargeback: what it refuses, and how it goes on (rules, 13 and 14)."""

from recourse.resolution.model.command import Command
from recourse.resolution.model.commands import (
    Accept,
    Appeal,
    Complete,
    Counter,
    Escalate,
    MakeRequest,
    Settle,
    UndoCancellation,
)
from recourse.resolution.model.fields import is_blank
from recourse.resolution.model.operator_commands import HoldOrder, LiftHold, Propose, RetryPayment, Rule, SettleByHand
from recourse.resolution.model.order import Order
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.standing import ClocksMoved, HoldLifted, OrderHeld
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.rules.absence import move_answers
from recourse.resolution.rules.decision import Decision

# What would move the money, or what is open between the two. Everything else goes on.
_REFUSED = (
    MakeRequest,
    Accept,
    Counter,
    Settle,
    UndoCancellation,
    Escalate,
    Propose,
    Rule,
    Appeal,
    Complete,
    RetryPayment,
    SettleByHand,
)


def check_still(order: Order, command: Command, checks: Checks) -> None:
    """What an order refuses while it stands still."""
    if order.still and isinstance(command, _REFUSED):
        checks.refuse("chargeback_open", order.still.chargeback)
        _check_hold(order, checks)


def _check_hold(order: Order, checks: Checks) -> None:
    checks.refuse("on_hold", order.hold is not None, until=order.hold.until if order.hold else None)


def hold(decision: Decision, command: HoldOrder, checks: Checks) -> None:
    """An operator stops the order, for as long as the policy leaves it."""
    order, now = decision.order, decision.now
    left = order.hold_left(now)
    checks.refuse("order_closed", order.settlement == "settled", phase=order.phase)
    _check_hold(order, checks)
    checks.refuse("hold_used", not left)
    checks.refuse("explanation_required", is_blank(command.explanation or ""))
    if not checks.first():
        decision.happen(OrderHeld(since=decision.counted, until=now + left))


def lift_hold(decision: Decision, command: LiftHold, checks: Checks) -> None:
    """An operator ends the hold before its time."""
    checks.refuse("no_hold", decision.order.hold is None)
    if not checks.first():
        decision.happen(HoldLifted(by="operator"))
        go_on(decision)


def end_hold(decision: Decision) -> None:
    """The time of the hold is over."""
    decision.happen(HoldLifted(by="system"))
    go_on(decision)


def go_on(decision: Decision) -> None:
    """A cause for standing still has ended. Without another, each clock goes on with the time that it had left."""
    before, now = decision.order, decision.now
    if before.still is None or before.still.caused:
        return
    since = before.still.since
    for party in PARTIES:
        # The windows of a party that is away stand still as well, until it is back.
        back = before.away_until(party, since) or since
        move_answers(decision, party, back, max(back, now))
    decision.happen(ClocksMoved(length=now - since))
