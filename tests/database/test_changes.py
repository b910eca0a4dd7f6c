"""A follower of the changes reads every step once, also one that is committed later than a higher number.

Where the database was set back and its place was lost, it is told so.
"""

import asyncio
import json
from random import Random
from typing import Any

import pytest

from recourse.database.changes import NOW, START, Change, Feed, Told, read_changes
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.errors import UnknownCursor
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
    assert await read_changes(pool, after=found[0].cursor) == found[1:]
    assert await read_changes(pool, after=found[1].cursor) == []
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
    heard += await read_changes(pool, after=heard[-1].cursor)
    assert [change.order_id for change in heard] == ["o-elder", "o-younger"]
    by_number = await pool.fetch("SELECT order_id FROM changes ORDER BY number")
    assert [row["order_id"] for row in by_number] == ["o-younger", "o-elder"]
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
            while page := await read_changes(reading, heard[-1].cursor if heard else START, limit=7):
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


async def set_back(pool: Any, number: int) -> None:
    """Make the table what it was when this number was the last one; the next one is given again."""
    await pool.execute("DELETE FROM changes WHERE number > $1", number)
    await pool.execute("SELECT setval(pg_get_serial_sequence('changes', 'number'), $1)", number)


async def add(pool: Any, *order_ids: str) -> None:
    for order_id in order_ids:
        await pool.execute("INSERT INTO changes (order_id, step) VALUES ($1, 0)", order_id)


async def restore_elsewhere(dsn: str, pool: Any) -> None:
    """Make the transactions those of a server that has had more of them, and migrate as after a restore."""
    await pool.execute(
        "UPDATE changes SET transaction = (transaction::text::bigint + 9000000000)::text::xid8 "
        "WHERE transaction < pg_snapshot_xmax(pg_current_snapshot())"
    )
    assert await migrate(dsn) == []


async def heard_after(pool: Any, cursor: str) -> list[str]:
    return [change.order_id for change in await read_changes(pool, after=cursor)]


async def test_a_cursor_that_is_lost_with_what_was_set_back_is_unknown_also_when_its_number_is_given_again(
    pool: Any,
) -> None:
    await add(pool, "o-1", "o-2", "o-3", "o-4", "o-5")
    kept, _, lost = [change.cursor for change in await read_changes(pool)][2:]
    await set_back(pool, 3)
    with pytest.raises(UnknownCursor, match="Go on from an earlier one, or from `start`"):
        await read_changes(pool, after=lost)
    # Number 5 is the same step again, as a repair writes it. What comes before it is new.
    await add(pool, "o-new", "o-5", "o-4")
    with pytest.raises(UnknownCursor):
        await read_changes(pool, after=lost)
    assert await heard_after(pool, START) == ["o-1", "o-2", "o-3", "o-new", "o-5", "o-4"]
    assert await heard_after(pool, kept) == ["o-new", "o-5", "o-4"]


async def test_a_place_goes_on_after_restores_into_servers_that_count_their_transactions_from_the_start(
    dsn: str, pool: Any
) -> None:
    """The order stays that of the transactions of each server, where numbers do not rise, and server by server."""
    elder = await connect(dsn, most=1)
    async with elder.acquire() as first:
        late = first.transaction()
        await late.start()
        await first.fetchval("SELECT pg_current_xact_id()")
        await add(pool, "o-younger")
        await add(first, "o-elder")
        await late.commit()
    await elder.close()
    order = ["o-elder", "o-younger"]
    places = [change.cursor for change in await read_changes(pool)]
    for restored in ("o-second", "o-third"):
        await restore_elsewhere(dsn, pool)
        assert await heard_after(pool, START) == order
        await add(pool, restored)
        assert await migrate(dsn) == []
        order.append(restored)
        assert await heard_after(pool, START) == order
        places.append((await read_changes(pool))[-1].cursor)
        assert [await heard_after(pool, place) for place in places] == [
            order[count:] for count in range(1, len(order) + 1)
        ]


