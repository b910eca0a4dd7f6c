"""Payments out of escrow: when one is due, and what follows when the provider makes it, or fails (rules, 7)."""

from datetime import timedelta

from recourse.resolution.model.events import MoneyMoved, PaymentFailed
from recourse.resolution.model.money import owed
from recourse.resolution.model.order import Order, Sums
from recourse.resolution.rules.decision import Decision

LONGEST_RETRY = timedelta(hours=1)
_DOUBLINGS = 6


def payment_due(order: Order, *, retrying: bool = False) -> Sums | None:
    """What the payment provider must move now; None: nothing. A settlement may have nothing left to move.

    A payment that failed is tried again as it was, and whatever is owed besides waits for it: one idempotency key
    never stands for two amounts. `retrying`: its clock fired.
    """
    if order.unpaid is not None:
        return order.unpaid if retrying else None
    due = owed(order)
    return due if due.total or order.settlement in ("executing", "retrying") else None


def make_paid(decision: Decision, payment: Sums, *, told: bool) -> None:
    """The payment went through. `told`: the parties hear of it by itself, once all that is owed has moved."""
    order = decision.order
    more = owed(order) != payment
    decision.happen(
        MoneyMoved(
            sums=payment,
            final=order.settlement in ("executing", "retrying") and not more,
            told=told and not more,
            rest_at=decision.now if more else None,
        )
    )


def make_failed(decision: Decision, payment: Sums) -> None:
    """The provider did not pay: a clock tries again, sooner at first, every hour in the end."""
    wait = min(timedelta(minutes=2 ** min(decision.order.retries, _DOUBLINGS)), LONGEST_RETRY)
    decision.happen(PaymentFailed(sums=payment, retry_at=decision.now + wait))
