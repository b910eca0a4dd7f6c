"""A database is brought up to date once, whole, by whoever comes first, from any version before."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import asyncpg
import pytest

from recourse.database.migrate import MigrationError, migrate, migrations
from recourse.database.orders import read_record
from recourse.database.pool import READ_ONLY, connect
from recourse.database.steps import record_step
from recourse.errors import DatabaseUnreachable
from tests.conftest import run_on
from tests.facts.lives import live
from tests.patience import PATIENCE

MIGRATIONS = Path(__file__).parents[2] / "recourse" / "database" / "migrations"
NAMES = [name for name, _ in migrations()]


@pytest.fixture
async def empty(dsn: str) -> AsyncIterator[str]:
    """The address of a database in which nothing of ours is."""
    name = urlsplit(dsn).path.removeprefix("/") + "_empty"
    server = await asyncpg.connect(dsn)
    await server.execute(f"CREATE DATABASE {name}")
    yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def usable(dsn: str) -> None:
    pool = await connect(dsn)
    try:
        life = live(Random(4), order_id="o-usable")
        for step in life.steps:
            assert await record_step(pool, step) is None
        assert await read_record(pool, "o-usable") == life.entries
    finally:
        await pool.close()


async def test_an_empty_database_gets_every_migration_in_order(empty: str) -> None:
    assert await migrate(empty) == NAMES == sorted(NAMES)
    await usable(empty)


async def test_a_second_time_nothing_is_missing(empty: str) -> None:
    await migrate(empty)
    assert await migrate(empty) == []


async def test_many_starters_at_once_take_turns(empty: str) -> None:
    applied = await asyncio.gather(*(migrate(empty) for _ in range(5)))
    assert sorted(applied) == [[], [], [], [], NAMES]
    await usable(empty)


async def test_a_migration_that_changed_since_is_refused_by_name(empty: str) -> None:
    await migrate(empty)
    changed = [(name, f"{sql}\n-- one more thought" if name == NAMES[1] else sql) for name, sql in migrations()]
    with pytest.raises(MigrationError, match=f"Migration {NAMES[1]} has changed since .* into a new migration"):
        await migrate(empty, changed)


@pytest.mark.parametrize("version", range(1, len(NAMES)))
async def test_every_former_version_becomes_this_one_and_keeps_its_orders(empty: str, version: int) -> None:
    await migrate(empty, migrations()[:version])
    server = await asyncpg.connect(empty)
    await server.execute(
        "INSERT INTO order_states (order_id, step, record_salt, state) VALUES ('o-old', 0, 'salt', '{}');"
        "INSERT INTO orders (order_id, policy, client, freelancer, currency, price, service_fee, phase, settlement, "
        "ordered_at, turn) VALUES ('o-old', 'upwork', 'c', 'f', 'USD', 1, 0, 'in_progress', 'none', now(), 'client')"
    )
    await server.execute(
        "INSERT INTO record_entries (order_id, number, at, content, previous, hash) "
        "VALUES ('o-old', 1, now(), '{}', '', '')"
    )
    assert await migrate(empty) == NAMES[version:]
    assert await server.fetchval("SELECT count(*) FROM orders NATURAL JOIN record_entries") == 1
    await server.close()
    await usable(empty)


async def test_a_migration_that_fails_leaves_nothing_of_itself_and_all_before_it(empty: str) -> None:
    half = [*migrations(), ("9999_half.sql", "CREATE TABLE half (); SELECT 1 / 0;")]
    with pytest.raises(
        MigrationError, match=r"9999_half.sql cannot be applied .*division by zero.*; nothing of it was"
    ):
        await migrate(empty, half)
    server = await asyncpg.connect(empty)
    assert await server.fetchval("SELECT to_regclass('half')") is None
    assert [row["name"] for row in await server.fetch("SELECT name FROM migrations ORDER BY name")] == NAMES
    await server.close()
    assert await migrate(empty, [*migrations(), ("9999_half.sql", "CREATE TABLE half ();")]) == ["9999_half.sql"]


async def test_indexes_that_are_made_outside_a_transaction_are_begun_again_after_a_failure(empty: str) -> None:
    again = "-- outside a transaction\nDROP TABLE IF EXISTS half;\nCREATE TABLE half (a int);\n"
    broken = [*migrations(), ("9999_half.sql", again + "SELECT 1 / 0;\n")]
    with pytest.raises(MigrationError, match=r"division by zero.*; what was done of it stays: migrate again"):
        await migrate(empty, broken)
    mended = [*migrations(), ("9999_half.sql", again + "CREATE INDEX CONCURRENTLY half_a ON half (a);\n")]
    assert await migrate(empty, mended) == ["9999_half.sql"]
    assert await migrate(empty, mended) == []


async def test_a_migration_whose_connection_ends_says_that_the_database_is_away(empty: str) -> None:
    ended = [*migrations(), ("9999_ends.sql", "SELECT pg_terminate_backend(pg_backend_pid());")]
    with pytest.raises(DatabaseUnreachable, match="PostgreSQL does not answer"):
        await migrate(empty, ended)
    assert await migrate(empty, migrations()) == []


async def test_a_database_that_takes_no_writes_is_not_migrated(postgres_server: str, empty: str) -> None:
    name = urlsplit(empty).path.removeprefix("/")
    await run_on(postgres_server, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(DatabaseUnreachable) as raised:
        await migrate(empty)
    assert str(raised.value) == READ_ONLY


async def test_somebody_elses_table_of_migrations_is_left_alone(empty: str) -> None:
    server = await asyncpg.connect(empty)
    await server.execute("CREATE TABLE migrations (version int)")
    with pytest.raises(MigrationError, match="is not ours to read"):
        await migrate(empty)
    assert await server.fetchval("SELECT to_regclass('orders')") is None
    await server.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://somebody:secret@127.0.0.1:1/none", "Check that it runs and that DATABASE_URL names it"),
        (
            "postgresql://somebody:secret@127.0.0.1:notaport/none",
            "DATABASE_URL cannot be read: .*; write postgresql://",
        ),
        ("mysql://somebody:secret@127.0.0.1/none", "DATABASE_URL cannot be read: .*; write postgresql://"),
        ("secret", "DATABASE_URL cannot be read: .*; write postgresql://"),
    ],
)
async def test_an_address_at_which_no_database_answers_is_said_without_its_password(address: str, said: str) -> None:
    with pytest.raises(DatabaseUnreachable, match=said) as raised:
        await migrate(address)
    assert "secret" not in str(raised.value)


def test_the_linter_for_migrations_finds_nothing() -> None:
    """Left out is what the runner sees to: each file is one transaction, with a limit on waiting for locks."""
    seen_to = "prefer-robust-stmts,require-lock-timeout,require-statement-timeout,require-concurrent-index-creation"
    linted = subprocess.run(
        [
            Path(sys.executable).with_name("squawk"),
            "--assume-in-transaction",
            f"--exclude={seen_to},prefer-bigint-over-int",
            *sorted(MIGRATIONS.glob("*.sql")),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
