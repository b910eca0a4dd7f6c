"""Orders that lived here, as another marketplace would have brought them: what a state can say of them, or that it
cannot say all."""

from typing import Any

from recourse.resolution.model.opening_state import Extras, OpeningState, WaitingRequest
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy_requests import Compensation
from recourse.resolution.model.vocabulary import OPEN_PHASES, PARTIES
from recourse.resolution.rules.windows import lengths
from tests.rules.walk import State


def brought(state: State) -> OpeningState | None:
    """What another marketplace would say of this order; None: it has a past that no state says."""
    order, lived = state.order, list(_lived(state))
    request = order.open_request
    if order.phase not in OPEN_PHASES or order.case or order.expired_offers or order.away_used or order.away:
        return None
    if order.still or order.hold_used or order.stood_still or order.chargebacks:
        return None
    if order.undo_used or order.free_at or order.wrote_at or order.appeal_used or order.fee_back_at_least:
        return None
    if request and (request.kind == "undo" or request.given or request.private_note):
        return None
    # A request keeps the compensation of the phase in which it was opened.
    opened_in = next((one.order.phase for one in lived if request and one.order.requests == request.number), None)
    if opened_in not in (None, order.phase) and order.policy.requests.cancel.compensation != Compensation():
        return None
    since = next(one.now for one in lived if one.order.phase == order.phase)
    for one in reversed(lived):
        if one.order.phase != order.phase:
            break
        since = one.now
    waiting = _waiting(order, lived)
    delivered = [one.now for one in lived if one.by and one.by.name == "deliver"]
    clock = order.auto_complete
    said = OpeningState(
        phase=order.phase,
        since=since,
        due_at=order.due_at,
        delivered_at=delivered[-1] if delivered else None,
        completes_at=(clock.completes_at or clock.would_complete_at) if clock else None,
        revisions=order.revisions,
        extras=Extras(price=order.extras, service_fee=order.extra_fees),
        released=order.released,
        refunded=order.refunded,
        request=waiting,
        declined_at=order.declined_at,
        wrote=order.wrote,
    )
    return said if _says_all(order, said) else None


def without_words(order: Order) -> Order:
    """The order without what no state says of it: the words of requests that are over."""
    changes: dict[str, Any] = {"declined": _wordless(order, "declined"), "operator_case_used": False}
    request = order.open_request
    if request:
        said = request.opened_by if request.explained else None
        spoken = tuple(party for party in PARTIES if party in (*order.wrote, said))
        changes["request"] = request.model_copy(update={"spoken": spoken})
    if order.request and order.request.status != "open":
        disputed = order.request.kind == "cancel" and order.request.status == "declined"
        changes["request"] = _wordless(order, "request") if disputed else None
    return order.model_copy(update=changes)


def _wordless(order: Order, name: str) -> Any:
    found = getattr(order, name)
    over = {"reason": None, "comment": None, "communicated": False, "spoken": order.wrote, "at_least": 0}
    return found.model_copy(update=over) if found else None


def _lived(state: State) -> list[State]:
    """Every state on the way here, the first one first."""
    before = _lived(state.came_from) if state.came_from else []
    return [*before, state]


def _waiting(order: Order, lived: list[State]) -> WaitingRequest | None:
    request = order.open_request
    if request is None or request.answer_due_at is None or request.kind == "undo":
        return None
    names = request.kind != "cancel" or request.opened_by in order.policy.requests.cancel.amount_from
    reminds = lengths(order.policy, request.kind, request.asked)[1] is not None
    return WaitingRequest(
        kind=request.kind,
        by=request.opened_by,
        opened_at=next(one.now for one in lived if one.order.requests == request.number),
        answer_due_at=request.answer_due_at,
        amount=request.amount if names or request.counters else None,
        extend_by=request.extend_by,
        reason=request.reason,
        comment=request.comment,
        counters=request.counters,
        reminder_sent=reminds and request.reminder_at is None,
    )


def _says_all(order: Order, said: OpeningState) -> bool:
    """Whether nothing happened of which a state says less."""
    request, clock = order.open_request, order.auto_complete
    known = dict.fromkeys(said.declined_at, 1)
    if said.request and said.request.kind == "cancel":
        known[said.request.by] = known.get(said.request.by, 0) + 1
    if {party: count for party, count in order.counted_requests.items() if count} != known:
        return False
    moved = [order.terms.ordered_at, said.since, said.delivered_at, *said.declined_at.values()]
    moved.append(said.request.opened_at if said.request else None)
    if order.heard_at != max(at for at in moved if at is not None):
        return False
    if clock and clock.took_back:
        return False
    # What happened within the same second has no order.
    if said.last_delivery in said.declined_at.values():
        return False
    stopper = clock.stopper if clock else None
    if stopper is not None and stopper not in {one.number for one in (request, order.disputed) if one}:
        return False
    disputed = order.disputed
    return disputed is None or not (disputed.escalated_by or disputed.ruled_on)


def shown(order: Order, view: Any) -> dict[str, Any]:
    """What a reader sees of an order, but for its record and the numbers of what is over."""
    page: dict[str, Any] = view.model_dump(mode="json", exclude={"record_length", "payments"})
    if order.open_request is None:
        page.pop("request", None)
    elif page.get("request"):
        for name in ("number", "version"):
            page["request"].pop(name)
    return page
