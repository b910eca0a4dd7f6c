"""What an intruder can do with each login that docker-compose.yml gives to a program, on a real server."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from recourse.database.migrate import migrate
from recourse.database.orders import read_record, write_contacts
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.local.postgres import LocalPostgres
from recourse.runtime.database_connection import takes_writes
from tests.deploy.test_scripts import make_roles, server
from tests.facts.lives import live

__all__ = ["server"]

LIFE = live(Random(1))
WRITTEN_BY_STEPS = (
    "order_states",
    "openings",
    "orders",
    "record_entries",
    "answers",
    "ledger_entries",
    "changes",
    "notices",
    "deliveries",
    "held_channels",
    "facts",
    "uncounted",
)
# What no program may do, but for migrations, which own the tables.
REWRITING = (
    "ALTER TABLE record_entries DISABLE TRIGGER record_only_grows",
    "DROP TRIGGER record_only_grows ON record_entries",
    "CREATE OR REPLACE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "UPDATE record_entries SET hash = ''",
    "DELETE FROM ledger_entries",
    "TRUNCATE openings CASCADE",
    "CREATE TABLE more ()",
    "CREATE TEMPORARY TABLE ledger_entries ()",
    "CREATE SCHEMA more",
    "SELECT hand_to_roles()",
    "SET ROLE recourse_migrator",
)
# What not even migrations may do.
BEYOND = (
    "SET session_replication_role = replica",
    "CREATE ROLE more",
    "CREATE DATABASE more",
    "COPY orders TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "SET ROLE postgres",
    "SET ROLE temporal",
)


@pytest.fixture
async def logins(server: LocalPostgres, root: Path) -> dict[str, str]:
    """The address of the database for each program, and for readers; it holds an order that a worker has written."""
    services = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    place = urlsplit(server.dsn)
    found = {}
    for program in ("migrate", "worker", "web"):
        given = re.sub(r"\$\{[^}]*\}", "password", services[program]["environment"]["DATABASE_URL"])
        address = urlsplit(given)
        found[program] = address._replace(netloc=f"{address.username}@{place.hostname}:{place.port}").geturl()
    found["reader"] = found["web"].replace("recourse_web@", "recourse_reader@")
    warnings: list[str] = []
    assert await migrate(found["migrate"], warn=warnings.append)
    assert warnings == []
    pool = await connect(found["worker"])
    try:
        for step in LIFE.steps:
            await record_step(pool, step)
        await write_contacts(pool, "o-1", {"client": "c@example.org"})
    finally:
        await pool.close()
    return found


@pytest.fixture
async def web(logins: dict[str, str]) -> AsyncIterator[Any]:
    """Connections as the web server has them."""
    pool = await connect(logins["web"])
    yield pool
    await pool.close()


async def refused(dsn: str, *statements: str) -> None:
    """Each statement is refused for want of a right, whatever it would do."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):  # noqa: PT012 - it names the statement
                await connection.execute(statement)
                pytest.fail(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("program", ["worker", "web", "reader"])
async def test_no_program_can_rewrite_what_happened(logins: dict[str, str], program: str) -> None:
    await refused(logins[program], *REWRITING, *BEYOND)


async def test_migrations_change_tables_and_nothing_outside_of_their_database(logins: dict[str, str]) -> None:
    await refused(logins["migrate"], *BEYOND)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(logins["migrate"].removesuffix("recourse") + "temporal")


async def test_a_web_server_cannot_write_steps_or_read_addresses(logins: dict[str, str], web: Any) -> None:
    await refused(logins["web"], *(f"INSERT INTO {table} DEFAULT VALUES" for table in WRITTEN_BY_STEPS))
    await refused(logins["web"], *(f"DELETE FROM {table}" for table in WRITTEN_BY_STEPS))
    await refused(
        logins["web"],
        "UPDATE order_states SET state = '{}'",
        "UPDATE orders SET settlement = 'settled'",
        "UPDATE deliveries SET delivered_at = now()",
        "UPDATE held_channels SET until = NULL",
        "SELECT email FROM contacts",
        "DELETE FROM contacts",
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await record_step(web, LIFE.steps[-1].model_copy(update={"number": len(LIFE.steps)}))
    assert await read_record(web, "o-1") == LIFE.entries
    await write_contacts(web, "o-1", {"client": "new@example.org"})


async def test_readers_read_the_parties_views_alone(logins: dict[str, str]) -> None:
    await refused(
        logins["reader"], *(f"SELECT 1 FROM {name}" for name in (*WRITTEN_BY_STEPS, "contacts", "analysis.cases"))
    )
    connection = await asyncpg.connect(logins["reader"])
    assert await connection.fetchval("SELECT count(*) FROM party_record") > 0
    await connection.close()


async def test_worker_and_web_server_have_the_rights_that_they_need_and_no_more(
    logins: dict[str, str], web: Any
) -> None:
    assert await takes_writes(web, "web") is None
    worker = await connect(logins["worker"])
    try:
        assert await takes_writes(worker, "app") is None
    finally:
        await worker.close()


async def test_the_roles_can_be_made_again(logins: dict[str, str], server: LocalPostgres) -> None:
    """As after a change of passwords; an order is still there."""
    await make_roles(server)
    assert await migrate(logins["migrate"]) == []
