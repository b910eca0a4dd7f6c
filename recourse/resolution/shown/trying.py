"""How a command can be filled in now: variants to try, and the bounds of those that would be applied (rules, 11)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.money import gross_bounds, refund_bounds
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import Reader
from recourse.resolution.rules.requesting import longest_extension

Fields = dict[str, Any]


def variants(order: Order, name: str, role: Reader) -> Iterator[Fields]:
    """The command `name`, filled in as well as the policy allows, at each bound of what may be named."""
    least, most = gross_bounds(order)
    match name:
        case "request":
            yield from _requests(order, role)
        case "counter":
            request = order.open_request
            bounds = refund_bounds(order) if request and request.kind == "partial_refund" else (least, most)
            # Where counter-offers are used up, only one that meets the standing offer is left.
            standing = request.amount if request and request.amount is not None else least
            yield from ({"amount": amount} for amount in (*bounds, standing))
        case "settle":
            yield from ({"amount": amount} for amount in (least, most))
        case "propose":
            yield from ({"amount": amount, "explanation": "-"} for amount in (least, most))
        case "rule":
            yield {"outcome": "continue", "explanation": "-"}
            yield from ({"outcome": "cancel", "amount": amount, "explanation": "-"} for amount in (least, most))
            yield {"outcome": "let_them_decide", "explanation": "-"}
        case "leave_feedback":
            for visibility in ("public", "private"):
                for rating in ("positive", "negative"):
                    yield {"visibility": visibility, "rating": rating}
        case "accept" | "appeal":
            yield {"comment": "-"}
        case _:
            yield {}


def _requests(order: Order, role: Reader) -> Iterator[Fields]:
    policy = order.policy
    reason = next((code for code, known in policy.reasons.items() if role in known.by), None)
    base: Fields = {"comment": "-", "reason": reason}
    attested = [*policy.requests.cancel.attestations, *policy.requests.cancel.no_agreement_attestations]
    amounts = gross_bounds(order) if role in policy.requests.cancel.amount_from else (None,)
    for amount in amounts:
        yield {"kind": "cancel", "amount": amount, "attestations": attested, **base}
    if policy.requests.cancel.no_agreement:
        yield {"kind": "cancel", "no_agreement": True, "attestations": attested, **base}
    yield {"kind": "extension", "extend_by": timedelta(seconds=1), **base}
    yield {"kind": "update", **base}
    yield from ({"kind": "partial_refund", "amount": amount, **base} for amount in refund_bounds(order))


def described(order: Order, name: str, role: Reader, applied: Sequence[Fields]) -> Fields:
    """What whoever fills in the command must know: its fields, and what each may be; `applied` are the variants
    that would be."""
    fields = set(COMMANDS[name].model_fields) - {"actor", "command_id", "sent_at"}
    about: Fields = {"about": COMMANDS[name].about, "fields": sorted(fields)}
    match name:
        case "request":
            about |= _described_requests(order, role, applied)
        case "counter" | "settle" | "propose" | "rule":
            about |= _amount("amount", applied)
        case _:
            pass
    for field, plural in (("visibility", "visibility"), ("rating", "rating"), ("outcome", "outcomes")):
        if field in fields:
            about[plural] = _each(field, applied)
    return about


def _described_requests(order: Order, role: Reader, applied: Sequence[Fields]) -> Fields:
    cancel = order.policy.requests.cancel
    about: Fields = {
        "kinds": _each("kind", applied),
        "reasons": sorted(code for code, reason in order.policy.reasons.items() if role in reason.by),
    }
    if "cancel" in about["kinds"]:
        about["attestations"] = list(cancel.attestations)
        about |= _amount("amount", [fields for fields in applied if fields["kind"] == "cancel"])
    if any(fields.get("no_agreement") for fields in applied):
        about["no_agreement_attestations"] = list(cancel.no_agreement_attestations)
    if "extension" in about["kinds"]:
        about["extend_by"] = {"at_least": "1s", "at_most": write_duration(longest_extension(order))}
    refunds = [fields for fields in applied if fields["kind"] == "partial_refund"]
    return about | _amount("refund", refunds)


def _each(field: str, applied: Sequence[Fields]) -> list[Any]:
    return list(dict.fromkeys(fields[field] for fields in applied))


def _amount(name: str, applied: Sequence[Fields]) -> Fields:
    amounts = [fields["amount"] for fields in applied if fields.get("amount") is not None]
    return {name: {"at_least": min(amounts), "at_most": max(amounts)}} if amounts else {}
