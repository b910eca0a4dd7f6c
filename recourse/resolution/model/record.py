"""The record: a chain of entries that a third party can verify, also with fields hidden [R66] (rules, 10).

`recourse.verify_record` says how a record is hashed and verifies it. Hiding a field means giving its hash instead of
its value, and hiding an entry giving one hash instead of its fields, so a redacted export still verifies.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from recourse.resolution.model.data_version import DATA_VERSION, dump_stored, needs_of
from recourse.resolution.model.entry import AppliedEntry, ClockFired, EntryContent, RefusedEntry, read_content
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.step import RecordEntry
from recourse.resolution.model.vocabulary import PARTIES, Party
from recourse.verify_record import PRIVATE, check, entry_hash, field_hash, fields_hash, order_hash, seal_of

Reader = Literal["client", "freelancer", "operator"]
FORMAT = "recourse-record-2"
# What of an opening each party may see, and all that a record without a salt of its opening begins with. Part of the
# format: records that are already begun stay valid when an order gets further terms.
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
    "group",
    "part",
}


def _salts(secret: str, order_id: str, number: int, fields: Iterable[str]) -> dict[str, str]:
    # Keyed hashes: the salts of the fields that a reader sees say nothing about those of the hidden ones.
    texts = {field: f"{order_id}\x1f{number}\x1f{field}".encode() for field in fields}
    return {field: hmac.new(secret.encode(), text, hashlib.sha256).hexdigest() for field, text in texts.items()}


def _hashes(salts: Mapping[str, str], content: Mapping[str, Any]) -> dict[str, str]:
    return {field: field_hash(salt, content[field]) for field, salt in salts.items()}


def ordered(opening: Opening) -> dict[str, Any]:
    """What was ordered, as every reader may see it; the chain of a record without a salt of its opening begins so."""
    return {**opening.terms.model_dump(mode="json", include=_ORDERED), "policy": opening.policy.name}


def as_sent(opening: Opening) -> dict[str, Any]:
    """The opening with the keys that it was read with and no others, whichever keys this build knows besides."""
    numbers = {"made_for": opening.made_for, "needs": needs_of(opening)}
    newer = opening.made_for > DATA_VERSION
    return dump_stored(opening.model_copy(update=numbers), newer=newer, only_given=True)


def _opened(opening: Opening) -> dict[str, Any]:
    """Everything that was agreed when the order was opened, as it was sent: another build may know more keys."""
    sent = as_sent(opening)
    return {**sent["terms"], "policy": sent["policy"], "provider": opening.provider}


def beginning(opening: Opening) -> str:
    """The hash with which the record of an order begins."""
    if opening.opening_salt is None:
        return order_hash(ordered(opening))
    opened = _opened(opening)
    salts = _salts(opening.opening_salt, opening.terms.order_id, 0, opened)
    return entry_hash(0, "", fields_hash(_hashes(salts, opened)))


def make_entry(order: Order, at: datetime, said: EntryContent) -> RecordEntry:
    """The next entry of `order`'s record."""
    number, content = order.record_length + 1, said.model_dump(mode="json")
    previous = order.record_hash or beginning(order.opening)
    salts = _salts(order.opening.record_salt, order.terms.order_id, number, content)
    made = entry_hash(number, previous, fields_hash(_hashes(salts, content)))
    return RecordEntry(number=number, at=at, content=content, previous=previous, hash=made)


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


