"""Bringing a database up to date: numbered SQL files, each once, safe for many starters at once."""

import hashlib
from importlib.resources import files

from database.pool import connect

_LOCK = 0x5EC0_0125  # any number that nobody else locks; two starters take turns by it
_JOURNAL = """
CREATE TABLE IF NOT EXISTS migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(Exception):
    """The database cannot be brought up to date; the text says why and what to do."""


def migrations() -> list[tuple[str, str]]:
    """Every migration as `(name, SQL)`, in the order in which they are applied."""
    folder = files("database") / "migrations"
    named = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return [(name, (folder / name).read_text(encoding="utf-8")) for name in named]


async def migrate(dsn: str) -> list[str]:
    """Apply what is missing; returns the names of what was applied now.

    Raises MigrationError where an applied file has changed since, DatabaseUnreachable where nothing answers.
    """
    pool = await connect(dsn, most=1)
    try:
        async with pool.acquire() as connection:
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
            try:
                await connection.execute(_JOURNAL)
                rows = await connection.fetch("SELECT name, checksum FROM migrations")
                applied = {row["name"]: row["checksum"] for row in rows}
                fresh = []
                for name, sql in migrations():
                    checksum = hashlib.sha256(sql.encode()).hexdigest()
                    if name in applied:
                        _same(name, applied[name], checksum)
                        continue
                    async with connection.transaction():
                        await connection.execute(sql)
                        await connection.execute(
                            "INSERT INTO migrations (name, checksum) VALUES ($1, $2)", name, checksum
                        )
                    fresh.append(name)
                return fresh
            finally:
                await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    finally:
        await pool.close()


def _same(name: str, applied: str, checksum: str) -> None:
    if applied != checksum:
        raise MigrationError(
            f"Migration {name} has changed since it was applied to this database: "
            "restore the file and put the change into a new migration."
        )
