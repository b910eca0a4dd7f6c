"""Verify the exported record of an order. This one file is all that it takes: Python, and nothing of Recourse.

    python verify_record.py RECORD.json [--keys KEYS.json] [--head HASH] [--older RECORD.json] [--day DAY.json]

Signatures need the package `cryptography`; without it, they are reported as not checked. KEYS.json are the public keys
as the marketplace published them. HASH is the last hash as it was known at some time, OLDER an earlier export of the
same record, DAY the root of a day as somebody kept it.

How a record is hashed. JSON(x) is x as JSON text: keys sorted, no blanks, no escapes but those that JSON demands.
H(a, b, ...) is the SHA-256, as 64 hexadecimal digits, of the UTF-8 texts a, b, ... with the character U+001F between.

    field    H("leaf", salt, JSON(value)); where a field is hidden, the export has this hash in its place
    fields   H("fields", JSON({name: hash of the field, ...})); where an entry is hidden, the export has this hash
    entry    H("entry", number, hash of the entry before, hash of the fields)
    opening  like an entry with the number 0 and nothing before it: the terms, the whole policy, the payment provider
    order    in records that began before there was an opening: H("order", JSON(order)), with the policy's name alone

So nothing can be changed, removed, moved or put in between unless all later hashes change. The last one is the head.
A reader that knows the head of entry n recognizes an honest longer record: its entry n has this hash.

What is signed with Ed25519, as a text that ends with a line feed:

    head     recourse-head-2 / order id / number of entries / head                      each on a line of its own
    export   recourse-export-2 / time of the export / seal
    day      recourse-day-1 / day / number of heads / root

The root of a day is the Merkle tree hash of RFC 6962 over the heads of all records: a leaf is SHA-256(00, text of the
head), a node SHA-256(01, left, right). An export can hold the hashes that come from its own leaf to that root.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

FORMATS = ("recourse-record-1", "recourse-record-2")
READERS = ("client", "freelancer", "operator")
PRIVATE = "private"
# An export may still be signed with the key before, while a new one is brought to all servers.
ROTATION = timedelta(days=1)
_HASH = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")

PROVEN = "It verifies."
State = Literal["holds", "wrong", "not checked"]


@dataclass(frozen=True)
class Finding:
    """What was found out about one part of a record."""

    part: Literal["chain", "terms", "head", "export", "day", "known"]
    state: State
    says: str


def canonical(value: Any) -> str:
    """The one JSON text of a value, by which it is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str) -> str:
    """The hash H of the text above."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def field_hash(salt: str, value: Any) -> str:
    """The hash of a field."""
    return digest("leaf", salt, canonical(value))


def fields_hash(hashes: Mapping[str, str]) -> str:
    """The hash of all fields, from the hash of each."""
    return digest("fields", canonical(dict(hashes)))


def entry_hash(number: int, previous: str, fields: str) -> str:
    """The hash of an entry."""
    return digest("entry", str(number), previous, fields)


def order_hash(order: Mapping[str, Any]) -> str:
    """The hash with which a record begins that has no opening."""
    return digest("order", canonical(dict(order)))


def seal_of(document: Mapping[str, Any]) -> str:
    """The hash of an export, but for the seal and the signatures themselves."""
    return digest("seal", canonical({key: value for key, value in document.items() if key not in _OUTSIDE}))


_OUTSIDE = ("seal", "signatures")


def head_text(order_id: str, entries: int, head: str) -> bytes:
    """What the signature of a head is for, and a leaf of a day's tree."""
    return f"recourse-head-2\n{order_id}\n{entries}\n{head}\n".encode()


def export_text(exported_at: str, seal: str) -> bytes:
    """What the signature of an export is for."""
    return f"recourse-export-2\n{exported_at}\n{seal}\n".encode()


def day_text(day: str, size: int, root: str) -> bytes:
    """What the signature of a day's root is for."""
    return f"recourse-day-1\n{day}\n{size}\n{root}\n".encode()


