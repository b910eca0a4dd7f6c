"""Workers of a former version go on while the database is brought up to date under them, and afterwards."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from recourse.database.migrate import migrate, migrations
from recourse.database.orders import read_export
from recourse.database.pool import connect
from recourse.resolution.model.record import verify
from tests.conftest import run_on
from tests.database.former_worker import MARK, Session, first_level, former, listen
from tests.database.tables import everything
from tests.database.test_migrations import empty
from tests.patience import PATIENCE

__all__ = ["empty"]

SESSIONS = former()
NAMES = [name for name, _ in migrations()]
# What the database sets by its own clock.
MEASURED = ("opened_at", "updated_at", "written_at", "since", "delivered_at", "number", "transaction", "mark")
WRITERS = 4
ROWS = 2000
FULL = f"""
INSERT INTO order_states (order_id, step, record_salt, state)
SELECT 'full-' || n, 0, 'salt', '{{}}' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO openings (order_id, opening) SELECT order_id, '{{}}' FROM order_states;
INSERT INTO changes (order_id, step) SELECT order_id, step FROM order_states;
INSERT INTO orders (
    order_id, policy, client, freelancer, currency, price, service_fee, phase, settlement, ordered_at, turn
) SELECT
    'full-' || n, 'upwork', 'c-' || n % 100, 'f-' || n % 100, 'USD', 1, 0, 'in_progress', 'none', now(), 'client'
