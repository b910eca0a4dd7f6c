"""Malformed starts: broken, of the wrong shape, or with values at the limits of their types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from temporalio.api.common.v1 import Payload

from campaigns.malformed import ENCODINGS, INSTANTS, NAMES, TEXTS, junk, odd_headers, plain, written
from recourse.resolution.model.order import Opening


@dataclass(frozen=True)
class BadStart:
    """A start as it is sent."""

    kind: str
    type: str
    payloads: tuple[Payload, ...]
    memo: Mapping[str, Payload] = field(default_factory=dict)
    headers: Mapping[str, Payload] = field(default_factory=dict)


def some_start(random: Random, opening: Opening) -> BadStart:
    """A start that is none, or one of an order whose opening holds values from far out."""
    data = written(opening.model_dump(mode="json"))
    memo = {random.choice(("", "terms", "\x00")): random.choice((Payload(), plain(b"{"), plain(b"7")))}
    memo = memo if random.random() < 0.3 else {}
    match random.choice(("type", "number", "encoding", "bytes", "no object", "field", "field", "field", "far out")):
        case "type":
            name = random.choice(tuple(name for name in NAMES if name.strip()))
            return BadStart("unknown type", name, (plain(data),), memo)
        case "number":
            return BadStart("wrong number of arguments", "Order", (plain(data),) * random.choice((0, 2, 5)), memo)
        case "encoding":
            # An order that is encrypted with a key that is not there waits for the key.
            known = [one for one in ENCODINGS if one not in (b"binary/encrypted", b"recourse/unopened")]
            metadata = {"encoding": random.choice(known)}
            return BadStart("strange encoding", "Order", (Payload(metadata=metadata, data=data),), memo)
        case "bytes":
            at = random.randrange(len(data))
            cut = data[:at] + bytes(random.randrange(256) for _ in range(3)) + data[at + random.randrange(9) :]
            return BadStart("broken bytes", "Order", (plain(cut),), memo)
        case "no object":
            return BadStart("no object", "Order", (plain(written(junk(random))),), memo)
        case "field":
            document = opening.model_dump(mode="json")
            _spoil(random, document)
            return BadStart("wrong field", "Order", (plain(written(document)),), memo, odd_headers(random))
        case _:
            document = opening.model_dump(mode="json")
            _far_out(random, document)
            return BadStart("values from far out", "Order", (plain(written(document)),), memo)


def _spoil(random: Random, document: dict[str, Any]) -> None:
    table = document
    while True:
        key = random.choice(tuple(table))
        inner = table[key]
        if not isinstance(inner, dict) or not inner or random.random() < 0.3:
            break
        table = inner
    match random.choice(("replace", "drop", "add")):
        case "replace":
            table[key] = junk(random)
        case "drop":
            del table[key]
        case _:
            table[random.choice(TEXTS)] = junk(random)


def _far_out(random: Random, document: dict[str, Any]) -> None:
    """Values that are of the right type, and at the ends of what their type holds."""
    terms, policy = document["terms"], document["policy"]
    for _ in range(random.randrange(1, 4)):
        match random.choice(("price", "service_fee", "ordered_at", "delivery_time", "policy", "policy")):
            case "ordered_at":
                terms["ordered_at"] = random.choice(("0001-01-01T00:00:00Z", "8999-12-31T23:59:59Z", *INSTANTS))
            case "delivery_time":
                terms["delivery_time"] = random.choice(("0s", "1s", "36500d", "999999999d", "3650000d"))
            case "policy":
                _spread(random, policy)
            case amount:
                terms[amount] = random.choice((0, 1, 2**53 - 1, 2**53, 10**15, 10**15 + 1, 2**63))


def _spread(random: Random, table: dict[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _spread(random, value)
        elif random.random() < 0.2 and isinstance(value, str) and value[:1].isdigit():
            table[key] = random.choice(("0s", "1s", "36500d", "3650000d", "999999999d"))
        elif random.random() < 0.2 and isinstance(value, int) and not isinstance(value, bool):
            table[key] = random.choice((0, 1, 100, 10_000, 2**31, 2**63 - 1))
