"""Malformed messages: broken, oversized, misnamed, duplicated, of the wrong shape.

All of them are drawn from a `Random`, so that a seed makes the same ones again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from temporalio.api.common.v1 import Payload

from campaigns.random_orders import something_to_say
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.fields import UNNAMED
from recourse.resolution.model.order import Order

JSON = b"json/plain"
ENCODINGS: tuple[bytes, ...] = (
    b"json/protobuf",
    b"binary/protobuf",
    b"binary/plain",
    b"binary/null",
    b"binary/encrypted",
    b"json/runes",
)
ENCODINGS += (b"", b"\xff", b"recourse/unopened", b"json/external-storage-reference", b"JSON/PLAIN", b"json/plain ")
TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202e\u2066",
    "\ufeff",
    "e\u0301" * 40,
    "\U0001f9ff",
    "0",
)
TEXTS += (
    "x" * 201,
    "x" * 10_001,
    f"{UNNAMED}1",
    "../../etc",
    "'; DROP TABLE orders;--",
    "{{7*7}}",
    "%s%n",
    "-0",
    "NaN",
)
NUMBERS = (0, -1, 2**31, 2**53, 2**63, -(2**63) - 1, 10**40, 0.5, -0.0, 1e308, float("nan"), float("inf"), True)
INSTANTS: tuple[str, ...] = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    "1700000000",
    "now",
)
INSTANTS += ("2026-01-01T00:00:00", "2026-01-01", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999Z")
NAMES: tuple[str, ...] = (
    "",
    " ",
    "Request",
    "REQUEST",
    "request ",
    "tell_request",
    "run",
    "__init__",
    "page",
    "a.b",
    "..",
    "%2e",
    "null",
)
NAMES += ("\u0440equest", "\x00", "\U0001f9ff", "n" * 900, "\u202erequest", "__stack_trace", "record_step")
LARGE = (9_000, 100_000, 500_000, 1_900_000)  # bytes
HUGE_DIGITS = 5_000
DEEP = (150, 250, 2_000, 60_000)


@dataclass(frozen=True)
class Malformed:
    """One message as it is sent; `codes` are the refusals of which it must meet one, None where the rules decide."""

    kind: str
    name: str
    payloads: tuple[Payload, ...]
    how: Literal["signal", "update"]
    update_id: str
    codes: frozenset[str] | None
    headers: Mapping[str, Payload] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of its payloads."""
        return sum(payload.ByteSize() for payload in self.payloads)


def some_malformed(random: Random, order: Order, number: int, ids: list[str]) -> Malformed:
    """The next message to an order; `ids` are those of earlier ones, which may come again."""
    kind = random.choice(tuple(KINDS))
    name, payloads, codes = KINDS[kind](random, order, ids)
    if random.random() < 0.1:
        name, codes = _unknown_name(random), frozenset({"unknown_command", "malformed", "command_id_reused"})
        kind += ", unknown name"
    how: Literal["signal", "update"] = random.choice(("signal", "signal", "update"))
    return Malformed(kind, name, tuple(payloads), how, _update_id(random, number), codes, odd_headers(random))


_Made = tuple[str, list[Payload], frozenset[str] | None]
_MALFORMED = frozenset({"malformed"})


def plain(data: bytes, **metadata: bytes) -> Payload:
    """A payload that says it is JSON."""
    return Payload(metadata={"encoding": JSON, **metadata}, data=data)


def written(value: Any) -> bytes:
    """As JSON that Python writes: NaN as such, lone surrogates escaped."""
    return json.dumps(value).encode()


def _said(random: Random, order: Order, ids: list[str]) -> tuple[str, dict[str, Any]]:
    name, fields = something_to_say(random, order, order.terms.ordered_at)
    command_id = f"c-{random.getrandbits(40):x}"
    ids.append(command_id)
    return name, {"command_id": command_id, **fields}


def _unknown_name(random: Random) -> str:
    return random.choice((*NAMES, "".join(chr(random.randrange(1, 0xD7FF)) for _ in range(random.randrange(1, 60)))))


def _update_id(random: Random, number: int) -> str:
    usual = f"u-{number}"
    odd = (f"{UNNAMED}{number}", f"\x00{number}", f"\U0001f9ff{number}", f"{number}" + "i" * 400, f"\u202e/{number}")
    return random.choice(odd) if random.random() < 0.2 else usual


def odd_headers(random: Random) -> dict[str, Payload]:
    """Mostly none."""
    if random.random() < 0.9:
        return {}
    return {random.choice(("", "x", "_tracer-data", "\x00")): random.choice((Payload(), plain(b"{"), plain(b"1")))}


def junk(random: Random, depth: int = 3) -> Any:
    """A JSON value that fits nowhere in particular."""
    values: list[Callable[[], Any]] = [
        lambda: random.choice(TEXTS),
        lambda: random.choice(NUMBERS),
        lambda: random.choice(INSTANTS),
        lambda: random.choice((None, True, False, [], {})),
        lambda: "".join(chr(random.randrange(0x3000)) for _ in range(random.randrange(20))),
    ]
    if depth:
        values.append(lambda: [junk(random, depth - 1) for _ in range(random.randrange(4))])
        values.append(lambda: {random.choice(TEXTS): junk(random, depth - 1) for _ in range(random.randrange(4))})
    return random.choice(values)()


