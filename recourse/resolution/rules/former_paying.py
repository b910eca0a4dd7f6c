"""How builds of data version 1 paid: the provider was asked for a payment as a whole, before its step was written.

Histories in which they did so are replayed by these rules; no order is paid like that any more.
"""

from recourse.resolution.model.money import owed
from recourse.resolution.model.order import Order
from recourse.resolution.model.payment_events import MoneyMoved, PaymentFailed
from recourse.resolution.model.payments import Sums
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.paying import wait_before


def payment_due(order: Order, *, retrying: bool = False) -> Sums | None:
    """What the payment provider was to move now; None: nothing. `retrying`: its clock fired."""
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
    """The provider did not pay: a clock tries again."""
    decision.happen(PaymentFailed(sums=payment, retry_at=decision.now + wait_before(decision.order)))
