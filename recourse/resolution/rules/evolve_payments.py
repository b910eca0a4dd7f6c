"""What the events of payments change; a part of `evolve`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from recourse.resolution.model.money import FINAL
from recourse.resolution.model.order import Order
from recourse.resolution.model.payment_events import (
    ChargebackClosed,
    ChargebackOpened,
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
from recourse.resolution.model.payments import ACCOUNTS, Chargeback, Leg, Sums
from recourse.resolution.model.standing import Standstill
from recourse.resolution.model.vocabulary import SettlementStatus


def payment_changes(
    order: Order,
    event: MoneyMoved
    | PaymentMade
    | LegPaid
    | LegLowered
    | LegRetried
    | LegReturned
    | LegBlocked
    | LegsFailed
    | MoneySettled
    | PaidBeyond
    | DebtRecorded
    | ChargebackOpened
    | ChargebackClosed
    | LossBorne,
    now: datetime,
) -> dict[str, Any]:
    """What changes in an order when something happens to its payments."""
    match event:
        case MoneyMoved():
            legs = _legs(order, event.sums)
            changes: dict[str, Any] = {
                "moved": order.moved.plus(event.sums),
                "payments": order.payments + bool(legs),
                "legs": (*order.legs, *legs),
                "paid_at": now if legs else order.paid_at,
                "unpaid": None,
                "retry_at": event.rest_at,
                "retries": 0,
                "provider_failed": order.provider_failed and event.rest_at is not None,
            }
            return changes | {"settlement": "settled" if event.final else _stands(order, order.legs)}
        case PaymentMade():
            new = {"status": "blocked", "reason": event.blocked} if event.blocked else {"status": "waiting"}
            legs = _legs(order, event.sums, attempts=0, **new)
            return {
                "moved": order.moved.plus(event.sums.given),
                "payments": order.payments + bool(legs),
                "unpaid": None,
                "provider_failed": False,
                # The provider is asked at once for all that waits.
                "retries": 0,
                **_with_legs(order, (*order.legs, *legs), order.time(now)),
            }
        case LegPaid():
            paid: dict[str, Any] = {
                "status": "done",
                "reason": None,
                "reference": event.reference,
                "by_hand": event.by_hand,
            }
            if event.former_key is not None:
                keys = next(leg for leg in order.legs if leg.id == event.leg).next_key - 1
                paid |= {"key": event.former_key, "keys": keys, "amount": event.amount}
            # A leg that was lowered to nothing was kept only until the provider said that no former key had paid it.
            legs, _ = _changed(order, event.leg, **(paid if event.amount else {"status": "void"}))
            return {
                "moved": order.moved.plus_paid(event.leg, event.amount),
                "paid_at": now,
                **_with_legs(order, legs, order.retry_at),
            }
        case LegLowered():
            lowered = next(leg for leg in order.legs if leg.id == event.leg)
            how: dict[str, Any] = {"amount": event.amount, "key": lowered.next_key, "attempts": 0}
            if lowered.stuck and not event.amount:
                how |= {"status": "void", "reason": None}
            legs = tuple(leg.model_copy(update=how) if leg is lowered else leg for leg in order.legs)
            if lowered.status != "waiting":
                return _with_legs(order, legs, order.retry_at)
            return {"retries": 0, **_with_legs(order, legs, order.time(now))}
        case PaidBeyond():
            return {"beyond": {**order.beyond, event.party: order.beyond.get(event.party, 0) + (event.amount or 0)}}
        case LossBorne():
            client = order.beyond.get("client", 0) + event.amount
            freelancer = order.beyond.get("freelancer", 0) - event.from_payouts
            return {"beyond": {"client": client, "freelancer": freelancer}}
        case ChargebackOpened():
            still = order.still or Standstill(since=event.since)
            opened = Chargeback(
                amount=event.amount,
                opened_at=now,
                respond_by=event.respond_by,
                reference=event.reference,
                from_platform=event.from_platform,
            )
            return {
                "chargebacks": (*order.chargebacks, opened),
                "moved": order.moved.plus(Sums(platform=-event.from_platform, contested=event.amount)),
                "still": still.model_copy(update={"chargeback": True}),
            }
        case ChargebackClosed():
            *former, closed = order.chargebacks
            if event.outcome == "won":
                moved = Sums(platform=closed.from_platform, contested=-closed.amount)
            else:
                moved = Sums(client=closed.amount, contested=-closed.amount)
            return {
                "chargebacks": (*former, closed.model_copy(update={"status": event.outcome})),
                "moved": order.moved.plus(moved),
                "paid_at": now,
                "still": order.still and order.still.model_copy(update={"chargeback": False}),
            }
        case DebtRecorded():
            return {"debts": {"freelancer": order.debts.get("freelancer", 0) + (event.amount or 0)}}
        case LegRetried():
            again = next(leg for leg in order.legs if leg.id == event.leg)
            legs, _ = _changed(order, event.leg, status="waiting", key=again.next_key, attempts=0, reason=None)
            return {"retries": 0, **_with_legs(order, legs, order.time(now))}
        case LegReturned():
            legs, leg = _changed(order, event.leg, status="returned", reference=None)
            moved = order.moved.plus_paid(leg.id, -leg.amount)
            return {"moved": moved, **_with_legs(order, legs, order.retry_at)}
        case LegBlocked():
            legs, _ = _changed(order, event.leg, status="blocked", reason=event.reason)
            return _with_legs(order, legs, order.retry_at)
        case LegsFailed():
            legs = order.legs
            for name in event.legs:
                legs, _ = _changed(order.model_copy(update={"legs": legs}), name)
            return {"retries": order.retries + 1, **_with_legs(order, legs, event.retry_at)}
        case MoneySettled():
            return {"settlement": "settled", "hold_until": None}
        case _:
            assert_never(event)


def _legs(order: Order, sums: Sums, **how: Any) -> tuple[Leg, ...]:
    """The legs of a new payment: those with something to pay."""
    amounts = {name: getattr(sums, account) for name, account in ACCOUNTS.items()}
    number = order.payments + 1
    return tuple(Leg(payment=number, name=name, amount=amount, **how) for name, amount in amounts.items() if amount > 0)


def _changed(order: Order, leg_id: str, **changes: Any) -> tuple[tuple[Leg, ...], Leg]:
    """The legs of an order with one more attempt at one of them, and that one as it was."""
    [found] = [leg for leg in order.legs if leg.id == leg_id]
    changed = found.model_copy(update={"attempts": found.attempts + 1, **changes})
    return tuple(changed if leg is found else leg for leg in order.legs), found


def _with_legs(order: Order, legs: Sequence[Leg], retry_at: datetime | None) -> dict[str, Any]:
    waits = any(leg.status == "waiting" for leg in legs)
    changes: dict[str, Any] = {"legs": tuple(legs), "settlement": _stands(order, legs)}
    return changes | ({"retry_at": retry_at} if waits else {"retry_at": None, "retries": 0})


def _stands(order: Order, legs: Sequence[Leg]) -> SettlementStatus:
    """Where the settlement stands with these legs, once the final payment is made."""
    if order.settlement not in FINAL:
        return order.settlement
    if any(leg.status in ("blocked", "returned") for leg in legs):
        return "blocked"
    waiting = [leg for leg in legs if leg.status == "waiting"]
    if waiting and (order.settlement not in ("executing", "settled") or any(leg.attempts for leg in waiting)):
        return "retrying"
    # A payment that a settled order makes is told of only where it fails.
    return "executing" if waiting else order.settlement
