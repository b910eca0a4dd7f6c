"""PgBouncer before the database: what works through it, and what is refused with a sentence that names it."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from recourse.database.migrate import MigrationError, migrate
from recourse.database.orders import read_record
from recourse.database.pool import POOLED, connect
from recourse.database.steps import record_step
from recourse.errors import DatabaseUnreachable
from recourse.runtime.database_connection import takes_writes
from recourse.starter.client import Recourse
from tests.database.pgbouncer import pgbouncer
from tests.facts.lives import live
from tests.http.conftest import client, marketplace
from tests.http.test_outages import calling, problem
from tests.process.conftest import Marketplace, working

__all__ = ["client", "marketplace"]

UNPREPARED = "?statement_cache_size=0"


async def write_and_read(dsn: str, order_id: str) -> None:
    """What workers and readers do, in several connections at once."""
    pool = await connect(dsn)
    try:
        life = live(Random(4), order_id=order_id)
        for step in life.steps:
            written, *_ = await asyncio.gather(
                record_step(pool, step), *(pool.fetchval("SELECT $1::text", step.order_id) for _ in range(4))
            )
            assert written is None
        assert await read_record(pool, order_id) == life.entries
        await takes_writes(pool)
    finally:
        await pool.close()


async def test_orders_go_through_a_pooler_in_transaction_mode(dsn: str, tmp_path: Path) -> None:
    async with pgbouncer(dsn, tmp_path, "transaction") as through:
        await asyncio.gather(*(write_and_read(through + UNPREPARED, f"o-{number}") for number in range(4)))


async def test_an_order_is_led_through_a_pooler_in_transaction_mode(
    temporal_address: str, dsn: str, tmp_path: Path
) -> None:
    async with pgbouncer(dsn, tmp_path, "transaction", sessions=2) as through:
        pool = await connect(through + UNPREPARED)
        async with working(temporal_address, pool) as marketplace:
            order_id = await marketplace.order()
            assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
            assert (await marketplace.by("freelancer", order_id, "accept")).applied
        await pool.close()


async def test_orders_go_through_a_pooler_in_session_mode_as_they_are(dsn: str, tmp_path: Path) -> None:
    async with pgbouncer(dsn, tmp_path, "session", sessions=40) as through:
        await asyncio.gather(*(write_and_read(through, f"o-{number}") for number in range(2)))
        assert await migrate(through) == []


async def test_a_pooler_in_session_mode_may_have_one_session_only(dsn: str, tmp_path: Path) -> None:
    async with pgbouncer(dsn, tmp_path, "session", sessions=1) as through:
        pool = await connect(through, most=1)
        assert await pool.fetchval("SELECT 1") == 1
        await pool.close()


async def test_a_pooler_that_loses_statements_is_refused_at_once(dsn: str, tmp_path: Path) -> None:
    async with pgbouncer(dsn, tmp_path, "transaction") as through:
        for using in (connect, migrate):
            with pytest.raises(DatabaseUnreachable) as raised:
                await using(through)
            assert str(raised.value) == POOLED


async def test_migrations_are_refused_a_pooler_in_transaction_mode(dsn: str, tmp_path: Path) -> None:
    async with pgbouncer(dsn, tmp_path, "transaction") as through:
        with pytest.raises(MigrationError, match="the address of PostgreSQL itself, without statement_cache_size=0"):
            await migrate(through + UNPREPARED)


async def test_a_server_that_loses_statements_later_names_the_pooler_to_callers(
    marketplace: Marketplace, dsn: str
) -> None:
    pool = await connect(dsn, most=1)
    async with calling(Recourse(marketplace.client, pool, task_queue=marketplace.queue)) as http:
        assert (await http.get("/readyz")).status_code == 200
        # What a pooler does that gives us another session: it knows none of our statements.
        await pool.execute("DEALLOCATE ALL")
        answer = await http.get("/readyz")
        assert problem(answer) == (503, "database_unreachable")
        assert answer.json()["detail"].startswith(POOLED)
    await pool.close()