FROM generate_series(1, {ROWS}) AS n;
INSERT INTO record_entries (order_id, number, at, content, previous, hash)
SELECT order_id, 1, now(), '{{}}', '', '' FROM orders;
INSERT INTO answers (order_id, step, sender, command_id, outcome) SELECT order_id, 0, 'client', 'a', '{{}}' FROM orders;
INSERT INTO ledger_entries (order_id, step, line, account, amount, at)
SELECT order_id, 0, line, account, amount, now()
FROM orders, (VALUES (1, 'client', -1), (2, 'escrow', 1)) AS l (line, account, amount);
INSERT INTO notices (id, order_id, step, line, receiver, name, at, body)
SELECT order_id || '.0.1', order_id, 0, 1, 'client', 'order_opened', now(), '{{}}' FROM orders;
INSERT INTO deliveries (notice_id, channel, attempts) SELECT id, 'webhook', 1 FROM notices;
INSERT INTO contacts (order_id, role, email) SELECT order_id, 'client', 'c@x.example' FROM orders
"""

# A migration that waits for the locks which are held here: in a transaction, and outside one.
WAITING = {
    "inside": "ALTER TABLE deliveries ALTER COLUMN attempts SET DEFAULT 1",
    "outside": "-- outside a transaction\nDROP INDEX CONCURRENTLY IF EXISTS by_price;\n"
    "CREATE INDEX CONCURRENTLY by_price ON orders (price);\n",
}


async def filled(dsn: str, level: int) -> None:
    """Bring an empty database up to so many migrations and put orders into it."""
    await migrate(dsn, migrations()[:level])
    await run_on(dsn, FULL)


@asynccontextmanager
async def writing(dsn: str, session: Session) -> AsyncIterator[list[str]]:
    """Workers that play a session again and again meanwhile, and once more afterwards; what marks their orders."""
    marks: list[str] = []
    begun, over = asyncio.Barrier(WRITERS + 1), asyncio.Event()

    async def write(number: int) -> None:
        pool = await connect(dsn, most=1)
        try:
            # Whoever waits longer for a lock fails, and the test with it.
            await pool.execute("SET lock_timeout = '1s'")
            await begun.wait()
            last = False
            while not last:
                last = over.is_set()
                marks.append(f"o-{number}-{len(marks)}-x")
                await session.play(pool, marks[-1])
        finally:
            await pool.close()

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as workers:
        for number in range(WRITERS):
            workers.create_task(write(number))
        await begun.wait()
        yield marks
        over.set()


async def rows(pool: Any, mark: str) -> dict[str, list[str]]:
    """All rows of the orders with this mark, without what was measured."""
    return {
        table: sorted(
            json.dumps(
                {name: one for name, one in row.items() if name not in MEASURED}, default=str, sort_keys=True
            ).replace(mark, MARK)
            for row in found
            if (row.get("order_id") or row["notice_id"]).startswith(f"{mark}-")
        )
        for table, found in (await everything(pool)).items()
    }


@pytest.fixture
async def usual(pool: Any) -> dict[str, dict[str, list[str]]]:
    """What each session leaves in a database of today, by its name."""
    for session in SESSIONS:
        await session.play(pool, f"usual-{session.name}")
    return {session.name: await rows(pool, f"usual-{session.name}") for session in SESSIONS}


async def test_what_a_worker_says_now_is_kept(dsn: str) -> None:
    today = await listen(dsn)
    kept = SESSIONS[-1]
    assert (today.statements, today.given) == (kept.statements, kept.given), (
        "Workers say something else to the database than before, and those of the former version say it still while a "
        "new one is rolled out. Run `python -m tests.database.former_worker`, commit the new files of "
        "tests/database/former, and leave those that are there."
    )


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
async def test_former_workers_find_the_database_of_today_as_they_need_it(pool: Any, session: Session) -> None:
    await session.play(pool, MARK)
    stored = await rows(pool, MARK)
    assert [table for table, found in stored.items() if not found] == ["contacts", "displays"]
    for order_id in await pool.fetch("SELECT order_id FROM orders"):
        assert verify(await read_export(pool, order_id["order_id"], "operator", datetime.now(UTC))) == []


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
async def test_no_migration_disturbs_former_workers_at_work(
    empty: str, usual: dict[str, dict[str, list[str]]], session: Session
) -> None:
    await filled(empty, level := await first_level(empty, session))
    async with writing(empty, session) as marks:
        # One more, as the next release may bring it.
        wanted = [*migrations(), ("9999_more.sql", WAITING["outside"])]
        for upto in range(level + 1, len(wanted) + 1):
            # Two that start at the same time, as two pods of a job do.
            applied = await asyncio.gather(*(migrate(empty, wanted[:upto]) for _ in range(2)))
            assert sorted(applied) == [[], [wanted[upto - 1][0]]]
    await nothing_is_lost(empty, marks, usual[session.name])


KILLED = """
import asyncio, sys
from recourse.database.migrate import migrate, migrations
asyncio.run(migrate(sys.argv[1], [*migrations(), ("9999_more.sql", sys.argv[2])]))
"""


@pytest.mark.parametrize("kind", WAITING)
async def test_a_migrator_that_is_killed_half_way_leaves_a_database_that_the_next_one_finishes(
    empty: str, usual: dict[str, dict[str, list[str]]], kind: str
) -> None:
    session = SESSIONS[-1]
    await filled(empty, len(NAMES))
    server = await asyncpg.connect(empty)
    try:
        async with server.transaction():
            # Whatever changes these tables waits for this.
            await server.execute("UPDATE orders SET price = 2 WHERE order_id = 'full-1'")
            await server.execute("UPDATE deliveries SET attempts = 1 WHERE notice_id = 'full-1.0.1'")
            killed = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", KILLED, empty, WAITING[kind]),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            await until_one_waits(empty)
            killed.send_signal(signal.SIGKILL)
            await killed.wait()
            next_one = asyncio.create_task(migrate(empty, [*migrations(), ("9999_more.sql", WAITING[kind])]))
        async with asyncio.timeout(PATIENCE):
            assert await next_one == ["9999_more.sql"]
        assert [row["name"] for row in await server.fetch("SELECT name FROM migrations ORDER BY name")][:-1] == NAMES
        assert await server.fetch("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid") == []
    finally:
        await server.close()
    async with writing(empty, session) as marks:
        pass
    await nothing_is_lost(empty, marks, usual[session.name])


async def nothing_is_lost(dsn: str, marks: list[str], expected: dict[str, list[str]]) -> None:
    pool = await connect(dsn)
    try:
        assert len(marks) > WRITERS
        for mark in marks:
            assert await rows(pool, mark) == expected
    finally:
        await pool.close()


async def until_one_waits(dsn: str) -> None:
    """Until a migrator waits for a lock."""
    server = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await server.fetchval(  # noqa: ASYNC110 - what it waits for is on the server
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ):
                await asyncio.sleep(0.02)
    finally:
        await server.close()
