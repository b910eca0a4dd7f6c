"""The record as people read it: one line an entry, with the instant, who, what, what came of it, and the money."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from rich.text import Text

from recourse.cli.tables import Cell, Column, Listing
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.case_events import ProposalMade, RulingMade, SettlementOffered
from recourse.resolution.model.entry import WORDS_FOR_OPERATORS, EntryContent, OtherEvent, RefusedEntry
from recourse.resolution.model.events import Event, OrderCanceled, RequestCountered, ResolutionChanged
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.payment_events import ChargebackOpened, LegPaid, LegReturned, MoneyMoved
from recourse.resolution.model.record import Export, ExportedEntry
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.zones import read_zone
from recourse.wording.english import as_words

_TONES = {"refused": "yellow", "order_canceled": "red", "completed": "green", "money_moved": "green"}
# What a command is about, of its fields.
_NAMED = ("event", "kind", "leg", "reason", "outcome", "visibility", "rating")
# What a reader wants of each event, in addition to its name.
_TOLD = ("status", "because", "how", "outcome", "due_at", "answer_due_at")


def timeline(record: Export | Sequence[RecordEntry], *, currency: str | None = None, zone: str = "UTC") -> Listing:
    """The record as a table, instants on the clock of `zone`.

    `record` is an export or the entries themselves; those do not know their `currency`, and without it amounts stay
    minor units. Hidden entries are shown as such. Raises ValueError where there is no such zone.
    """
    read_zone(zone)
    entries: Sequence[ExportedEntry | RecordEntry] = record.entries if isinstance(record, Export) else record
    if isinstance(record, Export):
        currency = currency or record.currency
    when = f"when ({zone})" if zone != "UTC" else "when"
    rows: list[tuple[Cell, ...]] = [(str(entry.number), *_row(entry, currency, zone)) for entry in entries]
    return Listing((Column("#", right=True), when, "who", "what", "what came of it", "money"), rows)


def _row(entry: ExportedEntry | RecordEntry, currency: str | None, zone: str) -> Iterator[Text]:
    try:
        content = entry.parsed
    except ValidationError:
        # An export comes from anybody.
        yield from (Text("-"), Text("-"), _text("cannot be read as an entry"), Text(), Text())
        return
    if content is None:
        yield from (Text("-"), Text("-"), Text("hidden from this reader", style="dim"), Text(), Text())
        return
    counted = f"\ncounts from {write_instant(content.counted_at, zone)}" if content.counted_at else ""
    yield _text(f"{write_instant(content.at, zone)}{counted}")
    yield _text(f"{content.actor.role} {content.actor.id}" if content.actor else "somebody")
    yield _what(content, currency)
    yield _outcome(content, currency, zone)
    yield _money(content, currency)


def _what(content: EntryContent, currency: str | None) -> Text:
    fields = dict(content.fields)
    parts = [str(fields.pop(name)) for name in _NAMED if name in fields]
    if "amount" in fields:
        parts.append(_amount(fields.pop("amount"), currency))
    said = [fields.pop(name) for name in ("comment", "explanation", "text", "title") if name in fields]
    text = _text(as_words(content.command), "bold")
    if parts:
        text.append_text(_text(" " + ", ".join(as_words(part) for part in parts)))
    for one in said:
        text.append_text(_text(f"\n“{one}”", "italic"))
    for name in WORDS_FOR_OPERATORS:
        if note := (content.private or {}).get(name):
            text.append_text(_text(f"\nfor operators only: “{note}”", "italic dim"))
    if reference := (content.private or {}).get("reference"):
        text.append_text(_text(f"\nreference {reference}", "dim"))
    return text


def _outcome(content: EntryContent, currency: str | None, zone: str) -> Text:
    if isinstance(content, RefusedEntry):
        return _text(f"refused: {as_words(content.code)}", _TONES["refused"])
    lines = Text("\n").join(_event(event, currency, zone) for event in content.events)
    if content.from_ != content.to:
        lines = _text(f"{as_words(content.from_)} → {as_words(content.to)}\n", "bold").append_text(lines)
    return lines


def _event(event: Event | OtherEvent, currency: str | None, zone: str) -> Text:
    told = dict(event) | (dict(event.resolution) if isinstance(event, OrderCanceled | ResolutionChanged) else {})
    parts = []
    for name in _TOLD:
        value = told.get(name)
        if value is not None:
            parts.append(f"until {write_instant(value, zone)}" if isinstance(value, datetime) else as_words(value))
    if isinstance(event, RequestCountered | ProposalMade | SettlementOffered | RulingMade):
        parts += [_amount(event.amount, currency)] if event.amount is not None else []
    return _text(as_words(event.event) + (f": {', '.join(parts)}" if parts else ""), _TONES.get(event.event, ""))


def _money(content: EntryContent, currency: str | None) -> Text:
    if isinstance(content, RefusedEntry):
        return Text()
    lines = [
        f"{account} {'+' if amount > 0 else ''}{_amount(amount, currency)}"
        for event in content.events
        if isinstance(event, MoneyMoved)
        for account, amount in event.sums
        if amount
    ]
    lines += [
        f"{event.leg} +{_amount(event.amount, currency)}" for event in content.events if isinstance(event, LegPaid)
    ]
    lines += [
        f"{event.leg} -{_amount(event.amount, currency)}" for event in content.events if isinstance(event, LegReturned)
    ]
    lines += [
        f"contested +{_amount(event.amount, currency)}"
        for event in content.events
        if isinstance(event, ChargebackOpened)
    ]
    return _text("\n".join([*lines, f"still held {_amount(content.money.held, currency)}"] if lines else []))


def _amount(minor: Any, currency: str | None) -> str:
    return write_amount(minor, currency) if currency and type(minor) is int else str(minor)


def _text(text: str, style: str = "") -> Text:
    """A text that only ever shows: no markup, no escape sequence of a party reaches the terminal."""
    return Text(visible(text, lines=True), style)
