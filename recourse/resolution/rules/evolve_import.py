"""What the coming of an order from elsewhere changes; a part of `evolve`."""

from datetime import datetime
from typing import Any

from recourse.resolution.model.dispute import Request
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.order import Order
from recourse.resolution.model.standing import AutoComplete
from recourse.resolution.model.vocabulary import PARTIES, Party, other


def import_changes(order: Order, state: OpeningState, now: datetime) -> dict[str, Any]:
    """What a new order becomes where this was already true of it. What its record says need not be kept with it."""
    declined = sorted(state.declined_at.items(), key=lambda one: (one[1], one[0]))
    moved = [order.heard_at, state.since, state.delivered_at, *state.declined_at.values()]
    moved.append(state.request.opened_at if state.request else None)
    return {
        "opening": order.opening.model_copy(update={"state": None}),
        "imported": state.digest,
        "phase": state.phase,
        "due_at": state.due_at,
        "delivered_once": state.last_delivery is not None or state.phase == "in_revision",
        "revisions": state.revisions,
        "extras": state.extras.price,
        "extra_fees": state.extras.service_fee,
        "released": state.released,
        "refunded": state.refunded,
        "request": _declined(len(declined), declined[-1][0], state) if declined else None,
        "requests": len(declined),
        "offers": len(declined),
        "counted_requests": {party: 1 for party, _ in declined},
        "declined_at": dict(declined),
        "auto_complete": _clock(order, state, declined),
        "wrote": tuple(party for party in PARTIES if party in state.wrote),
        "heard_at": max(at for at in moved if at is not None),
        "decided_at": now,
    }


def _declined(number: int, by: Party, state: OpeningState) -> Request:
    """The latest request that was declined; what it said, nobody knows here."""
    return Request(
        number=number,
        kind="cancel",
        status="declined",
        opened_by=by,
        asked=other(by),
        version=number,
        amount=None,
        extend_by=None,
        reason=None,
        comment=None,
        private_note=None,
        answer_due_at=None,
        reminder_at=None,
        communicated=by in state.wrote,
        spoken=tuple(party for party in PARTIES if party in state.wrote),
    )


def _clock(order: Order, state: OpeningState, declined: list[tuple[Party, datetime]]) -> AutoComplete | None:
    length, delivered_at = order.policy.order.auto_complete, state.last_delivery
    if state.phase != "delivered" or length is None or delivered_at is None:
        return None
    # Only the first request since the delivery stops the clock.
    since = [number for number, (_, at) in enumerate(declined, start=1) if at > delivered_at]
    return AutoComplete(completes_at=state.completes_at or delivered_at + length, stopper=since[0] if since else None)
