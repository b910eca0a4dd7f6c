"""What a session took along when it was made does not outlast its reason: after such an error new sessions are made."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from recourse.database.pool import AWAY, SILENCE, connect
from recourse.database.steps import record_step
from tests.conftest import run_on
from tests.facts.lives import live
from tests.http.lines import line
from tests.patience import PATIENCE

A_MOMENT = 0.1  # seconds

MANY = 4

TURNS = 5


@pytest.fixture
async def nobody(postgres_server: str) -> AsyncIterator[str]:
    """A role that may do nothing."""
    await run_on(postgres_server, "DROP ROLE IF EXISTS recourse_nobody", "CREATE ROLE recourse_nobody")
    yield "recourse_nobody"
    await run_on(postgres_server, "DROP ROLE recourse_nobody")


async def at_once(pool: Any, query: str) -> list[Any]:
    """The answers of many sessions, all of them open."""
    held = [await pool.acquire() for _ in range(MANY)]
    try:
        return [await connection.fetchval(query) for connection in held]
    finally:
        for connection in held:
            await pool.release(connection)


async def write(pool: Any) -> None:
    await record_step(pool, live(Random(4), order_id="o-1").steps[0])


async def try_again(pool: Any) -> None:
    """What the pool does after an error, it does in the next turns of the loop."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
    await write(pool)


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("default_transaction_read_only = on", asyncpg.ReadOnlySQLTransactionError),
        ("search_path = nowhere", asyncpg.UndefinedTableError),
        ("statement_timeout = 500", asyncpg.QueryCanceledError),
        ("role = recourse_nobody", asyncpg.InsufficientPrivilegeError),
    ],
)
@pytest.mark.usefixtures("nobody")
async def test_sessions_with_a_former_setting_are_let_go(
    postgres_server: str, dsn: str, setting: str, kind: type[Exception]
) -> None:
    name, database = setting.partition(" ")[0], urlsplit(dsn).path.removeprefix("/")
    await run_on(postgres_server, f"ALTER DATABASE {database} SET {setting}")
    pool = await connect(dsn)
    [former] = set(await at_once(pool, f"SHOW {name}"))
    await run_on(postgres_server, f"ALTER DATABASE {database} RESET {name}")

    failing = pool.execute("SELECT pg_sleep(60)") if "timeout" in name else write(pool)
    with pytest.raises(kind) as raised:
        await failing
    assert isinstance(raised.value, AWAY)
    await try_again(pool)
    assert former not in await at_once(pool, f"SHOW {name}")
    await pool.close()


async def test_an_error_of_the_data_keeps_the_sessions(pool: Any) -> None:
    before = await at_once(pool, "SELECT pg_backend_pid()")
    for query in ("SELECT 1 / 0", "INSERT INTO contacts VALUES ('o', 'client', NULL)"):
        with pytest.raises(asyncpg.PostgresError) as raised:
            await pool.execute(query)
        assert not isinstance(raised.value, AWAY)
    with pytest.raises(asyncpg.DataError, match="out of int32 range"):
        await pool.fetchval("SELECT $1::int", 2**31)
    assert sorted(await at_once(pool, "SELECT pg_backend_pid()")) == sorted(before)


async def test_sessions_that_an_operator_ends_are_made_anew(pool: Any, dsn: str) -> None:
    await at_once(pool, "SELECT 1")
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with pytest.raises(AWAY):
        await pool.fetch(ended)  # its own session is among them
    await try_again(pool)
    assert await at_once(pool, "SELECT 1") == [1] * MANY


async def test_sessions_with_a_server_that_is_gone_without_a_word_are_let_go(dsn: str) -> None:
    parts = urlsplit(dsn)
    user, _, host = parts.netloc.rpartition("@")
    async with line(parts.hostname or "", parts.port or 5432) as cable:
        pool = await connect(parts._replace(netloc=f"{user}@127.0.0.1:{cable.port},{host}").geturl())
        await at_once(pool, "SELECT 1")
        cable.hold()
        asking = asyncio.create_task(pool.execute("SELECT 1"))
        assert await asyncio.wait({asking}, timeout=SILENCE + 0.1) == (set(), {asking})
        asking.cancel()
        await asyncio.wait({asking}, timeout=A_MOMENT)  # it waits for the server's word
        async with asyncio.timeout(PATIENCE):
            await write(pool)
        await cable.cut()
        await asyncio.wait({asking})
        pool.terminate()
