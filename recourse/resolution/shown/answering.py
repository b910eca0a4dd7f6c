"""What a decision leaves: its entry in the record, and the answer to the sender."""

from datetime import datetime
from typing import Any

from recourse.resolution.model.events import FeedbackLeft
from recourse.resolution.model.money import held
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Applied, NextClock, Outcome, Refused, RequestSummary
from recourse.resolution.model.reading import Message
from recourse.resolution.model.refusals import SENTENCES, Code, Refusal
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.rules.clocks import Clock, next_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.shown.turn import turn


def entry_content(
    decision: Decision, before: Order, message: Message | None, clock: Clock | None, refusal: Refusal | None
) -> dict[str, Any]:
    """What the record keeps of a decision; `before` is the order that it was made on."""
    after = decision.order
    content: dict[str, Any] = {"at": decision.now.isoformat()}
    if message is not None:
        fields = dict(message.fields)
        private = {key: fields.pop(key) for key in ("private_note", "unreadable") if key in fields}
        actor = message.actor
        content |= {
            "actor": actor.model_dump() if actor else None,
            "command": message.name,
            "command_id": message.command_id,
            "fields": fields,
            # Always there, so that whether somebody left a private note cannot be told.
            "private": private,
        }
        if actor and actor.role in PARTIES and actor.id != before.party(actor.role):
            content["stranger"] = True
    elif clock is not None:
        content |= {"actor": {"role": "system", "id": "clock"}, "command": clock.name, "fields": {}}
        content["due_at"] = clock.at.isoformat()
    if refusal is not None:
        return content | {
            "outcome": "refused",
            "code": refusal.code,
            "details": _plain(refusal.details),
            "from": before.phase,
            "to": before.phase,
        }
    confidential = any(isinstance(event, FeedbackLeft) and event.visibility == "private" for event in decision.events)
    return content | {
        "outcome": "applied",
        "from": before.phase,
        "to": after.phase,
        "events": [event.model_dump(mode="json", exclude={"private_note"}) for event in decision.events],
        "money": {**after.moved.model_dump(), "held": held(after)},
        **({"confidential": True} if confidential else {}),
    }


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


def unrecorded(order_id: str, command: str, command_id: str, code: Code, **details: Any) -> Refused:
    """A refusal that leaves no entry in the record: the command could not be sent, or the order answers no more."""
    return Refused(
        order_id=order_id,
        command=command,
        command_id=command_id,
        code=code,
        message=SENTENCES[code],
        details=details,
    )


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for key, value in details.items()
    }
