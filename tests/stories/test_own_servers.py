"""Demonstration, stories and tests run on servers of their own, whatever servers the shell names."""

import asyncio
import os
import sys
from pathlib import Path
from secrets import token_hex
from typing import Any

import asyncpg
import pytest

from tests.cli.test_orders import Ran
from tests.http.processes import environment
from tests.process.conftest import working

ROOT = Path(__file__).resolve().parents[2]
STORY = "tests/scenarios/s03a-silence-on-clients-request.yaml"
# Each of these alone would stop a client of a server that was just started on loopback.
NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "RECOURSE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "RECOURSE_PAYLOAD_KEYS": "no key at all",
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
    "TEMPORAL_NAMESPACE": "the-shop",
    "TEMPORAL_TLS": "true",
    "PGSSLMODE": "require",
    "PGOPTIONS": "-c search_path=pg_catalog",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "no address at all",
}
PROFILE = '[profile.default]\naddress = "127.0.0.1:1"\nnamespace = "the-shop"\n'
# What finds the server program of this machine; it names no server.
FOUND = {name: os.environ[name] for name in ("TEMPORAL_CLI", "RECOURSE_CACHE") if name in os.environ}


async def run(shell: dict[str, str], *command: str | Path) -> Ran:
    """Run a command from the checkout in a shell that names servers."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**environment(**FOUND), **shell},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await process.communicate()
    return Ran(process.returncode or 0, output.decode(), error.decode())


async def tables(dsn: str) -> int:
    """How many tables a database has."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
    finally:
        await connection.close()


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """A shell whose every setting leads nowhere, Temporal's profile file included."""
    profile = tmp_path / "temporal.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    return {**NOWHERE, "TEMPORAL_CONFIG_FILE": str(profile)}


@pytest.fixture
async def empty(dsn: str) -> str:
    """The address of a database without one table."""
    connection = await asyncpg.connect(dsn)
    name = f"recourse_empty_{token_hex(4)}"
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return dsn.rpartition("/")[0] + f"/{name}"


async def test_a_story_is_played_in_a_shell_that_leads_nowhere(nowhere: dict[str, str]) -> None:
    ran = await run(nowhere, "recourse", "simulate", STORY, "--engine", "both")
    assert (ran.status, ran.output.splitlines()[-1:]) == (0, ["2 passed, 0 failed, 0 not expressible"]), ran


async def test_the_demonstration_goes_well_in_a_shell_that_leads_nowhere(nowhere: dict[str, str]) -> None:
    ran = await run(nowhere, "recourse", "demo")
    assert (ran.status, "every cent is accounted for" in ran.output) == (0, True), ran
    assert ("record of 1 entry " in ran.output, "record of 2 entries " in ran.output) == (True, True)


async def test_the_tests_pass_in_a_shell_that_leads_nowhere(nowhere: dict[str, str]) -> None:
    chosen = "tests/process/test_readme.py"  # it needs both servers
    ran = await run(nowhere, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", chosen)
    assert (ran.status, "1 passed" in ran.output) == (0, True), ran


async def test_servers_of_the_shell_are_not_touched(empty: str, temporal_address: str) -> None:
    shell = {"DATABASE_URL": empty, "TEMPORAL_ADDRESS": temporal_address}
    ran = await run(shell, "recourse", "simulate", STORY, "--engine", "temporal")
    assert ran.status == 0, ran
    assert temporal_address not in ran.output + ran.error
    assert await tables(empty) == 0


async def test_the_servers_of_the_shell_are_used_where_a_flag_says_so(empty: str, temporal_address: str) -> None:
    shell = {"DATABASE_URL": empty, "TEMPORAL_ADDRESS": temporal_address}
    for _ in range(2):  # what stories left there does not hinder the next ones
        ran = await run(shell, "recourse", "simulate", STORY, "--engine", "temporal", "--on-my-servers")
        assert ran.status == 0, ran
        assert f"PostgreSQL: the server at {empty.partition('@')[2]}, as DATABASE_URL says" in ran.error
        assert f"Temporal: the server at {temporal_address}, as TEMPORAL_ADDRESS says" in ran.error
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("SELECT count(*) FROM orders WHERE order_id LIKE 's03a-%'") == 2
    await connection.close()


@pytest.mark.parametrize("command", [("demo",), ("simulate", STORY, "--engine", "both")])
async def test_a_database_with_orders_of_others_is_refused(
    command: tuple[str, ...], dsn: str, pool: Any, temporal_address: str
) -> None:
    async with working(temporal_address, pool) as marketplace:
        order_id = await marketplace.order()
        ran = await run(
            {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": temporal_address}, "recourse", *command, "--on-my-servers"
        )
        assert (ran.status, f"holds orders that no story made, such as {order_id}" in ran.error) == (2, True), ran
        assert await pool.fetchval("SELECT count(*) FROM orders") == 1


@pytest.mark.parametrize(
    ("shell", "command", "says"),
    [
        ({}, ("demo", "--on-my-servers"), "DATABASE_URL is not set"),
        (NOWHERE, ("demo", "--on-my-servers"), "PostgreSQL at 127.0.0.1:1/none cannot be used"),
        ({}, ("simulate", STORY, "--on-my-servers"), "--engine temporal"),
    ],
)
async def test_a_flag_that_cannot_be_followed_says_so(
    shell: dict[str, str], command: tuple[str, ...], says: str
) -> None:
    ran = await run({name: shell[name] for name in shell if name == "DATABASE_URL"}, "recourse", *command)
    assert ran.status in (2, 3)
    assert says in ran.error