def leaf_hash(text: bytes) -> bytes:
    """A leaf of a day's tree."""
    return hashlib.sha256(b"\x00" + text).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """A node of a day's tree."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_by(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a path comes to, from the leaf with this index of so many (RFC 9162, 2.1.3.2); None: to none."""
    last, found = size - 1, leaf
    for neighbor in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            found = node_hash(neighbor, found)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            found = node_hash(found, neighbor)
        index, last = index // 2, last // 2
    return None if last else found


def check(
    document: Any,
    *,
    keys: Any = None,
    head: str | None = None,
    older: Any = None,
    day: Any = None,
) -> list[Finding]:
    """All that can be found out about an exported record, with what is known from elsewhere. Never raises."""
    try:
        unfit = list(_unfit(document))
        if unfit:
            return [Finding("chain", "wrong", why) for why in unfit]
        wrong = [*_wrong_chain(document)]
        if seal_of(document) != document["seal"]:
            wrong.append("seal: something in this document was changed after it was exported")
        found = [Finding("chain", "wrong", why) for why in wrong] or [Finding("chain", "holds", _whole(document))]
        return [
            *found,
            _terms(document),
            *_signatures(document, keys),
            _day(document, keys, day),
            *([] if head is None else [_known(document, head)]),
            *([] if older is None else [_extends(document, older)]),
        ]
    except (ValueError, TypeError, RecursionError) as error:
        # Values that no record holds: lone surrogates, numbers without end, nesting without end.
        why = f"document: it holds a value that cannot be hashed ({type(error).__name__})"
        return [Finding("chain", "wrong", why)]


def verdict(found: Sequence[Finding]) -> str:
    """All that was found, in a sentence."""
    if any(finding.state == "wrong" for finding in found):
        return "It does not verify."
    if any(finding.state == "holds" and finding.part in ("export", "known") for finding in found):
        return PROVEN
    return "It is consistent in itself. Whose record it is, and whether it is whole, is not proven."


def _unfit(document: Any) -> Iterator[str]:
    """Where a document has not even the form of a record."""
    if not isinstance(document, dict):
        yield "document: is not a JSON object"
        return
    if document.get("format") not in FORMATS:
        yield f"format: is none of {', '.join(FORMATS)}"
        return
    for name in ("head", "seal"):
        if not _is_hash(document.get(name)):
            yield f"{name}: is not a hash"
    if not isinstance(document.get("order_id"), str):
        yield "order_id: is not a text"
    if document.get("for") not in READERS:
        yield f"for: is none of {', '.join(READERS)}"
    if type(document.get("record_length")) is not int:
        yield "record_length: is not a whole number"
    opened = document.get("opening") is not None
    if opened == (document.get("order") is not None) or (opened and document["format"] == FORMATS[0]):
        yield "opening: exactly one of opening and order says what was ordered"
    elif opened:
        yield from _unfit_fields("opening", document["opening"])
    elif not isinstance(document["order"], dict):
        yield "order: is not a JSON object"
    if document["format"] != FORMATS[0] and not _instant(document.get("exported_at")):
        yield "exported_at: is not an instant"
    if not isinstance(document.get("entries"), list):
        yield "entries: is not a list"
        return
    for position, entry in enumerate(document["entries"], start=1):
        yield from _unfit_entry(f"entries.{position}", entry)
    if not _are_signatures(document.get("signatures", {})):
        yield "signatures: have not the form of signatures"
    if "day" in document and not _is_day(document["day"], proof=True):
        yield "day: has not the form of a proof"


