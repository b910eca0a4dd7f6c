"""Payments out of escrow: when they are made, and what follows from what the provider says (rules, 7 and 13)."""

from collections.abc import Mapping
from datetime import timedelta

from recourse.resolution.model.money import FINAL, loss, owed
from recourse.resolution.model.operator_commands import PaymentEvent, RetryPayment, SettleByHand
from recourse.resolution.model.order import Order
from recourse.resolution.model.payment_events import (
    DebtRecorded,
    LegBlocked,
    LegLowered,
    LegPaid,
    LegRetried,
    LegReturned,
    LegsFailed,
    LossBorne,
    MoneyMoved,
    MoneySettled,
    PaidBeyond,
    PaymentMade,
)
from recourse.resolution.model.payments import Leg, LegAnswer, LegName, Sums
from recourse.resolution.model.refusals import Checks
from recourse.resolution.rules.decision import Decision

LONGEST_RETRY = timedelta(hours=1)
_DOUBLINGS = 6
BUILT_IN = "ledger"
ASKED_BEFORE = "An earlier version asked the provider for this payment as a whole, and has no answer."


def make_payments(decision: Decision, *, retrying: bool = False) -> None:
    """Make a payment of what is owed, as the last thing of a decision, unless the order stands still. `retrying`: the
    clock of retries fired.

    The built-in ledger pays it at once; a provider is asked for its legs afterwards (`take_answers`).
    """
    order = decision.order
    if order.still:
        return
    if order.unpaid is not None:
        if not retrying:
            return
        # Whether the money of a payment that was asked for as a whole has moved, only operators can find out.
        decision.happen(PaymentMade(sums=order.unpaid, final=False, blocked=ASKED_BEFORE))
    _bear_loss(decision)
    order = decision.order
    due, executing = owed(order), order.settlement == "executing"
    if order.opening.provider == BUILT_IN:
        for leg in waiting_legs(order):
            decision.happen(LegPaid(leg=leg.id, amount=leg.amount))
        order = decision.order
    if order.opening.provider == BUILT_IN and (due != Sums() or executing):
        final = executing and not order.open_legs
        decision.happen(MoneyMoved(sums=due, final=final, told=final and decision.before.settlement == "held"))
    elif due != Sums():
        decision.happen(PaymentMade(sums=due, final=executing))
    _settle(decision)


def lower_legs(decision: Decision, name: LegName, by: int) -> int:
    """Lower the legs of one kind that are not done by so much in all, in their order; what could not be lowered."""
    for leg in decision.order.open_legs:
        cut = min(leg.amount, by) if leg.name == name else 0
        if cut:
            decision.happen(LegLowered(leg=leg.id, amount=leg.amount - cut))
            by -= cut
    return by


def pay_out_less(decision: Decision) -> None:
    """The freelancer is to get less: payouts that are not done are lowered. What it was paid beyond, it keeps."""
    kept = lower_legs(decision, "payout", max(-owed(decision.order).freelancer, 0))
    if not kept:
        return
    decision.happen(PaidBeyond(party="freelancer", amount=kept))
    order, money = decision.order, decision.order.policy.money
    if "freelancer" in (money.late_refund_from, money.chargeback_loss if order.charged_back else None):
        decision.happen(DebtRecorded(amount=kept))


def _bear_loss(decision: Decision) -> None:
    """Reckon, with the final payment or after it, what lost chargebacks took beyond what the client was still to get
    (rules, 13). The freelancer owes, where it bears that, no more than what it has received."""
    order = decision.order
    lost, from_payouts = loss(order) if order.charged_back and order.settlement in FINAL else (0, 0)
    if not lost:
        return
    decision.happen(LossBorne(amount=lost, from_payouts=from_payouts))
    lower_legs(decision, "payout", max(-owed(decision.order).freelancer, 0))
    if order.policy.money.chargeback_loss == "freelancer":
        owes = min(lost - from_payouts, order.moved.freelancer - order.debts.get("freelancer", 0))
        if owes > 0:
            decision.happen(DebtRecorded(amount=owes))


def retry_payment(decision: Decision, command: RetryPayment, checks: Checks) -> None:
    """An operator has a leg tried again that is blocked or came back."""
    if _stuck(decision.order, command.leg, checks):
        decision.happen(LegRetried(leg=command.leg))


