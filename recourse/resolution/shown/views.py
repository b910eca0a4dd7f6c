"""What each role sees of an order (rules, 8 and 9). A party's view has the operator's keys, less what is private."""

from datetime import datetime
from typing import Any

from recourse.resolution.model.lateness import lateness
from recourse.resolution.model.money import held
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import PARTIES, Party, Visibility
from recourse.resolution.rules.clocks import is_over
from recourse.resolution.rules.speaking import reviews_left
from recourse.resolution.rules.windows import silence_means
from recourse.resolution.shown.scores import marks, scores
from recourse.resolution.shown.turn import turn


def view(order: Order, reader: Reader, now: datetime) -> dict[str, Any]:
    """The order's page for one role at `now`: plain values, instants as aware datetimes, money in minor units."""
    terms = order.terms
    operator = reader == "operator"
    hidden = 0 if reader == "operator" else order.hidden_from.get(reader, 0)
    return {
        "order_id": terms.order_id,
        "policy": order.policy.name,
        "client": terms.client,
        "freelancer": terms.freelancer,
        "currency": terms.currency,
        "price": terms.price,
        "service_fee": terms.service_fee,
        "ordered_at": terms.ordered_at,
        "phase": order.phase,
        "lateness": lateness(order, now),
        "due_at": order.due_at,
        "completes_at": completes_at(order),
        "closed_at": order.closed_at,
        "request": _request(order, operator),
        "case": _case(order),
        "resolution": _resolution(order),
        "turn": turn(order).model_dump(),
        "settlement": order.settlement,
        "settles_at": settles_at(order),
        "money": {**order.moved.model_dump(), "held": held(order)},
        "scores": scores(order, confidential=operator),
        "flags": marks(order),
        "reviews": reviews(order, reader, now),
        "record_length": order.record_length - hidden,
    }


def reviews(order: Order, reader: Reader, now: datetime) -> dict[Party, list[Visibility]]:
    """What each party that the reader may know of may still leave: nothing once the order answers no more."""
    over = is_over(order, now)
    readers = [party for party in PARTIES if reader in ("operator", party)]
    return {party: [] if over else reviews_left(order, party) for party in readers}


def completes_at(order: Order) -> datetime | None:
    """When a delivered order completes by itself; None while that clock does not run."""
    return order.auto_complete.completes_at if order.auto_complete and order.phase == "delivered" else None


def settles_at(order: Order) -> datetime | None:
    """When held money moves, if nothing else is decided; None where it is not held."""
    if order.settlement != "held" or order.hold_until is None:
        return None
    request = order.open_request
    if request and request.answer_due_at:
        return max(order.hold_until, request.answer_due_at)
    return order.hold_until


def _request(order: Order, operator: bool) -> dict[str, Any] | None:
    request = order.request
    if request is None:
        return None
    shown = request.model_dump(
        include={
            "number",
            "kind",
            "status",
            "opened_by",
            "asked",
            "version",
            "amount",
            "reason",
            "comment",
            "answer_due_at",
            "extend_by",
        }
    )
    if request.status == "open":
        shown["silence_means"] = silence_means(order, request.kind, request.asked)
    if operator:
        shown["private_note"] = request.private_note
    return shown


def _case(order: Order) -> dict[str, Any] | None:
    case = order.case
    if case is None:
        return None
    shown = case.model_dump(include={"stage", "opened_by", "opened_at", "due_at", "appeals"})
    shown["offers"] = case.offers.model_dump(exclude_none=True)
    shown["proposal"] = case.proposal.model_dump() if case.proposal else None
    shown["ruling"] = case.ruling.model_dump(include={"outcome", "amount", "explanation"}) if case.ruling else None
    return shown


def _resolution(order: Order) -> dict[str, Any] | None:
    return order.resolution.model_dump(exclude={"explained", "settled_between_parties"}) if order.resolution else None
