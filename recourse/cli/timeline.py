"""The record as people read it: one line an entry, with the instant, who, what, what came of it, and the money."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import printable
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.record import Export
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.zones import read_zone
from recourse.wording.english import as_words

_TONES = {"refused": "yellow", "order_canceled": "red", "completed": "green", "money_moved": "green"}
# What a reader wants of each event, in addition to its name.
_TOLD = ("status", "because", "how", "outcome", "due_at", "answer_due_at")


def timeline(record: Export | Sequence[RecordEntry], *, currency: str | None = None, zone: str = "UTC") -> Table:
    """The record as a table for `rich`, instants on the clock of `zone`.

    `record` is an export or the entries themselves; those do not know their `currency`, and without it amounts stay
    minor units. Hidden entries are shown as such. Raises ValueError where there is no such zone.
    """
    read_zone(zone)
    if isinstance(record, Export):
        shown = [(entry.number, entry.content) for entry in record.entries]
        currency = currency or str(record.order.get("currency") or "") or None
    else:
        shown = [(entry.number, entry.content) for entry in record]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column(f"When ({zone})" if zone != "UTC" else "When", no_wrap=True)
    for title in ("Who", "What", "What came of it", "Money"):
        table.add_column(title, overflow="fold")
    for number, content in shown:
        table.add_row(str(number), *_row(content, currency, zone))
    return table


def _row(content: Mapping[str, Any] | None, currency: str | None, zone: str) -> Iterator[Text]:
    if content is None:
        yield from (Text("-"), Text("-"), Text("hidden from this reader", style="dim"), Text(), Text())
        return
    actor = _map(content.get("actor"))
    yield _text(_when(content.get("at"), zone))
    yield _text(" ".join(str(actor.get(key, "")) for key in ("role", "id")).strip() or "somebody")
    yield _what(content, currency)
    yield _outcome(content, currency, zone)
    yield _money(content, currency)


def _what(content: Mapping[str, Any], currency: str | None) -> Text:
    fields = dict(_map(content.get("fields")))
    parts = [str(fields.pop(name)) for name in ("kind", "reason", "outcome", "visibility", "rating") if name in fields]
    if "amount" in fields:
        parts.append(_amount(fields.pop("amount"), currency))
    said = [fields.pop(name) for name in ("comment", "explanation", "text", "title") if name in fields]
    text = _text(as_words(content.get("command", "?")), "bold")
    if parts:
        text.append_text(_text(" " + ", ".join(as_words(part) for part in parts)))
    for one in said:
        text.append_text(_text(f"\n“{one}”", "italic"))
    note = _map(content.get("private")).get("private_note")
    if note:
        text.append_text(_text(f"\nfor operators only: “{note}”", "italic dim"))
    return text


def _outcome(content: Mapping[str, Any], currency: str | None, zone: str) -> Text:
    if content.get("outcome") == "refused":
        return _text(f"refused: {as_words(content.get('code', '?'))}", _TONES["refused"])
    lines = Text("\n").join(_event(event, currency, zone) for event in _events(content))
    if content.get("from") != content.get("to"):
        lines = _text(f"{as_words(content.get('from'))} → {as_words(content.get('to'))}\n", "bold").append_text(lines)
    return lines


def _event(event: Mapping[str, Any], currency: str | None, zone: str) -> Text:
    told = {**event, **_map(event.get("resolution"))}
    parts = []
    for name in _TOLD:
        value = told.get(name)
        if value is not None:
            parts.append(f"until {_when(value, zone)}" if name.endswith("due_at") else as_words(value))
    if event.get("event") in ("request_countered", "proposal_made", "settlement_offered", "ruling_made"):
        parts += [_amount(event["amount"], currency)] if event.get("amount") is not None else []
    name = str(event.get("event", "?"))
    return _text(as_words(name) + (f": {', '.join(parts)}" if parts else ""), _TONES.get(name, ""))


def _money(content: Mapping[str, Any], currency: str | None) -> Text:
    moved = [_map(event.get("sums")) for event in _events(content) if event.get("event") == "money_moved"]
    lines = [
        f"{account} +{_amount(sums[account], currency)}"
        for sums in moved
        for account in ("client", "freelancer", "platform")
        if sums.get(account)
    ]
    held = _map(content.get("money")).get("held")
    if lines and held is not None:
        lines.append(f"still held {_amount(held, currency)}")
    return _text("\n".join(lines))


def _amount(minor: Any, currency: str | None) -> str:
    return write_amount(minor, currency) if currency and type(minor) is int else str(minor)


def _when(value: Any, zone: str) -> str:
    try:
        at = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return str(value)
    return write_instant(at, zone)


# An export comes from anybody: what does not have the expected shape is left out, and never an error.
def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _events(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    events = content.get("events")
    return [_map(event) for event in events] if isinstance(events, Sequence) else []


def _text(text: str, style: str = "") -> Text:
    """A text that only ever shows: no markup, no escape sequence of a party reaches the terminal."""
    return Text("\n".join(printable(line) for line in text.split("\n")), style)
