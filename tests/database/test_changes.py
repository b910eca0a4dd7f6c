"""Whoever follows the changes hears of every step once, also of one that is committed later than a higher number."""

import asyncio
from random import Random
from typing import Any

import asyncpg

from recourse.database.changes import read_changes
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.database.steps import record_step
from tests.facts.lives import live
from tests.patience import PATIENCE


def first_step(order_id: str) -> Any:
    return live(Random(1), order_id=order_id, moves=0, close=False).steps[0]


async def test_a_step_that_is_committed_after_a_higher_number_is_not_missed(dsn: str, pool: Any) -> None:
    slow = await connect(dsn, most=1)
    async with slow.acquire() as connection:
        late = connection.transaction()
        await late.start()
        await record_step(connection, first_step("o-late"))
        await record_step(pool, first_step("o-quick"))
        # The quick one is there, and the follower is not told of it while something may come before it.
        assert await pool.fetchval("SELECT count(*) FROM changes") == 1
        assert await read_changes(pool) == []
        await late.commit()
    found = await read_changes(pool)
    assert [change.order_id for change in found] == ["o-late", "o-quick"]
    assert await read_changes(pool, after=found[0].number) == found[1:]
    assert await read_changes(pool, after=found[1].number) == []
    await slow.close()


async def test_a_lower_number_of_a_younger_transaction_comes_second_and_is_not_missed(dsn: str, pool: Any) -> None:
    """The older transaction takes its number later, and is committed first."""
    elder, younger = await connect(dsn, most=1), await connect(dsn, most=1)
    async with elder.acquire() as first, younger.acquire() as second:
        one, other = first.transaction(), second.transaction()
        await one.start()
        await first.fetchval("SELECT pg_current_xact_id()")
        await other.start()
        await record_step(second, first_step("o-younger"))
        await record_step(first, first_step("o-elder"))
        await one.commit()
        heard = await read_changes(pool)
        assert [change.order_id for change in heard] == ["o-elder"]
        await other.commit()
    heard += await read_changes(pool, after=heard[-1].number)
    assert [change.order_id for change in heard] == ["o-elder", "o-younger"]
    assert heard[0].number > heard[1].number
    await elder.close()
    await younger.close()


async def test_a_step_that_is_taken_back_holds_back_nothing(pool: Any) -> None:
    async with pool.acquire() as connection:
        lost = connection.transaction()
        await lost.start()
        await record_step(connection, first_step("o-lost"))
        await lost.rollback()
    await record_step(pool, first_step("o-kept"))
    assert [(change.order_id, change.step) for change in await read_changes(pool)] == [("o-kept", 0)]


async def test_who_polls_while_many_write_hears_of_every_step_once_and_of_each_orders_in_order(dsn: str) -> None:
    lives = [live(Random(seed), order_id=f"o-{seed}") for seed in range(24)]
    writing, reading = await connect(dsn, most=6), await connect(dsn, most=1)
    over, heard = asyncio.Event(), list[Any]()

    async def write(life: Any) -> None:
        for step in life.steps:
            await record_step(writing, step)

    async def follow() -> None:
        last = False
        while not last:
            last = over.is_set()
            while page := await read_changes(reading, heard[-1].number if heard else 0, limit=7):
                heard.extend(page)

    async def write_all() -> None:
        await asyncio.gather(*map(write, lives))
        over.set()

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(write_all(), follow())
    for life in lives:
        steps = [change.step for change in heard if change.order_id == life.opening.terms.order_id]
        assert steps == list(range(len(life.steps)))
    assert len(heard) == sum(len(life.steps) for life in lives)
    await writing.close()
    await reading.close()


async def test_a_place_goes_on_after_a_restore_into_a_server_that_counts_its_transactions_from_the_start(
    dsn: str, pool: Any
) -> None:
    """`recourse migrate` comes first there."""
    for number in range(3):
        await record_step(pool, first_step(f"o-{number}"))
    server = await asyncpg.connect(dsn)
    await server.execute("UPDATE changes SET transaction = '9000000000'")
    before = [row["number"] for row in await server.fetch("SELECT number FROM changes ORDER BY number")]
    await server.close()
    assert await migrate(dsn) == []
    await record_step(pool, first_step("o-3"))
    assert [change.order_id for change in await read_changes(pool, after=before[1])] == ["o-2", "o-3"]