def _unfit_entry(where: str, entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"{where}: is not a JSON object"
        return
    if type(entry.get("number")) is not int:
        yield f"{where}.number: is not a whole number"
    for name in ("previous", "hash", *(["hidden"] if entry.get("hidden") is not None else [])):
        if not _is_hash(entry.get(name)):
            yield f"{where}.{name}: is not a hash"
    if entry.get("fields") is not None:
        yield from _unfit_fields(f"{where}.fields", entry["fields"])


def _unfit_fields(where: str, fields: Any) -> Iterator[str]:
    if not isinstance(fields, dict):
        yield f"{where}: is not a JSON object"
        return
    for name, field in fields.items():
        shown = isinstance(field, dict) and "value" in field and _is_hash(field.get("salt"))
        hidden = isinstance(field, dict) and _is_hash(field.get("hidden"))
        if shown == hidden:
            yield f"{where}.{name}: needs a salt and a value, or the hash of what is hidden"


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _instant(text: Any) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else None


def _is_signed(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("key"), str)
        and _is_hash(value.get("public"))
        and isinstance(value.get("signature"), str)
        and _SIGNATURE.fullmatch(value["signature"]) is not None
    )


def _are_signatures(value: Any) -> bool:
    return isinstance(value, dict) and all(value.get(name) is None or _is_signed(value[name]) for name in _SIGNED)


_SIGNED: tuple[Literal["head", "export"], ...] = ("head", "export")


def _is_day(value: Any, *, proof: bool = False) -> bool:
    fits = _is_signed(value) and isinstance(value.get("day"), str)
    fits = fits and type(value.get("size")) is int and _is_hash(value.get("root"))
    if not fits or not proof:
        return fits
    numbers = all(type(value.get(name)) is int and value[name] >= 0 for name in ("index", "entries"))
    path = value.get("path")
    return numbers and _is_hash(value.get("head")) and isinstance(path, list) and all(map(_is_hash, path))


def _hashes(fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: field["hidden"] if "hidden" in field else field_hash(field["salt"], field["value"])
        for name, field in fields.items()
    }


def _beginning(document: Mapping[str, Any]) -> str:
    """The hash with which the chain begins."""
    if document.get("opening") is None:
        return order_hash(document["order"])
    return entry_hash(0, "", fields_hash(_hashes(document["opening"])))


def _wrong_chain(document: Mapping[str, Any]) -> Iterator[str]:
    order = document.get("order") or {
        name: field.get("value") for name, field in (document.get("opening") or {}).items()
    }
    if order.get("order_id") != document["order_id"]:
        yield "order_id: differs from that of the order below it"
    previous = _beginning(document)
    for position, entry in enumerate(document["entries"], start=1):
        where = f"entries.{position}"
        if entry["number"] != position:
            yield f"{where}: is numbered {entry['number']}; entries are missing, doubled or out of order"
        if entry["previous"] != previous:
            yield f"{where}: does not follow {'the entry before it' if position > 1 else 'what was ordered'}"
        for problem in _wrong_entry(entry, document["for"]):
            yield f"{where}{problem}"
        previous = entry["hash"]
    if document["head"] != previous:
        yield "head: the last entries are missing or changed"
    if document["record_length"] != sum(entry.get("fields") is not None for entry in document["entries"]):
        yield "record_length: is not the number of entries that can be read"


def _wrong_entry(entry: Mapping[str, Any], reader: str) -> Iterator[str]:
    fields, hidden = entry.get("fields"), entry.get("hidden")
    if fields is None and hidden is None:
        yield ": shows nothing of itself"
    elif fields is None:
        if reader == "operator":
            yield ": is hidden, which it is from no operator"
        if entry_hash(entry["number"], entry["previous"], hidden or "") != entry["hash"]:
            yield ": does not fit its hash"
    elif hidden is not None:
        yield ": is both shown and hidden"
    else:
        for name, field in fields.items():
            if "hidden" in field and field.get("left") is None and (name != PRIVATE or reader == "operator"):
                yield f".{name}: is hidden, though its reader may see it"
        if entry_hash(entry["number"], entry["previous"], fields_hash(_hashes(fields))) != entry["hash"]:
            yield ": its fields do not fit its hash"


