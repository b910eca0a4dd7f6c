"""The record: a chain of entries that a third party can verify, also with fields hidden [R66] (rules, 10).

Each field of an entry is committed to by a salted hash; the entry's hash is taken over those hashes and the hash of
the entry before, the first one's over what was ordered. Hiding a field means giving its hash instead of its value,
and hiding an entry giving one hash instead of its fields, so a redacted export still verifies. A reader that knows the
last hash from elsewhere (every reader's export ends with the same one) knows that nothing was made up either.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recourse.resolution.model.entry import AppliedEntry, ClockFired, EntryContent, RefusedEntry, read_content
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.unfit import unfit
from recourse.resolution.model.vocabulary import PARTIES, Party

Reader = Literal["client", "freelancer", "operator"]
FORMAT = "recourse-record-1"
PRIVATE = "private"
# Part of the format: records that are already begun stay valid when an order gets further terms.
_ORDERED = {
    "order_id",
    "client",
    "freelancer",
    "currency",
    "price",
    "service_fee",
    "ordered_at",
    "delivery_time",
    "requirements",
}


def canonical(value: Any) -> str:
    """The one JSON text of a value, by which it is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _salt(secret: str, order_id: str, number: int, field: str) -> str:
    # A keyed hash: the salts of the fields that a reader sees say nothing about those of the hidden ones.
    return hmac.new(secret.encode(), f"{order_id}\x1f{number}\x1f{field}".encode(), hashlib.sha256).hexdigest()


def _leaf(salt: str, value: Any) -> str:
    return _digest("leaf", salt, canonical(value))


def _salts(opening: Opening, number: int, fields: Iterable[str]) -> dict[str, str]:
    return {field: _salt(opening.record_salt, opening.terms.order_id, number, field) for field in fields}


def _leaves(salts: Mapping[str, str], content: Mapping[str, Any]) -> dict[str, str]:
    return {field: _leaf(salt, content[field]) for field, salt in salts.items()}


def _body(leaves: Mapping[str, str]) -> str:
    return _digest("fields", canonical(dict(leaves)))


def _entry_hash(number: int, previous: str, body: str) -> str:
    return _digest("entry", str(number), previous, body)


def _order_hash(ordered: Mapping[str, Any]) -> str:
    return _digest("order", canonical(dict(ordered)))


def ordered(opening: Opening) -> dict[str, Any]:
    """What was ordered, as every reader may see it; the chain begins with its hash."""
    return {**opening.terms.model_dump(mode="json", include=_ORDERED), "policy": opening.policy.name}


def make_entry(order: Order, at: datetime, said: EntryContent) -> RecordEntry:
    """The next entry of `order`'s record."""
    number, content = order.record_length + 1, said.model_dump(mode="json")
    previous = order.record_hash or _order_hash(ordered(order.opening))
    body = _body(_leaves(_salts(order.opening, number, content), content))
    return RecordEntry(
        number=number, at=at, content=content, previous=previous, hash=_entry_hash(number, previous, body)
    )


def may_see(content: EntryContent, reader: Reader) -> bool:
    """Whether a reader may see an entry at all: not somebody else's refused attempt or private feedback."""
    if reader == "operator":
        return True
    own = content.actor is not None and content.actor.role == reader
    match content:
        case RefusedEntry():
            return own and not content.stranger
        case AppliedEntry():
            return own or not content.confidential
        case ClockFired():
            return True


def hidden_counts(order: Order, content: EntryContent) -> dict[Party, int]:
    """How many entries each party may not see, once an entry with `content` is in the record."""
    return {party: order.hidden_from.get(party, 0) + (not may_see(content, party)) for party in PARTIES}


def export(opening: Opening, entries: Sequence[RecordEntry], reader: Reader) -> dict[str, Any]:
    """The record as one role may read it; `verify` needs nothing but what this returns."""
    first = _order_hash(ordered(opening))
    document = {
        "format": FORMAT,
        "order_id": opening.terms.order_id,
        "for": reader,
        "order": ordered(opening),
        "record_length": sum(may_see(entry.parsed, reader) for entry in entries),
        "entries": [_exported(opening, entry, reader) for entry in entries],
        "head": entries[-1].hash if entries else first,
    }
    return document | {"seal": _seal(document)}


def _exported(opening: Opening, entry: RecordEntry, reader: Reader) -> dict[str, Any]:
    erased = entry.erased or {}
    salts = entry.salts or _salts(opening, entry.number, entry.content)
    leaves = erased | _leaves(salts, entry.content)
    exported: dict[str, Any] = {"number": entry.number, "previous": entry.previous, "hash": entry.hash}
    if not may_see(entry.parsed, reader):
        # Not even the names of its fields: they would distinguish private feedback from a refused attempt.
        return exported | {"hidden": _body(leaves)}
    fields: dict[str, Any] = {}
    for field, value in entry.content.items():
        if field == PRIVATE and reader != "operator":
            fields[field] = {"hidden": leaves[field]}
        elif field in erased:
            fields[field] = {"hidden": erased[field], "left": value}
        else:
            fields[field] = {"salt": salts[field], "value": value}
    return exported | {"fields": fields}


def _seal(document: Mapping[str, Any]) -> str:
    return _digest("seal", canonical({key: value for key, value in document.items() if key != "seal"}))


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    # A newer build may export more; the seal is taken over all of it. What a reader needs to know is another format.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Shown(_Part):
    """A field whose value the reader may see."""

    salt: Hash = Field(description="The salt of the field's hash.")
    value: Any = Field(description="The value of the field.")


