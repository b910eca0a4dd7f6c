"""Every reasonable way to fill in each command: few values, each of them at or beside a bound that matters."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.money import (
    chargeback_bounds,
    compensation,
    extra_bounds,
    gross_bounds,
    late_refund_bounds,
    refund_bounds,
)
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import Reader

ROLES: tuple[Reader, ...] = ("client", "freelancer", "operator")
LATE, EARLY = "2100-01-01T00:00:00Z", "2000-01-01T00:00:00Z"
ALL_ATTESTATIONS = ["discussed", "tried_to_resolve", "agreed_compensation"]


def commands_of(role: Reader) -> list[str]:
    """The commands that a role may give at all."""
    return sorted(name for name, command in COMMANDS.items() if role in command.roles)


def choices(order: Order, name: str, role: Reader) -> Iterator[dict[str, Any]]:
    """Fields of the command `name`: the reasonable ones first, then such as leave out or overdo something."""
    least, most = gross_bounds(order)
    standing = order.open_request.amount if order.open_request else None
    match name:
        case "request":
            yield from _requests(order, role)
        case "counter":
            low, high = refund_bounds(order) if order.open_request and order.open_request.kind != "cancel" else (0, 0)
            own = order.open_request.at_least if order.open_request else None
            for amount in _amounts(standing, least, most, low, high, own):
                yield {"amount": amount}
        case "settle":
            offers = order.case.offers if order.case else None
            for amount in _amounts(
                offers.client if offers else None, offers.freelancer if offers else None, least, most
            ):
                yield {"amount": amount}
        case "propose":
            for amount, explanation in product(_amounts(least, most), ("-", " ", None)):
                yield {"amount": amount, "explanation": explanation}
        case "rule":
            for outcome, amount, explanation in product(
                ("cancel", "continue", "let_them_decide"), _amounts(least, most), ("-", None)
            ):
                yield {"outcome": outcome, "amount": amount, "explanation": explanation}
            for amount in _amounts(*late_refund_bounds(order)):
                yield {"outcome": "refund", "amount": amount, "explanation": "-"}
        case "leave_feedback":
            for visibility, rating in product(("public", "private"), ("positive", "negative")):
                yield {"visibility": visibility, "rating": rating, "text": "-"}
        case "accept" | "decline":
            for comment, version in product(("-", None), (None, order.offers, order.offers - 1)):
                yield {"comment": comment, "expected_version": version}
        case "retry_payment":
            yield from ({"leg": leg} for leg in _legs(order))
        case "settle_by_hand":
            for leg in _legs(order):
                yield {"leg": leg, "reference": "-", "explanation": "-"}
        case "payment_event":
            for amount in _amounts(*chargeback_bounds(order)):
                yield {"event": "chargeback_opened", "amount": amount}
            for outcome in ("won", "lost"):
                yield {"event": "chargeback_closed", "outcome": outcome}
            yield from ({"event": "returned", "leg": leg} for leg in _legs(order))
        case "add_evidence":
            yield {"title": "-", "kind": "-", "sha256": "0" * 64, "address": "-"}
        case "message":
            yield {"comment": "-"}
        case "give_time":
            given = order.open_request.given if order.open_request else timedelta(0)
            left = order.policy.answers.give_time_at_most - given
            for length in ("1s", "24h", write_duration(left), write_duration(left + timedelta(seconds=1))):
                yield {"by": length if length != "0h" else "1h"}
        case "away":
            for until in (LATE, EARLY):
                yield {"until": until}
        case "open_case" | "hold":
            for explanation in ("-", " ", None):
                yield {"explanation": explanation}
        case "take_case":
            for over in (False, True):
                yield {"over": over}
        case "note" | "note_to_staff":
            yield {"text": "-"}
        case _:
            yield {"comment": "-"}
            yield {}


def _requests(order: Order, role: Reader) -> Iterator[dict[str, Any]]:
    own = [code for code, reason in order.policy.reasons.items() if role in reason.by]
    words: dict[str, Any] = {"reason": own[0] if own else None, "comment": "-"}
    amounts = _amounts(*gross_bounds(order), compensation(order))
    approvals = ("if_needed", "ask", "skip")
    for amount, approval, no_agreement in product(amounts, approvals, (False, True)):
        fields = {"amount": amount, "approval": approval, "no_agreement": no_agreement}
        yield {"kind": "cancel", "attestations": ALL_ATTESTATIONS, **words, **fields}
    amount = _offer(order, role)
    for reason in (*order.policy.reasons, None, "no_such_reason"):
        yield {"kind": "cancel", "attestations": ALL_ATTESTATIONS, "comment": "-", "reason": reason, "amount": amount}
    for comment, attested in product(("-", " ", None), (ALL_ATTESTATIONS, ALL_ATTESTATIONS[:2], [])):
        yield {
            "kind": "cancel",
            "attestations": attested,
            "reason": words["reason"],
            "comment": comment,
            "amount": amount,
        }
    for extend_by in ("24h", "1s", "3660d"):
        yield {"kind": "extension", "extend_by": extend_by, **words}
    for amount in _amounts(*extra_bounds(order)):
        yield {"kind": "extra", "amount": amount, **words}
    yield {"kind": "extra", "amount": 1, "extend_by": "3660d", **words}
    yield {"kind": "update", **words}
    for amount in _amounts(*refund_bounds(order)):
        yield {"kind": "partial_refund", "amount": amount, **words}


def _offer(order: Order, role: Reader) -> int | None:
    """An amount with which this party may ask to cancel, where it names any."""
    if role not in order.policy.requests.cancel.amount_from:
        return None
    request = order.open_request
    crosses = request is not None and request.kind == "cancel" and request.asked == role
    least = request.amount if crosses and request and request.amount is not None else gross_bounds(order)[0]
    return max(least, compensation(order)) if role == "client" else least


def _amounts(*around: int | None) -> list[int | None]:
    known = {amount for amount in around if amount is not None}
    beside = {amount + step for amount in known for step in (-1, 0, 1)}
    middle = {(min(known) + max(known)) // 2} if known else set()
    return [*sorted(beside | middle), None]


def _legs(order: Order) -> list[str]:
    """Those of its payments, and another that it does not have."""
    return [*(leg.id for leg in order.legs), "99.refund"]
