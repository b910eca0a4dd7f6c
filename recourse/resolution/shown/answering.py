"""What a decision leaves: its entry in the record, and the answer to the sender."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from recourse.resolution.model.command import Actor
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.entry import AppliedEntry, ClockFired, EntryContent, RefusedEntry
from recourse.resolution.model.events import Event, FeedbackLeft, RequestOpened
from recourse.resolution.model.money import balances
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Applied, NextClock, Outcome, Refused, RequestSummary
from recourse.resolution.model.payment_events import (
    ChargebackOpened,
    DebtRecorded,
    LegBlocked,
    LegPaid,
    PaidBeyond,
)
from recourse.resolution.model.reading import Message
from recourse.resolution.model.record import hidden_counts, make_entry
from recourse.resolution.model.refusals import SENTENCES, Refusal, RefusalCode
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.rules.clocks import Clock, next_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.shown.turn import turn

# What no command, but the first entry of an order that began elsewhere is called.
IMPORTED = "imported"


def entry_content(
    decision: Decision, before: Order, message: Message | None, clock: Clock | None, refusal: Refusal | None
) -> EntryContent:
    """What the record keeps of a decision; `before` is the order that it was made on."""
    after = decision.order
    events = tuple(_without_private(event) for event in decision.events)
    happened: dict[str, Any] = {"from_": before.phase, "to": after.phase, "events": events, "money": balances(after)}
    if clock is not None:
        by = Actor(role="system", id="clock")
        said = _by_provider(decision.events) | _debts(decision.events) or None
        return ClockFired(at=decision.now, actor=by, command=clock.name, due_at=clock.at, private=said, **happened)
    if message is None:
        raise AssertionError("a decision is about a message or a clock")
    fields, actor = dict(message.fields), message.actor
    command = COMMANDS.get(message.name)
    kept_apart = ("unreadable", *(command.for_operators if command else ()))
    private = {key: fields.pop(key) for key in kept_apart if key in fields} | _debts(decision.events)
    sent: dict[str, Any] = {
        "at": decision.now,
        "counted_at": None if decision.counted == decision.now else decision.counted,
        "actor": actor,
        "command": message.name,
        "command_id": message.command_id,
        "fields": fields,
        "private": private,
    }
    if refusal is not None:
        # By alias, since a type checker without pydantic's plugin knows no other name of this field.
        return RefusedEntry(
            **{**sent, "from": before.phase},
            code=refusal.code,
            details=_plain(refusal.details),
            stranger=bool(actor and actor.role in PARTIES and actor.id != before.party(actor.role)),
            to=before.phase,
        )
    private_review = any(isinstance(event, FeedbackLeft) and event.visibility == "private" for event in events)
    unseen = private_review or (command is not None and command.unseen)
    return AppliedEntry(**sent, **happened, confidential=unseen)


def imported_content(decision: Decision) -> EntryContent:
    """What the record of an order that began elsewhere begins with."""
    order = decision.order
    return AppliedEntry(
        at=decision.now,
        actor=Actor(role="system", id="import"),
        command=IMPORTED,
        command_id=IMPORTED,
        **{"from": decision.before.phase},
        to=order.phase,
        events=tuple(decision.events),
        money=balances(order),
    )


def add_entry(order: Order, at: datetime, said: EntryContent) -> tuple[Order, RecordEntry]:
    """The order with one more entry in its record, and that entry."""
    entry, hidden = make_entry(order, at, said), hidden_counts(order, said)
    changes = {"record_length": entry.number, "record_hash": entry.hash, "hidden_from": hidden}
    return order.model_copy(update=changes), entry


def _without_private(event: Event) -> Event:
    match event:
        case RequestOpened():
            return event.model_copy(update={"private_note": None})
        case LegPaid():
            return event.model_copy(update={"reference": None})
        case LegBlocked():
            return event.model_copy(update={"reason": None})
        case ChargebackOpened():
            return event.model_copy(update={"reference": None})
        case PaidBeyond() | DebtRecorded():
            return event.model_copy(update={"amount": None})
    return event


def _by_provider(events: Sequence[Event]) -> dict[str, Any]:
    """What the provider said of each leg, which operators may read."""
    said = {one.leg: one.reference for one in events if isinstance(one, LegPaid)}
    said |= {one.leg: one.reason for one in events if isinstance(one, LegBlocked)}
    return {leg: text for leg, text in said.items() if text}


def _debts(events: Sequence[Event]) -> dict[str, Any]:
    """What a party keeps beyond its part, and what the freelancer owes of it. The other side may not learn it."""
    kept = sum(one.amount or 0 for one in events if isinstance(one, PaidBeyond))
    debt = sum(one.amount or 0 for one in events if isinstance(one, DebtRecorded))
    return {name: amount for name, amount in (("kept", kept), ("debt", debt)) if amount}


def outcome_of(
    decision: Decision, order: Order, entry: RecordEntry, message: Message, refusal: Refusal | None
) -> Outcome:
    """The answer to a message: applied, or refused; `order` is as the decision leaves it."""
    order_id = order.terms.order_id
    if refusal:
        return Refused(
            order_id=order_id,
            command=message.name,
            command_id=message.command_id,
            code=refusal.code,
            message=refusal.sentence,
            details=_plain(refusal.details),
            entry=entry.number,
            at=entry.at,
        )
    request, following = order.request, next_clock(order)
    return Applied(
        order_id=order_id,
        command=message.name,
        command_id=message.command_id,
        entry=entry.number,
        at=entry.at,
        events=tuple(event.event for event in decision.events),
        phase=order.phase,
        request=RequestSummary(number=request.number, kind=request.kind, status=request.status, version=request.version)
        if request
        else None,
        settlement=order.settlement,
        turn=turn(order),
        next=NextClock(name=following.name, at=following.at) if following else None,
    )


def unrecorded(order_id: str, command: str, command_id: str, code: RefusalCode, **details: Any) -> Refused:
    """A refusal that leaves no entry in the record: the command could not be sent, the order answers no more, or the
    record has the same refusal already."""
    return Refused(
        order_id=order_id,
        command=command,
        command_id=command_id,
        code=code,
        message=SENTENCES[code],
        details=_plain(details),
    )


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for key, value in details.items()
    }
