"""Consumers of the changes that are killed anywhere miss nothing and take nothing twice, however late a step commits.

A consumer keeps the cursor in the transaction that keeps what it made of the changes. One that cannot, since it keeps
them elsewhere, drops by its cursor what it gets once more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from random import Random
from typing import Any, NamedTuple

import pytest

from recourse.database.changes import START, Feed
from recourse.database.pool import connect
from recourse.database.steps import record_step
from tests.facts.lives import Life, live
from tests.patience import PATIENCE

ORDERS, WRITERS, CONSUMERS, KILLS = 6, 4, 2, 8
LATE = 0.03  # of the steps
OF_A_CONSUMER = """
CREATE TABLE taken (consumer int, cursor text, order_id text, step bigint, place serial,
    PRIMARY KEY (consumer, cursor));
CREATE TABLE places (consumer int PRIMARY KEY, cursor text NOT NULL)
"""
_TAKE = "INSERT INTO taken (consumer, cursor, order_id, step) VALUES ($1, $2, $3, $4)"
_GO_ON = "INSERT INTO places VALUES ($1, $2) ON CONFLICT (consumer) DO UPDATE SET cursor = excluded.cursor"
Page = Callable[[str], Awaitable[list[Any]]]


class Row(NamedTuple):
    """A change as the careless reader has it."""

    cursor: str
    order_id: str
    step: int


class Killed(Exception):
    """The consumer is gone, in the middle of whatever it did."""


class Consumer:
    """Takes changes page by page, and is killed some times, each time at another point."""

    def __init__(self, number: int, pool: Any, page: Page, random: Random, *, at_once: bool) -> None:
        self.number, self.pool, self.page, self.random, self.at_once = number, pool, page, random, at_once
        self.killed, self.pages = 0, 0

    async def run(self, over: asyncio.Event) -> None:
        """Until all is written and read."""
        while True:
            last = over.is_set()
            try:
                while await self._take():
                    pass
            except Killed:
                self.killed += 1
                continue
            if last:
                return

    def _may_die(self) -> None:
        if self.killed < KILLS and self.random.random() < 0.2:
            raise Killed

    async def _take(self) -> bool:
        cursor = await self.pool.fetchval("SELECT cursor FROM places WHERE consumer = $1", self.number) or START
        found = await self.page(cursor)
        self.pages += 1
        self._may_die()
        async with self.pool.acquire() as connection:
            if self.at_once:
                async with connection.transaction():
                    await self._keep(connection, _TAKE, found)
                    self._may_die()
            else:
                await self._keep(connection, f"{_TAKE} ON CONFLICT DO NOTHING", found)
        self._may_die()
        return bool(found)

    async def _keep(self, connection: Any, take: str, found: list[Any]) -> None:
        for change in found:
            await connection.execute(take, self.number, change.cursor, change.order_id, change.step)
            self._may_die()
        if found:
            await connection.execute(_GO_ON, self.number, found[-1].cursor)


async def consumed(dsn: str, page_of: Callable[[Any], Page], seed: int, share: float = LATE) -> None:
    """Write orders, a `share` of the steps late, while consumers follow. Raises AssertionError for what is missed."""
    random = Random(seed)
    writing, reading = await connect(dsn, most=WRITERS), await connect(dsn)
    lives = [live(Random(random.random()), order_id=f"o-{number}") for number in range(ORDERS)]
    over, late = asyncio.Event(), asyncio.Semaphore(WRITERS // 2)
    committed, writers, waiting = 0, WRITERS, 0
    consumers = [
        Consumer(number, reading, page_of(reading), Random(random.random()), at_once=number > 0)
        for number in range(CONSUMERS)
    ]
    await reading.execute(OF_A_CONSUMER)

    async def others() -> None:
        """Until steps with a higher number are committed, if any comes, and every consumer could have read them."""
        nonlocal waiting
        at, waiting = committed, waiting + 1
        while committed < at + 2 and writers > waiting:  # noqa: ASYNC110 - many wait for other things
            await asyncio.sleep(0.001)
        seen = [one.pages for one in consumers]
        while any(one.pages < before + 2 for one, before in zip(consumers, seen, strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        waiting -= 1

    async def write(some: list[Life]) -> None:
        nonlocal committed, writers
        for life in some:
            for step in life.steps:
                waits = random.random() < share
                async with late if waits else nullcontext(), writing.acquire() as connection, connection.transaction():
                    await record_step(connection, step)
                    if waits:
                        await others()
                committed += 1
        writers -= 1

    async def write_all() -> None:
        await asyncio.gather(*(write(lives[number::WRITERS]) for number in range(WRITERS)))
        over.set()

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(write_all(), *(one.run(over) for one in consumers))
    assert all(one.killed for one in consumers)
    for consumer in consumers:
        taken = await reading.fetch("SELECT * FROM taken WHERE consumer = $1 ORDER BY place", consumer.number)
        for life in lives:
            steps = [row["step"] for row in taken if row["order_id"] == life.opening.terms.order_id]
            assert steps == list(range(len(life.steps))), consumer.number
    await writing.close()
    await reading.close()


def whole(pool: Any) -> Page:
    feed = Feed(pool)

    async def page(after: str) -> list[Any]:
        return list((await feed.page(after, limit=7, wait=0.05)).changes)

    return page


def careless(pool: Any) -> Page:
    """By number alone, as it would be done with an ordinary sequence."""

    async def page(after: str) -> list[Any]:
        rows = await pool.fetch(
            "SELECT number::text AS cursor, order_id, step FROM changes WHERE number > $1 ORDER BY number LIMIT 7",
            int(after.removeprefix(START) or 0),
        )
        return [Row(**row) for row in rows]

    return page


async def test_killed_consumers_miss_nothing_and_take_nothing_twice(dsn: str) -> None:
    await consumed(dsn, whole, 1)


async def test_a_consumer_that_reads_by_number_alone_is_caught(dsn: str) -> None:
    with pytest.raises(AssertionError):
        await consumed(dsn, careless, 1, 2 * LATE)  # enough that chance does not hide it
