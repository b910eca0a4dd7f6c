"""Malformed starts: broken, of the wrong shape, or with values at the limits of their types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, get_args

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload

from campaigns.malformed import ENCODINGS, INSTANTS, NAMES, TEXTS, junk, odd_headers, plain, written
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.order import Opening
from recourse.resolution.model.vocabulary import PARTIES, Kind, Phase


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
    if random.random() < 0.4:
        opening = opening.model_copy(update={"state": some_state(random, opening)})
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


def some_state(random: Random, opening: Opening) -> OpeningState:
    """Where an order stood elsewhere; some of that contradicts itself."""
    placed, price = opening.terms.ordered_at, opening.terms.price

    def at() -> datetime:
        return placed + random.choice((0, 0, 0, -1, 1)) * timedelta(days=random.choice((0, 1, 400)))

    request = {
        "kind": random.choice(get_args(Kind)),
        "by": random.choice(PARTIES),
        "opened_at": at(),
        "answer_due_at": at() + timedelta(seconds=random.choice((1, 86_400))),
        "amount": random.choice((None, None, 0, price, price + 1)),
        "extend_by": random.choice((None, None, "1d", "3660d")),
        "reason": random.choice((None, "other", "no such code")),
        "comment": random.choice((None, *TEXTS[:3])),
        "counters": random.choice((0, 0, 1, 6, 1_000_000)),
        "reminder_sent": random.random() < 0.5,
    }
    said: dict[str, Any] = {
        "phase": random.choice(get_args(Phase)),
        "since": at(),
        "due_at": random.choice((None, at(), at())),
        "delivered_at": random.choice((None, None, at())),
        "completes_at": random.choice((None, None, None, at())),
        "revisions": random.choice((0, 0, 1, 1_000_000)),
        "extras": {"price": random.choice((0, 0, 1, 10**15)), "service_fee": random.choice((0, 0, 1, 10**15))},
        "released": random.choice((0, 0, 1, price, 10**15)),
        "refunded": random.choice((0, 0, 1, price)),
        "request": request if random.random() < 0.5 else None,
        "declined_at": {party: at() for party in PARTIES if random.random() < 0.2},
        "wrote": [party for party in PARTIES if random.random() < 0.3],
    }
    fitting = {"phase": "in_progress", "since": placed, "due_at": placed + timedelta(days=1), "request": None}
    if random.random() < 0.4:
        said = {**fitting, "refunded": said["refunded"], "wrote": said["wrote"], "extras": {"price": 1}}
    try:
        return OpeningState.model_validate(said)
    except ValidationError:
        return OpeningState.model_validate(fitting)


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
