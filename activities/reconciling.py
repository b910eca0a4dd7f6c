"""Comparing a payment provider's books with ours, leg by leg. It finds differences and moves nothing."""

import asyncio
import inspect
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal

import structlog
from pydantic import Field
from temporalio import activity
from temporalio.exceptions import ApplicationError

from recourse.activities.contract import RECONCILE
from recourse.activities.providers import Movement, PaymentProvider
from recourse.database.reconciling import KeyHere, legs_of, legs_since, note_reconciled
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.vocabulary import View

# How far back: a refund can come back after weeks.
USUALLY = timedelta(days=30)
# What has moved within this time may be in one of the books and not yet in the other.
MOVING = timedelta(minutes=10)
# The provider may have paid so long before we noted it.
EARLIER = timedelta(days=3)
CHUNK = 500  # movements
BEATS_EVERY = 20  # seconds

Kind = Literal[
    "not_here",
    "waiting_here",
    "stuck_here",
    "void_here",
    "not_booked",
    "not_there",
    "returned_there",
    "amount",
    "twice",
]
_DO: dict[Kind, str] = {
    "not_here": "Ask the provider what {reference} was for.",
    "waiting_here": "The order asks again. If it waits for a day: docs/runbooks/payments-fail.md",
    "stuck_here": "recourse money settle-by-hand {order_id} --as operator:YOU --leg {leg} --reference {reference} "
    "--explanation WHY",
    "void_here": "The order no longer owes this: have the provider reverse {reference}.",
    "not_booked": "recourse doctor {order_id}",
    "not_there": "Look up {key} at the provider. Do not pay it before you know.",
    "returned_there": "recourse money reconcile --report",
    "amount": "Ask the provider about {reference}.",
    "twice": "Have the provider reverse all but one of {reference}.",
}


class Difference(View):
    """Where the two books differ, and what to do."""

    provider: str = Field(description="The payment provider.")
    kind: Kind = Field(description="What differs.")
    order_id: str | None = Field(description="The order.")
    leg: str | None = Field(description="The leg, such as `1.refund`.")
    key: str | None = Field(description="The idempotency key.")
    here: str = Field(description="What we have.")
    there: str = Field(description="What the provider has.")
    references: list[str] = Field(description="The provider's references.")
    do: str = Field(description="What to do.")