def _wrong_number(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    return name, [plain(written(said))] * random.choice((0, 2, 3, 40)), _MALFORMED


def _strange_encoding(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    metadata: dict[str, bytes] = {}
    if random.random() < 0.9:
        metadata["encoding"] = random.choice(ENCODINGS)
    for _ in range(random.randrange(3)):
        odd = ("", "x", "messageType", "verdict", "why", "encryption-key-id", "encryption-workflow-id")
        metadata[random.choice(odd)] = random.choice((b"", b"\xff\xfe", b"no_key", b"changed", b"plain", b"x" * 9_000))
    data = random.choice((written(said), b"", bytes(random.randrange(256) for _ in range(50)), b"null"))
    return name, [Payload(metadata=metadata, data=data)], _MALFORMED


def _odd_metadata(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    odd = {random.choice(("", "x", "\x00", "__temporal_external_storage_reference", "type")): b"\xff" * 30}
    return name, [Payload(metadata={"encoding": JSON, **odd}, data=written(said))], None


def _broken_bytes(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    return name, [plain(broken(random, written(said)))], None


def broken(random: Random, data: bytes) -> bytes:
    """Some bytes changed, lost, added or doubled."""
    made = bytearray(data)
    for _ in range(random.randrange(1, 6)):
        at = random.randrange(len(made) or 1)
        match random.choice(("flip", "cut", "add", "double")):
            case "flip" if made:
                made[at] ^= 1 << random.randrange(8)
            case "cut":
                del made[at : at + random.randrange(1, 10)]
            case "double":
                made += made[at:]
            case _:
                made[at:at] = bytes(random.randrange(256) for _ in range(random.randrange(1, 5)))
    return bytes(made)


def _no_object(random: Random, order: Order, ids: list[str]) -> _Made:
    value = junk(random)
    return random.choice(tuple(COMMANDS)), [plain(written([value] if isinstance(value, dict) else value))], _MALFORMED


def _wrong_field(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    for _ in range(random.randrange(1, 3)):
        said[random.choice((*said, "sent_at", "expected_version", "amount", "comment"))] = junk(random)
    return name, [plain(written(said))], None


def _unknown_field(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    fields = ("a", "Comment", "\x00", "\ud800", "x" * 3_000, "__class__", "actor_token", "name", "private")
    return name, [plain(written({**said, random.choice(fields): junk(random)}))], None


def _missing_field(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    said.pop(random.choice(tuple(said)))
    return name, [plain(written(said))], None


def _strange_actor(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    role, who = (
        random.choice(("client", "system", "clock", "", "Client", None)),
        random.choice((*TEXTS, "c-1", 7, None)),
    )
    said["actor"] = random.choice(({"role": role, "id": who}, {"role": role}, {"id": who}, [role, who], role))
    return name, [plain(written(said))], None


def _doubled_keys(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    key = random.choice(tuple(said))
    return name, [plain(written(said)[:-1] + b", " + written({key: junk(random)})[1:])], None


def _deep(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    depth = random.choice(DEEP)
    opened, closed = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    key = random.choice(("actor", "comment", "x", "command_id"))
    data = written(said)[:-1] + b', "' + key.encode() + b'": ' + opened * depth + b"1" + closed * depth + b"}"
    return name, [plain(data)], _MALFORMED


def _large(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    size = random.choices(LARGE, weights=(6, 4, 2, 1))[0]
    key = random.choice(("comment", "private_note", "x", "command_id", "actor"))
    value = random.choice(
        ("x" * size, ["x"] * (size // 6), "\u4e16" * (size // 6), {f"{n}": n for n in range(size // 20)})
    )
    return name, [plain(written({**said, key: value}))], None


def _huge_number(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    key = random.choice(("amount", "expected_version", "comment", "x"))
    number = random.choice((b"9" * HUGE_DIGITS, b"-" + b"1" * 400, b"1e999999", b"0." + b"3" * HUGE_DIGITS))
    return name, [plain(written(said)[:-1] + b', "' + key.encode() + b'": ' + number + b"}")], None


def _same_id_other_content(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    return name, [plain(written({**said, "command_id": random.choice(ids)}))], None


def _well_formed(random: Random, order: Order, ids: list[str]) -> _Made:
    name, said = _said(random, order, ids)
    return name, [plain(written(said))], None


KINDS: dict[str, Callable[[Random, Order, list[str]], _Made]] = {
    "wrong number of arguments": _wrong_number,
    "strange encoding": _strange_encoding,
    "odd metadata": _odd_metadata,
    "broken bytes": _broken_bytes,
    "no object": _no_object,
    "wrong field": _wrong_field,
    "unknown field": _unknown_field,
    "missing field": _missing_field,
    "strange actor": _strange_actor,
    "doubled keys": _doubled_keys,
    "nested deeply": _deep,
    "large": _large,
    "huge number": _huge_number,
    "same id, other content": _same_id_other_content,
    "well-formed": _well_formed,
}
