"""Bringing a database up to date: numbered SQL files, each once, safe for many starters at once."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import asyncpg

from recourse.database.access import Database
from recourse.database.address import CACHE, Address
from recourse.database.pool import AWAY, changes_servers, connect, unreachable
from recourse.errors import BadInput

_LOCK = 0x5EC0_0125  # any number that nobody else locks; two starters take turns by it
_JOURNAL = """
CREATE TABLE IF NOT EXISTS migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
# A dump that was restored into another server has transactions that this one has not had yet. What is written now must
# follow them, and they keep their order (database/changes.py).
_CHANGES_ARE_THERE = "SELECT to_regclass('changes') IS NOT NULL"
_FROM_ANOTHER_SERVER = "SELECT max(transaction) >= pg_snapshot_xmax(pg_current_snapshot()) FROM changes WHERE era = 0"
_BEFORE_ALL_OF_THIS_SERVER = "UPDATE changes SET era = era - 1"
# Somebody created the roles later, or nobody may yet.
_NOT_HANDED_OVER = """
SELECT count(*) < 5 OR EXISTS (
    SELECT 1 FROM rights AS r INNER JOIN pg_class AS c ON r.kind = 'TABLE' AND c.oid = to_regclass(r.name)
    WHERE pg_get_userbyid(c.relowner) <> 'recourse_migrator'
) FROM pg_roles WHERE rolname = ANY(
    '{recourse_migrator, recourse_app, recourse_web, recourse_reader, recourse_keeper}'
)
"""
# Seconds. Waiting for another starter, or for a big table to be rewritten, is no failure.
PATIENCE = 24 * 3600.0
AGAIN_AFTER = 0.1
_POOLED = (
    "Migrations need a session of their own, which no pooler in transaction mode gives: set DATABASE_URL to the "
    f"address of PostgreSQL itself, without {CACHE}=0, for `recourse migrate`."
)
# The first line of a file that makes indexes while orders go on, which no transaction can. Each statement is one of its
# own and may be run again, since what was done before a failure stays.
_OUTSIDE = "-- outside a transaction\n"
# The connection has ended, or nothing can be written there.
_NOT_OF_THE_MIGRATION = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.ReadOnlySQLTransactionError,
)


class MigrationError(BadInput):
    """The database cannot be brought up to date; the text says why and what to do."""


def migrations() -> list[tuple[str, str]]:
    """Every migration as `(name, SQL)`, in the order in which they are applied."""
    folder = files("recourse.database") / "migrations"
    named = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [(name, (folder / name).read_text(encoding="utf-8")) for name in named]


async def missing_migrations(pool: Database) -> list[str]:
    """The names of the migrations that a database lacks."""
    begun = await pool.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
    applied = {row["name"] for row in await pool.fetch("SELECT name FROM migrations")} if begun else set()
    return [name for name, _ in migrations() if name not in applied]


def _ignored(_: str) -> None:
    """For callers that have nobody to warn."""


async def migrate(
    dsn: str, wanted: Sequence[tuple[str, str]] | None = None, *, warn: Callable[[str], None] = _ignored
) -> list[str]:
    """Apply what is missing of `wanted` (every migration there is); returns the names of what was applied now.

    `warn` gets a sentence where the roles of the database are missing, or do not own and may not use what they should.

    Where nothing is missing nothing is changed, so a user without rights to change anything may ask too.
    Raises MigrationError where an applied file has changed since, or one cannot be applied; then nothing of that one
    is, except of one that makes indexes while orders go on: it is begun again. Raises DatabaseUnreachable where nothing
    answers or takes writes.
    """
    pool = await connect(dsn, most=1)
    try:
        async with pool.acquire() as connection:
            if not Address.read(dsn).prepares or await changes_servers(connection, dsn):
                # A lock of a session stays with the next user of that session.
                raise MigrationError(_POOLED)
            # Asked again and again: a starter that waits inside a statement would hold up an index that another one
            # makes concurrently, which waits for every older statement, until PostgreSQL stops one of the two.
            async with asyncio.timeout(PATIENCE):
                while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
                    await asyncio.sleep(AGAIN_AFTER)
            try:
                applied = await _apply(connection, migrations() if wanted is None else wanted)
                if await connection.fetchval(_CHANGES_ARE_THERE) and await connection.fetchval(_FROM_ANOTHER_SERVER):
                    await connection.execute(_BEFORE_ALL_OF_THIS_SERVER, timeout=PATIENCE)
                if await connection.fetchval("SELECT to_regclass('rights') IS NOT NULL"):
                    await _hand_over(connection, warn)
                return applied
            finally:
                if not connection.is_closed():
                    await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    except AWAY as error:
        raise unreachable(error) from error
    finally:
        await pool.close()


async def _apply(connection: Any, wanted: Sequence[tuple[str, str]]) -> list[str]:
    applied: dict[str, str] = {}
    begun = await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
    if begun:
        try:
            rows = await connection.fetch("SELECT name, checksum FROM migrations")
        except _NOT_OF_THE_MIGRATION:
            raise
        except asyncpg.PostgresError as error:
            raise MigrationError(
                f"The table migrations of this database is not ours to read ({error}): give Recourse a database, or a "
                "schema first in its search_path, of its own, or migrate as a user with rights to it."
            ) from error
        applied = {row["name"]: row["checksum"] for row in rows}
    fresh = []
    for name, sql in wanted:
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        if name in applied:
            _same(name, applied[name], checksum)
            continue
        outside = sql.startswith(_OUTSIDE)
        try:
            if outside:
                for statement in sql.removesuffix(";\n").split(";\n"):
                    await connection.execute(statement, timeout=PATIENCE)
                await connection.execute("RESET ALL")
            async with connection.transaction():
                # Better to give up and say so than to let every order of a running system queue up behind a lock.
                await connection.execute("SET LOCAL lock_timeout = '30s'")
                await connection.execute(_JOURNAL)
                if not outside:
                    await connection.execute(sql, timeout=PATIENCE)
                await connection.execute("INSERT INTO migrations (name, checksum) VALUES ($1, $2)", name, checksum)
        except asyncpg.InsufficientPrivilegeError as error:
            raise MigrationError(
                f"Migration {name} is missing and this user may not apply it ({error}): "
                "migrate as the owner of the tables or as a member of recourse_migrator."
            ) from error
        except _NOT_OF_THE_MIGRATION:
            raise
        except asyncpg.PostgresError as error:
            left = "what was done of it stays: migrate again" if outside else "nothing of it was"
            raise MigrationError(f"Migration {name} cannot be applied ({error}); {left}.") from error
        fresh.append(name)
    return fresh


async def _hand_over(connection: Any, warn: Callable[[str], None]) -> None:
    """Give everything to the roles once they are there."""
    if not await connection.fetchval(_NOT_HANDED_OVER):
        return
    said: list[str] = []

    def listen(_: Any, notice: Any) -> None:
        said.append(notice.message)

    connection.add_log_listener(listen)
    try:
        await connection.execute("SELECT hand_to_roles()")
    except asyncpg.InsufficientPrivilegeError as error:
        said.append(f"This user may not give the tables to the roles of Recourse ({error}): migrate as their owner.")
    finally:
        connection.remove_log_listener(listen)
    for sentence in said:
        warn(sentence)


def _same(name: str, applied: str, checksum: str) -> None:
    if applied != checksum:
        raise MigrationError(
            f"Migration {name} has changed since it was applied to this database: "
            "restore the file and put the change into a new migration."
        )