class Moved:
    """The provider's movements, in a temporary file: there may be millions, and memory holds only a page of them."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("")
        self._db.execute(
            "CREATE TABLE moved (place INTEGER PRIMARY KEY, key TEXT, order_id TEXT, leg TEXT, content TEXT, seen INT)"
        )
        self._db.execute("CREATE INDEX moved_by_key ON moved (key)")
        self._db.execute("CREATE INDEX moved_by_leg ON moved (order_id, leg) WHERE key IS NULL")

    def close(self) -> None:
        """Remove the file."""
        self._db.close()

    def add(self, movements: Iterable[Movement]) -> None:
        """Add movements."""
        rows = [(one.key, one.order_id, one.leg, one.model_dump_json()) for one in movements]
        self._db.executemany("INSERT INTO moved (key, order_id, leg, content, seen) VALUES (?, ?, ?, ?, 0)", rows)

    def of(self, leg: Sequence[KeyHere]) -> list[Movement]:
        """The movements of a leg, by one of its keys or, without a key, by its name. Marks them as seen."""
        keys = [one.key for one in leg]
        where = f"key IN ({', '.join('?' * len(keys))}) OR (key IS NULL AND order_id = ? AND leg = ?)"
        values = (*keys, leg[0].order_id, leg[0].leg)
        found = self._db.execute(f"SELECT content FROM moved WHERE {where} ORDER BY place", values)  # noqa: S608
        movements = [Movement.model_validate_json(content) for (content,) in found]
        if movements:
            self._db.execute(f"UPDATE moved SET seen = 1 WHERE {where}", values)  # noqa: S608
        return movements

    def unseen(self) -> Iterator[list[Movement]]:
        """The movements that belong to none of the legs so far, a page at a time."""
        after = 0
        while True:
            found = self._db.execute(
                "SELECT place, content FROM moved WHERE seen = 0 AND place > ? ORDER BY place LIMIT ?", (after, CHUNK)
            ).fetchall()
            if not found:
                return
            yield [Movement.model_validate_json(content) for _, content in found]
            after = found[-1][0]


class Comparison:
    """Compares one provider's books with ours. `compared` counts the legs that were looked at, `moving` those of
    them that were left out because they have just moved."""

    def __init__(self, pool: Any, name: str, provider: PaymentProvider, since: datetime, now: datetime) -> None:
        self._pool, self._name, self._provider = pool, name, provider
        self._since, self._until = since, now - MOVING
        self.compared = self.moving = 0

    async def differences(self) -> AsyncIterator[Difference]:
        """All differences since then, without what is moving at the moment."""
        with closing(Moved()) as moved:
            async for movements in _movements(self._provider, self._since - EARLIER):
                moved.add(movements)
            async for legs in legs_since(self._pool, self._name, self._since):
                for leg in legs:
                    for difference in self._of_leg(leg, moved):
                        yield difference
            for movements in moved.unseen():
                keys = [one.key for one in movements if one.key is not None]
                named = [(one.order_id, one.leg) for one in movements if one.key is None and one.order_id and one.leg]
                legs = await legs_of(self._pool, self._name, keys, named)
                for leg in legs:
                    for difference in self._of_leg(leg, moved):
                        yield difference
                known = {one.key for leg in legs for one in leg} | {(leg[0].order_id, leg[0].leg) for leg in legs}
                for one in movements:
                    if one.key not in known and (one.key is not None or (one.order_id, one.leg) not in known):
                        for difference in self._unknown(one):
                            yield difference

    def _of_leg(self, leg: Sequence[KeyHere], moved: Moved) -> list[Difference]:
        self.compared += 1
        movements = moved.of(leg)
        touched = any(one.touched_at and one.touched_at > self._until for one in leg)
        if touched or any(one.at > self._until for one in movements):
            self.moving += 1
            return []
        return judge(self._name, leg, movements, self._since)

    def _unknown(self, one: Movement) -> list[Difference]:
        self.compared += 1
        if one.status == "failed" or one.at > self._until or (one.at < self._since):
            return []
        there = f"{_amount(one)} {one.status}"
        return [_difference(self._name, "not_here", one.order_id, one.leg, one.key, "-", there, [one])]


def judge(provider: str, leg: Sequence[KeyHere], movements: Sequence[Movement], since: datetime) -> list[Difference]:
    """What differs in one leg: all its keys here, the latest last, and all its movements there."""
    current, by_key = leg[-1], {one.key: one for one in leg}
    returned = {one.reference: one for one in movements if one.status == "returned"}
    paid = {one.reference: one for one in movements if one.status == "paid" and one.reference not in returned}

    def here(one: Movement) -> KeyHere:
        return by_key[one.key] if one.key is not None else current

    def found(kind: Kind, at: KeyHere, there: str, *about: Movement) -> Difference:
        stands = f"{write_amount(at.amount, at.currency)} {at.status}{' by hand' if at.by_hand else ''}"
        return _difference(provider, kind, at.order_id, at.leg, at.key, stands, there, about)

    other = [
        found("amount", here(one), f"{_amount(one)} {one.status}", one)
        for one in (*paid.values(), *returned.values())
        if (one.amount, one.currency) != (here(one).amount, here(one).currency)
    ]
    if len(paid) > 1:
        return [*other, found("twice", current, f"{len(paid)} times paid", *paid.values())]
    for one in paid.values():
        at, there = here(one), f"{_amount(one)} paid"
        if at.status == "done" and not at.by_hand:
            unbooked = at is current and at.booked != "done"
            return [*other, *([found("not_booked", at, there, one)] if unbooked else [])]
        match current.status:
            case "done":
                return [*other, found("twice", current, f"{there} under {one.key or one.reference}", one)]
            case "waiting":
                return [*other, found("waiting_here", current, there, one)]
            case "blocked" | "returned":
                return [*other, found("stuck_here", current, there, one)]
            case "void":
                return [*other, found("void_here", current, there, one)]
    for at in leg:
        back = [one for one in returned.values() if here(one) is at]
        if back and at.status == "waiting":
            other.append(found("waiting_here", at, "returned", *back))
        elif back and at.status == "done" and not at.by_hand:
            other.append(found("returned_there", at, "returned", *back))
        elif not back and _should_be_there(at, since):
            other.append(found("not_there", at, "-"))
    return other


def _should_be_there(at: KeyHere, since: datetime) -> bool:
    # A fee may be what just stays with the marketplace.
    moves = at.amount > 0 and at.name != "fee" and not at.by_hand
    return moves and at.status == "done" and at.answered_at is not None and at.answered_at >= since


def _amount(one: Movement) -> str:
    return write_amount(one.amount, one.currency)


def _difference(
    provider: str,
    kind: Kind,
    order_id: str | None,
    leg: str | None,
    key: str | None,
    here: str,
    there: str,
    about: Sequence[Movement],
) -> Difference:
    references = [one.reference for one in about]
    do = _DO[kind].format(order_id=order_id, leg=leg, key=key, reference=", ".join(references))
    return Difference(
        provider=provider,
        kind=kind,
        order_id=order_id,
        leg=leg,
        key=key,
        here=here,
        there=there,
        references=references,
        do=do,
    )


async def _movements(provider: Any, since: datetime) -> AsyncIterator[list[Movement]]:
    """What the provider has moved since then, a chunk at a time. What is not asynchronous runs in a thread."""
    made = await asyncio.to_thread(provider.movements, since)
    if inspect.isawaitable(made):
        made = await made
    if hasattr(made, "__aiter__"):
        chunk: list[Movement] = []
        async for one in made:
            chunk.append(one)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        yield chunk
        return
    each = iter(made)
    while chunk := await asyncio.to_thread(lambda: list(islice(each, CHUNK))):
        yield chunk


class Reconciling:
    """The activity that compares the books of all providers that list what they have moved."""

    def __init__(self, pool: Any, providers: Mapping[str, PaymentProvider]) -> None:
        self._pool = pool
        self._providers = with_books(providers)

    @activity.defn(name=RECONCILE)
    async def reconcile(self) -> dict[str, int]:
        """How many differences there are with each; fails where a provider cannot be asked, and is tried again."""
        beating = asyncio.create_task(_beat())
        found, failed = dict[str, int](), dict[str, Exception]()
        try:
            for name, provider in self._providers.items():
                try:
                    found[name] = await self._compare(name, provider)
                # Whatever one of them does, the others are compared.
                except Exception as error:  # noqa: BLE001
                    failed[name] = error
        finally:
            beating.cancel()
        if failed:
            why = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in failed.items())
            raise ApplicationError(f"Not compared: {why}", type="not_compared") from next(iter(failed.values()))
        return found

    async def _compare(self, name: str, provider: PaymentProvider) -> int:
        now = datetime.now(UTC)
        comparison = Comparison(self._pool, name, provider, now - USUALLY, now)
        kinds = Counter([difference.kind async for difference in comparison.differences()])
        await note_reconciled(
            self._pool, name, since=now - USUALLY, compared=comparison.compared, differences=kinds.total()
        )
        if kinds:
            structlog.get_logger("recourse.worker").warning("the books differ", provider=name, kinds=dict(kinds))
        return kinds.total()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEATS_EVERY)


def with_books(providers: Mapping[str, PaymentProvider]) -> dict[str, PaymentProvider]:
    """Those that list what they have moved."""
    return {name: one for name, one in sorted(providers.items()) if getattr(one, "movements", None) is not None}
