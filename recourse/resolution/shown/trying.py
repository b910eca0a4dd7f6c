"""How a command can be filled in now: variants to try, and the bounds of those that would be applied (rules, 11)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, Field

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.money import compensation, extra_bounds, gross_bounds, late_refund_bounds, refund_bounds
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import Kind, Rating, View, Visibility, if_any, party_of
from recourse.resolution.rules.agreeing import counter_bounds
from recourse.resolution.rules.requesting import longest_extension

Fields = dict[str, Any]
# The policy cuts an absence to what it leaves the party.
_LATE = datetime(9999, 1, 1, tzinfo=UTC)


class Bounds(View):
    """The bounds of an amount."""

    at_least: int = Field(description="The least, in minor units.")
    at_most: int = Field(description="The most, in minor units.")


class Durations(View):
    """The bounds of a duration."""

    at_least: Duration = Field(description="The shortest, such as `1s`.")
    at_most: Duration = Field(description="The longest, such as `5d`.")


class Action(View):
    """A command that would be applied now. What it does not take is left out."""

    about: str = Field(description="What the command does, for people.")
    fields: list[str] = Field(description="The fields that it takes besides the actor.")
    until: AwareDatetime | None = Field(description="Until when it stays possible, where a deadline ends that.")
    kinds: list[Kind] | None = if_any("The kinds of request that may be opened.")
    reasons: list[str] | None = if_any("The reason codes that this role may give.")
    attestations: list[str] | None = if_any("What must be confirmed to ask for a cancellation.")
    no_agreement_attestations: list[str] | None = if_any("What must be confirmed to cancel without an agreement.")
    extend_by: Durations | None = if_any("How much longer an extension may last.")
    outcomes: list[str] | None = if_any("The outcomes that a ruling may have.")
    rating: list[Rating] | None = if_any("The ratings that a review may have.")
    legs: list[str] | None = if_any("The legs of payments that it may be about.")
    amount: Bounds | None = if_any("The bounds of `amount`: the freelancer's gross, or that of an open refund.")
    refund: Bounds | None = if_any("The bounds of `amount` in a partial refund.")
    extra: Bounds | None = if_any("The bounds of `amount` in an extra.")
    give: Durations | None = if_any("How much more time you can give the other side.")
    visibility: list[Visibility] | None = if_any("Who may read a review.")


def variants(order: Order, name: str, role: Reader) -> Iterator[Fields]:
    """The command `name`, filled in as well as the policy allows, at each bound of what may be named."""
    least, most = gross_bounds(order)
    match name:
        case "request":
            yield from _requests(order, role)
        case "counter":
            request = order.open_request
            bounds = counter_bounds(order, request, party_of(role)) if request else (least, most)
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
            back = late_refund_bounds(order)
            yield from ({"outcome": "refund", "amount": amount, "explanation": "-"} for amount in back)
            yield {"outcome": "let_them_decide", "explanation": "-"}
        case "leave_feedback":
            for visibility in ("public", "private"):
                for rating in ("positive", "negative"):
                    yield {"visibility": visibility, "rating": rating}
        case "retry_payment":
            yield from ({"leg": leg.id} for leg in order.legs)
        case "settle_by_hand":
            yield from ({"leg": leg.id, "reference": "-", "explanation": "-"} for leg in order.legs)
        case "accept" | "appeal" | "escalate":
            yield {"comment": "-"}
        case "give_time":
            yield {"by": timedelta(seconds=1)}
        case "away":
            yield {"until": _LATE}
        case "open_case" | "hold":
            yield {"explanation": "-"}
        case "note" | "note_to_staff":
            yield {"text": "-"}
        case "take_case":
            yield from ({"over": over} for over in (False, True))
        case _:
            yield {}


def _requests(order: Order, role: Reader) -> Iterator[Fields]:
    policy = order.policy
    reason = next((code for code, known in policy.reasons.items() if role in known.by), None)
    base: Fields = {"comment": "-", "reason": reason}
    attested = [*policy.requests.cancel.attestations, *policy.requests.cancel.no_agreement_attestations]
    least, most = gross_bounds(order)
    # At a bound, or at what crosses the other side's request.
    standing = order.open_request.amount if order.open_request else None
    named = (least, max(least, compensation(order)), most if standing is None else standing, most)
    for amount in dict.fromkeys(named) if role in policy.requests.cancel.amount_from else (None,):
        yield {"kind": "cancel", "amount": amount, "attestations": attested, **base}
    if policy.requests.cancel.no_agreement:
        yield {"kind": "cancel", "no_agreement": True, "attestations": attested, **base}
    yield {"kind": "extension", "extend_by": timedelta(seconds=1), **base}
    yield {"kind": "update", **base}
    yield from ({"kind": "partial_refund", "amount": amount, **base} for amount in refund_bounds(order))
    yield from ({"kind": "extra", "amount": amount, **base} for amount in extra_bounds(order))


def described(order: Order, name: str, role: Reader, applied: Sequence[Fields], until: datetime | None) -> Action:
    """What a user must know to fill in the command; `applied` are the variants that would be applied."""
    command = COMMANDS[name]
    fields = set(command.model_fields) - {"actor", "command_id", "sent_at"}
    about: Fields = {}
    match name:
        case "request":
            about = _described_requests(order, role, applied)
        case "counter" | "settle" | "propose" | "rule":
            about["amount"] = _bounds(applied)
        case "give_time":
            given = order.open_request.given if order.open_request else timedelta(0)
            left = order.policy.answers.give_time_at_most - given
            about["give"] = Durations(at_least=timedelta(seconds=1), at_most=left)
        case _:
            pass
    for field, plural in (("visibility", "visibility"), ("rating", "rating"), ("outcome", "outcomes"), ("leg", "legs")):
        if field in fields:
            about[plural] = _each(field, applied)
    return Action(about=command.about, fields=sorted(fields), until=until, **about)


def _described_requests(order: Order, role: Reader, applied: Sequence[Fields]) -> Fields:
    cancel, kinds = order.policy.requests.cancel, _each("kind", applied)
    canceling = [fields for fields in applied if fields["kind"] == "cancel"]
    alone = any(fields.get("no_agreement") for fields in applied)
    longest = longest_extension(order) if {"extension", "extra"} & set(kinds) else None
    return {
        "kinds": kinds,
        "reasons": sorted(code for code, reason in order.policy.reasons.items() if role in reason.by),
        "attestations": list(cancel.attestations) if canceling else None,
        "amount": _bounds(canceling),
        "no_agreement_attestations": list(cancel.no_agreement_attestations) if alone else None,
        "extend_by": Durations(at_least=timedelta(seconds=1), at_most=longest) if longest else None,
        "refund": _bounds([fields for fields in applied if fields["kind"] == "partial_refund"]),
        "extra": _bounds([fields for fields in applied if fields["kind"] == "extra"]),
    }


def _each(field: str, applied: Sequence[Fields]) -> list[Any]:
    return list(dict.fromkeys(fields[field] for fields in applied))


def _bounds(applied: Sequence[Fields]) -> Bounds | None:
    amounts = [fields["amount"] for fields in applied if fields.get("amount") is not None]
    return Bounds(at_least=min(amounts), at_most=max(amounts)) if amounts else None