def export(
    opening: Opening,
    entries: Sequence[RecordEntry],
    reader: Reader,
    *,
    at: datetime,
    keys: Sequence[Mapping[str, str]] = (),
    day: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The record as one role may read it; `verify` needs nothing but what this returns.

    `at`: when it is exported. `keys`: the public keys of all signatures. `day`: the proof that the root of a day holds
    it.
    """
    document = {
        **export_frame(opening, reader, at),
        "record_length": sum(may_see(entry.parsed, reader) for entry in entries),
        "entries": [exported_entry(opening, entry, reader) for entry in entries],
        "head": entries[-1].hash if entries else beginning(opening),
        **({"keys": list(keys)} if keys else {}),
        **({"day": day} if day else {}),
    }
    return document | {"seal": seal_of(document)}


def export_frame(opening: Opening, reader: Reader, at: datetime) -> dict[str, Any]:
    """What an export says besides its entries."""
    return {
        "format": FORMAT,
        "order_id": opening.terms.order_id,
        "for": reader,
        "exported_at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        **_begun(opening, reader),
    }


def _begun(opening: Opening, reader: Reader) -> dict[str, Any]:
    if opening.opening_salt is None:
        return {"order": ordered(opening)}
    opened = _opened(opening)
    salts = _salts(opening.opening_salt, opening.terms.order_id, 0, opened)
    shown = opened if reader == "operator" else opened.keys() & {*_ORDERED, "policy", "provider"}
    return {
        "opening": {
            name: {"salt": salts[name], "value": value} if name in shown else {"hidden": field_hash(salts[name], value)}
            for name, value in opened.items()
        }
    }


def exported_entry(opening: Opening, entry: RecordEntry, reader: Reader) -> dict[str, Any]:
    """One entry as a role may read it."""
    erased = entry.erased or {}
    salts = entry.salts or _salts(opening.record_salt, opening.terms.order_id, entry.number, entry.content)
    hashes = erased | _hashes(salts, entry.content)
    exported: dict[str, Any] = {"number": entry.number, "previous": entry.previous, "hash": entry.hash}
    if not may_see(entry.parsed, reader):
        # Not even the names of its fields: they would distinguish private feedback from a refused attempt.
        return exported | {"hidden": fields_hash(hashes)}
    fields: dict[str, Any] = {}
    for field, value in entry.content.items():
        if field == PRIVATE and reader != "operator":
            fields[field] = {"hidden": hashes[field]}
        elif field in erased:
            fields[field] = {"hidden": erased[field], "left": value}
        else:
            fields[field] = {"salt": salts[field], "value": value}
    return exported | {"fields": fields}


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


class Signed(_Part):
    """A signature with Ed25519, and by which key."""

    key: str = Field(description="The id of the key.")
    public: Hash = Field(description="The public key. Whose it is, the marketplace's list of keys says.")
    signature: str = Field(description="The signature, in hexadecimal digits.")


class Signatures(_Part):
    """What is signed; `recourse/verify_record.py` has the texts."""

    head: Signed = Field(description="The order's id, the number of entries and the last hash.")
    export: Signed = Field(description="The time of the export and the seal.")


class PublicKey(_Part):
    """A public key with which records were signed."""

    id: str = Field(description="The id of the key.")
    public: Hash = Field(description="The public key.")
    since: str = Field(description="When it was first used; the key before was replaced then.")


class DayProof(Signed):
    """That the signed root of a day holds the record as it was then."""

    day: str = Field(description="The day, in UTC.")
    size: int = Field(description="How many heads the root is taken over.")
    root: Hash = Field(description="The root of the day.")
    entries: int = Field(description="How many entries the record had.")
    head: Hash = Field(description="The hash of the last one.")
    index: int = Field(description="The place of this head among all, from 0.")
    path: list[Hash] = Field(description="The hashes that come from this head to the root.")


class Export(_Part):
    """An exported record, read and not yet verified."""

    format: Literal["recourse-record-1", "recourse-record-2"] = Field(description="The format of the export.")
    order_id: str = Field(description="The order's id.")
    reader: Reader = Field(alias="for", description="The role that it is for.")
    exported_at: str | None = Field(default=None, description="When it was exported.")
    order: dict[str, Any] | None = Field(
        default=None, description="What was ordered, in a record that does not begin with the whole opening."
    )
    opening: dict[str, Shown | Hidden] | None = Field(
        default=None, description="The terms, the whole policy and the payment provider; the chain begins with them."
    )
    record_length: int = Field(description="How many entries the reader may see.")
    entries: list[ExportedEntry] = Field(description="All entries, in order.")
    head: Hash = Field(description="The hash of the last entry.")
    keys: list[PublicKey] | None = Field(default=None, description="The public keys of all signatures.")
    day: DayProof | None = Field(default=None, description="That the root of a day holds the record.")
    seal: Hash = Field(description="The hash of everything else in the export but the signatures.")
    signatures: Signatures | None = Field(default=None, description="The signatures, where the marketplace signs.")

    @property
    def currency(self) -> str | None:
        """The currency of all amounts."""
        shown = {name: field.value for name, field in (self.opening or {}).items() if isinstance(field, Shown)}
        return str((self.order or shown).get("currency") or "") or None


def verify(document: Any, head: str | None = None) -> list[str]:
    """What is wrong with an exported record; an empty list means that nothing is. Needs nothing else, never raises.

    `head` is a hash with which the record is known, from elsewhere, to end or to have ended.
    """
    return [finding.says for finding in check(document, head=head) if finding.state == "wrong"]
