"""How late an order is: derived from its due date, never stored [R22, R33]. All boundaries are inclusive."""

from datetime import datetime

from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import Lateness


def lateness(order: Order, now: datetime) -> Lateness:
    """`late` from the due date, `very_late` from the end of the grace, unless anything was ever delivered.

    It stands still when the order closes, and while the order does.
    """
    moment = min(order.closed_at or now, order.time(now))
    if order.due_at is None or order.delivered_once or moment < order.due_at:
        return "on_time"
    very_late_at = becomes_very_late_at(order)
    return "very_late" if very_late_at is not None and moment >= very_late_at else "late"


def becomes_very_late_at(order: Order) -> datetime | None:
    """When an undelivered order is very late; None where that never comes."""
    grace = order.policy.order.late_grace
    if order.due_at is None or order.delivered_once or grace is None:
        return None
    return order.due_at + grace