class Hidden(_Part):
    """A field of which the reader gets nothing but its salted hash."""

    hidden: Hash = Field(description="The salted hash of the value.")
    left: Any = Field(
        default=None,
        description="What is left of a value of which something was erased. Its hash is that of the whole value, so "
        "nothing proves what is left.",
    )


class ExportedEntry(_Part):
    """One entry: its fields, or the one hash of an entry that is hidden as a whole."""

    number: int = Field(description="The number of the entry, from 1.")
    previous: Hash = Field(description="The hash of the entry before; of the first, that of what was ordered.")
    hash: Hash = Field(description="The hash of this entry.")
    fields: dict[str, Shown | Hidden] | None = Field(
        default=None, description="The fields by name; null: the entry is hidden."
    )
    hidden: Hash | None = Field(default=None, description="The one hash of a hidden entry.")

    @property
    def content(self) -> dict[str, Any] | None:
        """What the reader may see of it; None where it is hidden as a whole."""
        if self.fields is None:
            return None
        return {
            name: field.value if isinstance(field, Shown) else field.left
            for name, field in self.fields.items()
            if name not in self.withheld
        }

    @property
    def withheld(self) -> set[str]:
        """The fields of which the reader gets nothing."""
        return {name for name, field in (self.fields or {}).items() if isinstance(field, Hidden) and field.left is None}

    @property
    def erased(self) -> set[str]:
        """The fields of which something was erased."""
        hidden = {name for name, field in (self.fields or {}).items() if isinstance(field, Hidden)}
        return hidden - self.withheld

    @property
    def parsed(self) -> EntryContent | None:
        """The same, read. Raises ValidationError where it is not what an entry says."""
        return None if self.content is None else read_content(self.content)


class Export(_Part):
    """An exported record, read and not yet verified."""

    format: Literal["recourse-record-1"] = Field(description="The format of the export.")
    order_id: str = Field(description="The order's id.")
    reader: Reader = Field(alias="for", description="The role that it is for.")
    order: dict[str, Any] = Field(description="What was ordered; the chain begins with its hash.")
    record_length: int = Field(description="How many entries the reader may see.")
    entries: list[ExportedEntry] = Field(description="All entries, in order.")
    head: Hash = Field(description="The hash of the last entry.")
    seal: Hash = Field(description="The hash of everything else in the export.")


def verify(document: Any, head: str | None = None) -> list[str]:
    """What is wrong with an exported record; an empty list means that it verifies. Needs nothing else, never raises.

    `head` is the last hash as it is known from elsewhere, such as another reader's export of the same record.
    """
    if not isinstance(document, dict):
        return ["document: is not a JSON object"]
    try:
        read = Export.model_validate(document)
    except ValidationError as error:
        return [f"{where or 'document'}: {why}" for where, why in unfit(error.errors(include_input=False)).items()]
    try:
        wrong = _wrong_chain(read)
        if _seal(document) != read.seal:
            wrong.append("seal: something in this document was changed after it was exported")
    except (ValueError, TypeError, RecursionError) as error:
        # Values that no record holds: lone surrogates, numbers without end, nesting without end.
        return [f"document: it holds a value that cannot be hashed ({type(error).__name__})"]
    if head is not None and head != read.head:
        wrong.append("head: this is not the record, or not as far as the record, that ends with the given hash")
    return wrong


def _wrong_chain(read: Export) -> list[str]:
    wrong: list[str] = []
    if read.order.get("order_id") != read.order_id:
        wrong.append("order_id: differs from that of the order below it")
    previous = _order_hash(read.order)
    for position, entry in enumerate(read.entries, start=1):
        where = f"entries.{position}"
        if entry.number != position:
            wrong.append(f"{where}: is numbered {entry.number}; entries are missing, doubled or out of order")
        if entry.previous != previous:
            before = "the entry before it" if position > 1 else "what was ordered"
            wrong.append(f"{where}: does not follow {before}")
        wrong += [f"{where}{problem}" for problem in _wrong_entry(entry, read.reader)]
        previous = entry.hash
    if read.head != previous:
        wrong.append("head: the last entries are missing or changed")
    if read.record_length != sum(entry.fields is not None for entry in read.entries):
        wrong.append("record_length: is not the number of entries that can be read")
    return wrong


def _wrong_entry(entry: ExportedEntry, reader: Reader) -> list[str]:
    if entry.fields is None:
        if entry.hidden is None or reader == "operator":
            return [
                ": shows nothing of itself" if entry.hidden is None else ": is hidden, which it is from no operator"
            ]
        return [] if _fits(entry, entry.hidden) else [": does not fit its hash"]
    if entry.hidden is not None:
        return [": is both shown and hidden"]
    wrong = []
    leaves = {}
    for name, field in entry.fields.items():
        leaves[name] = field.hidden if isinstance(field, Hidden) else _leaf(field.salt, field.value)
        if name in entry.withheld and (name != PRIVATE or reader == "operator"):
            wrong.append(f".{name}: is hidden, though its reader may see it")
    if not _fits(entry, _body(leaves)):
        wrong.append(": its fields do not fit its hash")
    return wrong


def _fits(entry: ExportedEntry, body: str) -> bool:
    return _entry_hash(entry.number, entry.previous, body) == entry.hash
