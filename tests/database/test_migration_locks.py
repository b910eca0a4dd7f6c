"""While a migration holds back those who write, it does nothing whose time grows with the tables."""

from typing import Any

import asyncpg
import pytest

from recourse.database.migrate import migrate, migrations
from tests.conftest import run_on
from tests.database.tables import TABLES
from tests.database.test_former_workers import FULL
from tests.database.test_migrations import empty

__all__ = ["empty"]

# The locks that somebody who writes a step waits for.
HOLDING_BACK = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
HELD = """
SELECT DISTINCT c.relname FROM pg_locks AS l INNER JOIN pg_class AS c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.granted AND l.mode = ANY($1) AND c.relname = ANY($2)
"""
READ = "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = ANY($1)"
FILES = "SELECT relname, relfilenode FROM pg_class WHERE relname = ANY($1) AND relkind = 'r'"
# The first five make a new database, in which nobody is at work yet.
AT_WORK = [name for name, _ in migrations() if name > "0006"]


async def long_holds(server: Any, sql: str) -> list[str]:
    """The tables that this migration keeps from being written while it reads or writes all of their rows."""
    if not sql.startswith("-- outside a transaction\n"):
        return await _long_hold(server, sql)
    found = []
    for statement in sql.removesuffix(";\n").split(";\n"):
        # PostgreSQL lets writers go on meanwhile, and allows no transaction around it.
        if " CONCURRENTLY " in statement:
            await server.execute(statement)
        else:
            found += await _long_hold(server, statement)
    return found


async def _long_hold(server: Any, sql: str) -> list[str]:
    files = dict(await server.fetch(FILES, TABLES))
    async with server.transaction():
        await server.execute(sql)
        held = {row["relname"] for row in await server.fetch(HELD, HOLDING_BACK, TABLES)}
        read = dict(await server.fetch(READ, TABLES))
        now = dict(await server.fetch(FILES, TABLES))
    return sorted(table for table in held & set(files) if read.get(table) or files[table] != now[table])


@pytest.mark.parametrize("name", AT_WORK)
async def test_a_migration_holds_back_no_writer_for_longer_than_an_instant(empty: str, name: str) -> None:
    level = [known for known, _ in migrations()].index(name)
    await migrate(empty, migrations()[:level])
    await run_on(empty, FULL)
    server = await asyncpg.connect(empty)
    try:
        assert await long_holds(server, migrations()[level][1]) == []
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("ALTER TABLE deliveries ADD COLUMN stirred float NOT NULL DEFAULT random()", "deliveries"),
        ("ALTER TABLE notices ADD CONSTRAINT named CHECK (name <> '')", "notices"),
        ("ALTER TABLE answers ALTER COLUMN step TYPE numeric", "answers"),
        ("CREATE INDEX entries_by_time ON record_entries (at)", "record_entries"),
        ("LOCK TABLE ledger_entries; SELECT sum(amount) FROM ledger_entries", "ledger_entries"),
        ("-- outside a transaction\nSET lock_timeout = '1s';\nCREATE INDEX by_price ON orders (price);\n", "orders"),
    ],
)
async def test_one_that_would_is_found(dsn: str, sql: str, table: str) -> None:
    await run_on(dsn, FULL)
    server = await asyncpg.connect(dsn)
    try:
        assert await long_holds(server, sql) == [table]
    finally:
        await server.close()
