"""The story that every contestant plays: an order is placed, the client asks to cancel, the freelancer accepts, the
undo window passes by a timer, and the money moves. Four steps are written, with the same rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Terms

POLICY = load_policy("glimmer", {"undo.window": "1s", "order.reachable_after": "0h"})
CLIENT = {"role": "client", "id": "c-1"}
FREELANCER = {"role": "freelancer", "id": "f-1"}
REQUEST: dict[str, Any] = {
    "actor": CLIENT,
    "command_id": "ask",
    "kind": "cancel",
    "reason": "no_longer_needed",
    "amount": 2_500,
    "attestations": ["discussed", "tried_to_resolve", "agreed_compensation"],
}
ACCEPT: dict[str, Any] = {"actor": FREELANCER, "command_id": "yes"}
STEPS = 4  # the opening, the request, the acceptance, the settlement


def opening(order_id: str, ordered_at: datetime | None = None, policy: Policy = POLICY) -> Opening:
    """A new order of the story, by default one of now."""
    terms = Terms(
        order_id=order_id,
        client="c-1",
        freelancer="f-1",
        price=10_000,
        service_fee=550,
        ordered_at=ordered_at or datetime.now(UTC),
        delivery_time=timedelta(days=5),
    )
    return Opening(terms=terms, policy=policy, record_salt="0123456789abcdef")