def _whole(document: Mapping[str, Any]) -> str:
    entries = document["entries"]
    hidden = len(entries) - document["record_length"]
    erased = sum(field.get("left") is not None for entry in entries for field in (entry.get("fields") or {}).values())
    says = f"{_count(len(entries))} follow from what was ordered; none was changed, removed, moved or put in between"
    says += f"; {hidden} hidden from this reader" if hidden else ""
    return says + (f"; of {erased} fields something was erased, and nothing proves what is left" if erased else "")


def _count(entries: int) -> str:
    return f"{entries} {'entry' if entries == 1 else 'entries'}"


def _terms(document: Mapping[str, Any]) -> Finding:
    if document.get("opening") is None:
        says = "the chain begins with the terms and the name of the policy; what the policy says is not in it"
        return Finding("terms", "not checked", says)
    return Finding("terms", "holds", "the chain begins with the terms and with all that the policy says")


def _signatures(document: Mapping[str, Any], keys: Any) -> Iterator[Finding]:
    entries, at = document["entries"], _instant(document.get("exported_at"))
    texts = {
        "head": head_text(document["order_id"], len(entries), document["head"]),
        "export": export_text(str(document.get("exported_at")), document["seal"]),
    }
    about = {
        "head": f"that the record ends with entry {len(entries)}",
        "export": f"this export, made at {document.get('exported_at')}",
    }
    for part in _SIGNED:
        signed = document.get("signatures", {}).get(part)
        yield Finding(part, *_signature(texts[part], about[part], signed, keys, at))


def _signature(
    text: bytes, about: str, signed: Mapping[str, str] | None, keys: Any, at: datetime | None
) -> tuple[State, str]:
    """Whether a signature holds, with the keys that somebody trusts; without any, with the one it names itself."""
    if signed is None:
        return ("not checked" if keys is None else "wrong"), "it has no signature"
    name, public = signed["key"], signed["public"]
    trusted = [] if keys is None else _trusted(keys)
    known = next((key for key in trusted if key["id"] == name), None)
    if keys is not None and known is None:
        return "wrong", f"it is signed with the key {name}, which is not among the given keys"
    fits = _fits(public if known is None else known["public"], text, signed["signature"])
    if fits is None:
        return "not checked", "the signature needs the package cryptography: pip install cryptography"
    if not fits:
        return "wrong", f"the signature is not that of the key {name}: made with another key, or for something else"
    if known is None:
        return "not checked", f"the signature fits a key {name} that the export itself names; --keys says whose it is"
    later = [key for key in trusted if key["since"] > known["since"]]
    if not later:
        return "holds", f"the key {name} signed {about}"
    follower = min(later, key=lambda key: key["since"])
    replaced = f"which {follower['id']} replaced at {follower['since']}"
    if at is not None and at > (_instant(follower["since"]) or at) + ROTATION:
        return "wrong", f"it is signed with the key {name}, {replaced}, before this export"
    return "holds", f"the key {name}, {replaced}, signed {about}"


def _trusted(keys: Any) -> list[dict[str, str]]:
    """The keys of a list as `recourse record keys` prints it; what has another form is none."""
    listed = keys.get("keys") if isinstance(keys, dict) else None
    return [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict)
        and isinstance(key.get("id"), str)
        and _is_hash(key.get("public"))
        and _instant(key.get("since"))
    ]


