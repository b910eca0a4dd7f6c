"""`recourse relay outbox`: each step is an event in the log of PostgreSQL, in its transaction, and in no table."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import asyncpg
import pytest

from campaigns.decoding import confirm, make_slot, payload, peek
from recourse.database.change_outbox import PUBLICATION, switch_outbox
from recourse.database.changes import Change, read_changes
from recourse.database.pool import connect
from recourse.database.steps import record_step
from tests.cli.test_orders import run
from tests.facts.lives import live


@pytest.fixture
async def pool(logical: str) -> AsyncIterator[Any]:
    connected = await connect(logical)
    yield connected
    await connected.close()


async def switch(pool: Any, *, on: bool) -> None:
    async with pool.acquire() as connection:
        await switch_outbox(connection, on=on)


async def test_each_step_is_an_event_that_says_what_the_change_says(logical: str, pool: Any) -> None:
    await switch(pool, on=True)
    await make_slot(pool, "reader")
    worker = await connect(f"{logical}?role=recourse_app")
    for seed in range(4):
        for step in live(Random(seed), order_id=f"o-{seed}").steps:
            await record_step(worker, step)
    await pool.execute("INSERT INTO changes (order_id, step) VALUES ('o-1', 900)")
    await worker.close()
    changes = {change.cursor: change for change in await read_changes(pool, limit=1000)}
    end, rows = await peek(pool, "reader")
    assert len(rows) == len(changes) > 20
    for row in rows:
        event = payload(row)
        change = changes[event["cursor"]]
        assert Change.model_validate(event) == change
        assert event.keys() == change.model_dump().keys()
        assert (row["id"], row["aggregatetype"], row["aggregateid"], row["type"]) == (
            str(change.id),
            "order",
            change.order_id,
            "recourse.order.changed",
        )
        if change.at is not None:
            assert f"{row['at']}+00:00" == str(change.at)
    assert await pool.fetchval("SELECT count(*) FROM change_outbox") == 0
    # What nobody confirmed comes again, and what was confirmed does not.
    assert (await peek(pool, "reader"))[1] == rows
    assert end is not None
    await confirm(pool, "reader", end)
    assert await peek(pool, "reader") == (None, [])


async def test_an_event_is_there_with_its_step_or_not_at_all(pool: Any) -> None:
    await switch(pool, on=True)
    await make_slot(pool, "reader")
    async with pool.acquire() as connection:
        lost = connection.transaction()
        await lost.start()
        await record_step(connection, live(Random(1), order_id="o-lost").steps[0])
        await lost.rollback()
    await record_step(pool, live(Random(1), order_id="o-kept").steps[0])
    await record_step(pool, live(Random(1), order_id="o-kept").steps[0])
    assert [row["aggregateid"] for row in (await peek(pool, "reader"))[1]] == ["o-kept"]


async def test_a_publication_of_all_tables_stops_no_step(pool: Any) -> None:
    await switch(pool, on=True)
    await pool.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    await record_step(pool, live(Random(1), order_id="o-1").steps[0])
    assert await pool.fetchval("SELECT step FROM order_states") == 0


async def test_nothing_is_written_while_it_is_off(pool: Any) -> None:
    await make_slot(pool, "reader")
    steps = live(Random(1), order_id="o-1").steps
    await record_step(pool, steps[0])
    await switch(pool, on=True)
    await switch(pool, on=True)
    await record_step(pool, steps[1])
    assert [row["aggregateid"] for row in (await peek(pool, "reader"))[1]] == ["o-1"]
    await switch(pool, on=False)
    await switch(pool, on=False)
    assert await pool.fetchval("SELECT count(*) FROM pg_trigger WHERE tgfoid = 'fill_change_outbox'::regproc") == 0
    await record_step(pool, steps[2])


async def test_no_word_of_a_person_is_in_an_event(pool: Any) -> None:
    await switch(pool, on=True)
    await make_slot(pool, "reader")
    lives = [live(Random(seed), order_id=f"o-{seed}") for seed in range(4)]
    for step in (step for life in lives for step in life.steps):
        await record_step(pool, step)
    said = {
        str(words)
        for life in lives
        for entry in life.entries
        for name, words in (entry.content.get("fields") or {}).items()
        if name in ("comment", "explanation", "text", "title", "address") and words
    }
    assert said
    _, rows = await peek(pool, "reader")
    assert [words for words in said for row in rows if words in str(row["payload"])] == []


async def test_the_command_switches_it_and_says_who_reads(logical: str, pool: Any) -> None:
    environment = {"DATABASE_URL": logical}
    off = await run(environment, "relay", "outbox")
    assert (off.status, off.output) == (0, "Off: steps write no events.\n")
    on = await run(environment, "relay", "outbox", "--on")
    assert (on.status, on.output) == (0, f"On: each step is an event of the publication {PUBLICATION}.\n")
    await make_slot(pool, "reader")
    shown = await run(environment, "relay", "outbox", "--json")
    assert (shown.json["on"], shown.json["slots"][0]["name"]) == (True, "reader")
    ended = await run(environment, "relay", "outbox", "--off")
    assert "SELECT pg_drop_replication_slot('reader')" in ended.error
    refused = await run({"DATABASE_URL": f"{logical}?role=recourse_app"}, "relay", "outbox", "--on")
    assert (refused.status, "use the user that runs `recourse migrate`" in refused.error) == (2, True)
    holding = await asyncpg.connect(logical)
    async with holding.transaction():
        await holding.execute("LOCK TABLE changes IN ROW EXCLUSIVE MODE")
        waits = await run(environment, "relay", "outbox", "--on")
    await holding.close()
    assert (waits.status, "A transaction that stays open holds the table changes" in waits.error) == (2, True)


async def test_a_server_whose_log_cannot_be_decoded_is_named(dsn: str) -> None:
    ran = await run({"DATABASE_URL": dsn}, "relay", "outbox", "--on")
    assert (ran.status, "wal_level = logical" in ran.error) == (2, True)
