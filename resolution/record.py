"""The record: a chain of entries that a third party can verify, also with parts hidden [R66] (rules, 10).

Each field of an entry is committed to by a salted hash, all of its fields by one hash over those, and the entry's
hash is taken over that one and the hash of the entry before. Hiding a field or a whole entry means giving that hash
instead, so a redacted export still verifies, and what kind of entry is hidden cannot be told.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from resolution.order import Order
from resolution.step import RecordEntry
from resolution.words import PARTIES, Party

Reader = Literal["client", "freelancer", "operator"]
FORMAT = "recourse-record-1"
START = "0" * 64
PRIVATE_FIELDS = frozenset({"private"})


def canonical(value: Any) -> str:
    """The one JSON text of a value, by which it is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _salt(secret: str, order_id: str, number: int, field: str) -> str:
    return _digest("salt", secret, order_id, str(number), field)


def _leaf(salt: str, value: Any) -> str:
    return _digest("leaf", salt, canonical(value))


def _all_fields(leaves: Mapping[str, str]) -> str:
    return _digest("fields", canonical(dict(leaves)))


def _entry_hash(order_id: str, number: int, previous: str, fields: str) -> str:
    return _digest("entry", order_id, str(number), previous, fields)


def _leaves(secret: str, order_id: str, number: int, content: Mapping[str, Any]) -> dict[str, str]:
    return {field: _leaf(_salt(secret, order_id, number, field), value) for field, value in content.items()}


def make_entry(order: Order, at: datetime, content: dict[str, Any]) -> RecordEntry:
    """The next entry of `order`'s record."""
    number, order_id = order.record_length + 1, order.terms.order_id
    previous = order.record_hash or START
    leaves = _leaves(order.opening.record_salt, order_id, number, content)
    return RecordEntry(
        number=number,
        at=at,
        content=content,
        previous=previous,
        hash=_entry_hash(order_id, number, previous, _all_fields(leaves)),
    )


def may_see(content: Mapping[str, Any], reader: Reader) -> bool:
    """Whether a reader may see an entry at all: not somebody else's refused attempt or private feedback."""
    if reader == "operator":
        return True
    own = (content.get("actor") or {}).get("role") == reader and not content.get("stranger")
    refused = content.get("outcome") == "refused"
    confidential = content.get("confidential") is True
    return own or not (refused or confidential)


def hidden_counts(order: Order, content: Mapping[str, Any]) -> dict[Party, int]:
    """How many entries each party may not see, once an entry with `content` is in the record."""
    return {party: order.hidden_from.get(party, 0) + (not may_see(content, party)) for party in PARTIES}


def export(order_id: str, secret: str, entries: Sequence[RecordEntry], reader: Reader) -> dict[str, Any]:
    """The record as one role may read it; `verify` needs nothing but what this returns."""
    exported = [_exported(order_id, secret, entry, reader) for entry in entries]
    return {
        "format": FORMAT,
        "order_id": order_id,
        "for": reader,
        "record_length": sum(may_see(entry.content, reader) for entry in entries),
        "entries": exported,
        "head": entries[-1].hash if entries else START,
    }


def _exported(order_id: str, secret: str, entry: RecordEntry, reader: Reader) -> dict[str, Any]:
    frame = {"number": entry.number, "previous": entry.previous, "hash": entry.hash}
    if not may_see(entry.content, reader):
        return frame | {"hidden": _all_fields(_leaves(secret, order_id, entry.number, entry.content))}
    fields: dict[str, Any] = {}
    for field, value in entry.content.items():
        salt = _salt(secret, order_id, entry.number, field)
        private = reader != "operator" and field in PRIVATE_FIELDS
        fields[field] = {"hidden": _leaf(salt, value)} if private else {"salt": salt, "value": value}
    return frame | {"fields": fields}


def verify(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with an exported record; an empty list means that it verifies. Needs nothing else."""
    wrong: list[str] = []
    try:
        order_id, entries = document["order_id"], document["entries"]
        if document["format"] != FORMAT:
            return [f"format: {document['format']!r} is not {FORMAT}"]
        previous = START
        seen = 0
        for position, entry in enumerate(entries, start=1):
            seen += "hidden" not in entry
            if entry["number"] != position:
                wrong.append(f"entry {position}: numbered {entry['number']}")
            if entry["previous"] != previous:
                wrong.append(f"entry {position}: does not follow the entry before it")
            if _entry_hash(order_id, entry["number"], entry["previous"], _committed(entry)) != entry["hash"]:
                wrong.append(f"entry {position}: its content does not fit its hash")
            previous = entry["hash"]
        if document["head"] != previous:
            wrong.append("head: the last entries are missing or changed")
        if document["record_length"] != seen:
            wrong.append("record_length: does not fit the entries that can be read")
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        wrong.append(f"not an exported record: {type(error).__name__}: {error}")
    return wrong


def _committed(entry: Mapping[str, Any]) -> str:
    """What an exported entry's hash was taken over: from its fields, or as given where all of it is hidden."""
    shown = set(entry) - {"number", "previous", "hash"}
    if shown == {"hidden"}:
        return str(entry["hidden"])
    if shown != {"fields"}:
        raise ValueError(f"an entry has `fields` or `hidden`, not {sorted(shown)}")
    leaves = {}
    for field, held in entry["fields"].items():
        # A value beside a hash would be read, but not checked.
        if set(held) not in ({"hidden"}, {"salt", "value"}):
            raise ValueError(f"a field has `salt` and `value`, or `hidden`, not {sorted(held)}")
        leaves[field] = str(held["hidden"]) if "hidden" in held else _leaf(held["salt"], held["value"])
    return _all_fields(leaves)