def settle_by_hand(decision: Decision, command: SettleByHand, checks: Checks) -> None:
    """An operator says that such a leg was paid outside of the provider."""
    leg = _stuck(decision.order, command.leg, checks)
    checks.refuse("explanation_required", not (command.explanation or "").strip())
    if leg and not checks.first():
        decision.happen(LegPaid(leg=leg.id, amount=leg.amount, reference=command.reference, by_hand=True))


def take_back_leg(decision: Decision, command: PaymentEvent, checks: Checks) -> None:
    """The provider reports that a leg which it had paid has come back in full. A late report may be about a former
    payment of the leg, which has another reference."""
    paid = [leg for leg in decision.order.legs if leg.id == command.leg and leg.status == "done" and not leg.by_hand]
    paid = [leg for leg in paid if None in (leg.reference, command.reference) or leg.reference == command.reference]
    checks.refuse("no_such_payment", not paid, leg=command.leg)
    if not checks.first():
        decision.happen(LegReturned(leg=paid[0].id, amount=paid[0].amount))


def _stuck(order: Order, name: str, checks: Checks) -> Leg | None:
    stuck = [leg for leg in order.legs if leg.stuck]
    found = next((leg for leg in stuck if leg.id == name), None)
    checks.refuse("no_blocked_payment", found is None, blocked=[leg.id for leg in stuck])
    return None if checks.first() else found


def take_answers(decision: Decision, answers: Mapping[str, LegAnswer]) -> None:
    """What the provider said to the legs that wait, by leg; without an answer, one has failed and is tried again."""
    order = decision.order
    waiting = waiting_legs(order)
    for leg in waiting:
        answer = answers.get(leg.id)
        if answer is None:
            continue
        if answer.status == "done" and answer.former_key is not None:
            _take_former(decision, leg, answer)
        elif answer.status == "done":
            decision.happen(LegPaid(leg=leg.id, amount=leg.amount, reference=answer.reference))
        else:
            decision.happen(LegBlocked(leg=leg.id, amount=leg.amount, reason=answer.reason))
    if any(answer.former_key is not None for answer in answers.values()):
        make_payments(decision)
    failed = tuple(leg.id for leg in waiting if leg.id not in answers)
    if failed:
        decision.happen(LegsFailed(legs=failed, retry_at=decision.now + wait_before(order)))
    _settle(decision)


def _take_former(decision: Decision, leg: Leg, answer: LegAnswer) -> None:
    """It had been paid before it was lowered. Nothing is paid twice: its party keeps what that is more."""
    paid = leg.amount if answer.amount is None else answer.amount
    decision.happen(LegPaid(leg=leg.id, amount=paid, reference=answer.reference, former_key=answer.former_key))
    if leg.name == "payout":
        pay_out_less(decision)


def pay_all(decision: Decision, *, retrying: bool = False) -> Order:
    """The order after a decision whose payments all go through: none while the provider fails, until it is asked again
    (`retrying`)."""
    make_payments(decision, retrying=retrying)
    waiting = waiting_legs(decision.order) if not decision.order.still else ()
    if retrying or any(leg.attempts == 0 for leg in waiting):
        # A leg under a new key is no sign that the provider works again.
        failing = any(leg.attempts for leg in (*waiting_legs(decision.before), *waiting))
        works = retrying or not failing
        take_answers(decision, {leg.id: LegAnswer(status="done") for leg in waiting if works})
    return decision.order


def waiting_legs(order: Order) -> tuple[Leg, ...]:
    """The legs of which the provider is asked, in that order."""
    return tuple(leg for leg in order.legs if leg.status == "waiting")


def wait_before(order: Order) -> timedelta:
    """How long until the provider is asked again: not long at first, an hour in the end."""
    return min(timedelta(minutes=2 ** min(order.retries, _DOUBLINGS)), LONGEST_RETRY)


def _settle(decision: Decision) -> None:
    """Let the money of a closed order be settled once all of it has moved."""
    before, order = decision.before, decision.order
    if order.settlement in FINAL - {"settled"} and not order.open_legs:
        held = before.settlement == "held" or (before.settlement == "executing" and before.hold_until is not None)
        decision.happen(MoneySettled(told=held or before.settlement in ("blocked", "retrying")))