async def test_a_change_says_what_happened_when_by_whom_and_for_whom(pool: Any) -> None:
    seen = dict[str, Change]()
    for seed in range(6):
        life = live(Random(seed), order_id=f"o-{seed}")
        for step in life.steps:
            await record_step(pool, step)
        changes = [one for one in await read_changes(pool, limit=1000) if one.order_id == f"o-{seed}"]
        for step, change in zip(life.steps, changes, strict=True):
            said = step.entry.content if step.entry else {}
            assert change.what == said.get("command", "payments" if step.number else "opened")
            assert change.outcome == said.get("outcome")
            assert change.events == [one["event"] for one in said.get("events", [])]
            assert change.by == (said.get("actor") or {}).get("role")
            assert change.at == step.at
            assert (change.client, change.freelancer) == (step.summary.client, step.summary.freelancer)
            assert change.told == [Told(to=one.to, name=one.name) for one in step.notices]
            seen[str(change.outcome)] = change
    assert seen.keys() == {"None", "applied", "refused", "fired"}
    assert len({change.cursor for change in await read_changes(pool, limit=1000)}) == len(
        await read_changes(pool, limit=1000)
    )


async def test_a_row_of_a_former_version_is_followed_all_the_same(pool: Any) -> None:
    await record_step(pool, first_step("o-1"))
    await pool.execute("INSERT INTO changes (order_id, step) VALUES ('o-1', 1)")
    opened, former = await read_changes(pool)
    assert (opened.what, former.what, former.at, former.client) == ("opened", None, None, opened.client)


async def test_what_is_no_cursor_is_unknown(pool: Any) -> None:
    await add(pool, "o-1")
    number, _, mark = (await read_changes(pool))[0].cursor.partition(".")
    for after in (
        "",
        "1",
        f"{number}.",
        f"{int(number) + 1}.{mark}",
        f"0{number}.{mark}",
        f"9{'0' * 18}.{mark}",
        "now",
    ):
        with pytest.raises(UnknownCursor):
            await read_changes(pool, after=after)


async def test_who_waits_gets_what_comes_and_now_is_what_is_yet_to_come(pool: Any) -> None:
    feed = Feed(pool)
    assert (await feed.page(NOW)).next == START
    await add(pool, "o-1")
    now = (await feed.page(NOW)).next
    async with asyncio.timeout(PATIENCE):
        waiting = [asyncio.create_task(feed.page(after, wait=PATIENCE)) for after in (now, NOW, now)]
        while feed.waiting < len(waiting):
            await feed.page(now)
        await add(pool, "o-2")
        pages = [await one for one in waiting]
        assert [[change.order_id for change in page.changes] for page in pages] == [["o-2"]] * 3
        # Nobody looks while nobody waits, and the next ones that wait are served as well.
        waiting = [asyncio.create_task(feed.page(pages[0].next, wait=PATIENCE))]
        await add(pool, "o-3")
        assert [change.order_id for change in (await waiting[0]).changes] == ["o-3"]
    nothing = await feed.page(NOW, wait=0.01)
    assert (nothing.changes, nothing.next) == ([], (await read_changes(pool))[-1].cursor)


async def test_changes_that_are_held_back_are_not_read_to_be_left_out(pool: Any) -> None:
    """However many steps wait behind a transaction that stays open, a poll reads none of them."""
    async with pool.acquire() as slow:
        late = slow.transaction()
        await late.start()
        await slow.fetchval("SELECT pg_current_xact_id()")
        await pool.execute("INSERT INTO changes (order_id, step) SELECT 'o-1', n FROM generate_series(1, 2000) AS n")
        await pool.execute("ANALYZE changes")
        explaining = Explaining(pool)
        assert await read_changes(explaining) == []
        assert explaining.rows_read == 0
        await late.rollback()
    assert len(await read_changes(pool, limit=3000)) == 2000


class Explaining:
    """Stands where a pool is asked, and counts how many rows of the table each question reads."""

    def __init__(self, pool: Any) -> None:
        self.pool, self.rows_read = pool, 0

    async def fetchval(self, query: str, *values: Any) -> Any:
        return await self.pool.fetchval(query, *values)

    async def fetchrow(self, query: str, *values: Any) -> Any:
        return await self.pool.fetchrow(query, *values)

    async def fetch(self, query: str, *values: Any) -> Any:
        plan = await self.pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
        waiting = [json.loads(plan)[0]["Plan"]]
        while waiting:
            node = waiting.pop()
            waiting += node.get("Plans", [])
            if node.get("Relation Name") == "changes":
                self.rows_read += node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        return await self.pool.fetch(query, *values)