def _fits(public: str, text: bytes, signature: str) -> bool | None:
    """Whether a signature is that of a key; None: that cannot be said here."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _day(document: Mapping[str, Any], keys: Any, kept: Any) -> Finding:
    proof = document.get("day")
    if proof is None:
        return Finding("day", "not checked" if kept is None else "wrong", "it has no proof that a day's root holds it")
    count, last = proof["entries"], len(document["entries"])
    if count > last:
        says = f"on {proof['day']} this record had {_count(count)}, now it has {last}: the last ones are missing"
        return Finding("day", "wrong", says)
    if proof["head"] != _hash_at(document, count):
        return Finding("day", "wrong", f"entry {count} has another hash than on {proof['day']}: it was rewritten")
    leaf = leaf_hash(head_text(document["order_id"], count, proof["head"]))
    root = root_by(leaf, proof["index"], proof["size"], [bytes.fromhex(one) for one in proof["path"]])
    if root is None or root.hex() != proof["root"]:
        return Finding("day", "wrong", f"its proof does not come to the root of {proof['day']}")
    if kept is not None:
        if not _is_day(kept):
            return Finding("day", "wrong", "the given root of a day has not the form of one")
        if kept["day"] != proof["day"]:
            return Finding("day", "wrong", f"its proof is for {proof['day']}, the given root is that of {kept['day']}")
        if (kept["root"], kept["size"]) != (proof["root"], proof["size"]):
            return Finding("day", "wrong", f"the given root of {proof['day']} is another one")
    about = f"the root of {proof['day']}, which holds this record as far as entry {count} of {last}"
    state, says = _signature(day_text(proof["day"], proof["size"], proof["root"]), about, proof, keys, None)
    if state == "not checked" and kept is not None:
        return Finding("day", "holds", f"the given root of {proof['day']} holds this record as far as entry {count}")
    return Finding("day", state, says)


def _hash_at(document: Mapping[str, Any], number: int) -> str:
    """The hash after so many entries."""
    found: str = document["entries"][number - 1]["hash"] if number else _beginning(document)
    return found


def _known(document: Mapping[str, Any], head: str) -> Finding:
    """Whether this is the record that had, or has, the head that somebody knows."""
    last = len(document["entries"])
    for number in range(last, -1, -1):
        if _hash_at(document, number) == head:
            if number == last:
                return Finding("known", "holds", "the record ends with the given hash")
            grew = f"the given hash is that of entry {number}; {_count(last - number)} were added since"
            return Finding("known", "holds", grew)
    return Finding("known", "wrong", "no entry has the given hash: the record was rewritten, shortened, or is another")


def _extends(document: Mapping[str, Any], older: Any) -> Finding:
    """Whether a record is an earlier one that went on."""
    if list(_unfit(older)) or list(_wrong_chain(older)):
        return Finding("known", "wrong", "the older export does not verify itself")
    before, last = len(older["entries"]), len(document["entries"])
    for number in range(min(before, last) + 1):
        if _hash_at(older, number) != _hash_at(document, number):
            what = f"entry {number} is another one" if number else "something else was ordered"
            return Finding("known", "wrong", f"{what} than in the older export: the record was rewritten")
    if last < before:
        says = f"the older export has {_count(before)}, this one {last}: the record was shortened"
        return Finding("known", "wrong", says)
    return Finding("known", "holds", f"it is the record of the older export, with {_count(last - before)} more")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a key twice")
    return made


def _read(path: str | None) -> Any:
    if path is None:
        return None
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        sys.exit(f"{path} cannot be read as JSON: {error}")


def main() -> int:
    """The command line: 0 where nothing is wrong, 1 where something is."""
    parser = argparse.ArgumentParser(description="Verify the exported record of an order.")
    parser.add_argument("record")
    parser.add_argument("--keys", help="the public keys as the marketplace published them")
    parser.add_argument("--head", help="the last hash as it was known at some time")
    parser.add_argument("--older", help="an earlier export of the same record")
    parser.add_argument("--day", help="the root of a day as somebody kept it")
    given = parser.parse_args()
    found = check(
        _read(given.record), keys=_read(given.keys), head=given.head, older=_read(given.older), day=_read(given.day)
    )
    print(verdict(found))  # noqa: T201 - it is a program of its own
    for finding in found:
        says = "".join(sign if sign.isprintable() else "?" for sign in finding.says)
        print(f"{finding.part:8}{finding.state:13}{says}")  # noqa: T201
    return 1 if any(finding.state == "wrong" for finding in found) else 0


if __name__ == "__main__":
    sys.exit(main())
