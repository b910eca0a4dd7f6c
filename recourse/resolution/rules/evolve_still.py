"""What changes when an order stands still no more; a part of `evolve`."""

from datetime import datetime, timedelta
from typing import Any

from recourse.resolution.model.dispute import Case
from recourse.resolution.model.order import Order
from recourse.resolution.model.standing import AutoComplete, ClocksMoved


def without_hold(order: Order, now: datetime) -> dict[str, Any]:
    """The hold is over; what it did not use is not lost."""
    still, hold = order.still, order.hold
    if still is None or hold is None:
        raise AssertionError("no hold to lift")
    used = order.hold_used + min(hold.until, now) - hold.since
    return {"still": still.model_copy(update={"hold": None}), "hold_used": used}


def moved_on(order: Order, event: ClocksMoved) -> dict[str, Any]:
    """Every instant of the order at which a clock ends, or from which it counts, has moved by the same length. Those of
    answers move by events of their own, for the windows of a policy pause on some days."""
    length = event.length
    changes: dict[str, Any] = {
        "still": None,
        "stood_still": order.stood_still + length,
        "hold_until": _moved(order.hold_until, length),
        "retry_at": _moved(order.retry_at, length),
        "cases_until": _moved(order.cases_until, length),
        "heard_at": order.heard_at + length,
        "last_case_end": _moved(order.last_case_end, length),
        "wrote_at": {party: at + length for party, at in order.wrote_at.items()},
    }
    if order.auto_complete:
        changes["auto_complete"] = _moved_clock(order.auto_complete, length)
    if order.open_case:
        changes["case"] = _moved_case(order.open_case, length)
    # A canceled order that is brought back moves its due date by all of the time for which it was canceled.
    if order.still and (order.closed_at is None or order.closed_at > order.still.since):
        changes["due_at"] = _moved(order.due_at, length)
    return changes


def _moved(at: datetime | None, length: timedelta) -> datetime | None:
    return at + length if at else None


def _moved_clock(clock: AutoComplete, length: timedelta) -> AutoComplete:
    moved = {name: _moved(getattr(clock, name), length) for name in ("completes_at", "would_complete_at")}
    return clock.model_copy(update=moved)


def _moved_case(case: Case, length: timedelta) -> Case:
    changes: dict[str, Any] = {
        "due_at": case.due_at + length,
        "clock_from": case.clock_from + length,
        "appealable_until": _moved(case.appealable_until, length),
    }
    if case.spoke_at:
        changes["spoke_at"] = {party: at + length for party, at in case.spoke_at.items()}
    return case.model_copy(update=changes)
