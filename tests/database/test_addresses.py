"""Whatever form an address has, what is said of it names every host and never the password."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from recourse.database.address import Address, Unreadable
from recourse.database.migrate import migrate
from recourse.database.pool import READ_ONLY, connect
from recourse.errors import DatabaseUnreachable
from tests.conftest import run_on

PASSWORD = "geheim"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGDATABASE", "PGSERVICE", "PGTARGETSESSIONATTRS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("postgresql://u:geheim@a/db", "a:5432/db"),
        ("postgres://a:6000", "a:6000"),
        ("postgresql://u:geheim@a:1,b:2/db", "a:1, b:2/db"),
        ("postgresql://u:geheim@a,b/db?target_session_attrs=read-write", "a:5432, b:5432/db"),
        ("postgresql://u:geheim@[::1]:1,[fe80::2]/db", "::1:1, fe80::2:5432/db"),
        ("postgresql://u:geheim@/db?host=a,b&port=1,2", "a:1, b:2/db"),
        ("postgresql:///db?host=a,b&port=7", "a:7, b:7/db"),
        ("postgresql://?host=a:1,b:2&dbname=db&user=u&password=ge@heim", "a:1, b:2/db"),
        ("postgresql:///db?host=/run/pg", "/run/pg:5432/db"),
        ("postgresql://u@%2Frun%2Fpg/db", "/run/pg:5432/db"),
        ("postgresql://u:ge%40%2Fheim@a/db%20x", "a:5432/db x"),
        ("postgresql:///db", "localhost:5432/db"),
        ("postgresql://?service=orders", "service orders"),
    ],
)
def test_every_host_is_named(text: str, place: str) -> None:
    assert Address.read(text).place == place


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"PGHOST": "a,b", "PGPORT": "7"}, "a:7, b:7/db"),
        ({"PGHOST": "a,b", "PGPORT": "7,8"}, "a:7, b:8/db"),
        ({"PGHOST": "/run/pg"}, "/run/pg:5432/db"),
    ],
)
def test_hosts_of_the_environment_are_named(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], place: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Address.read("postgresql:///db").place == place


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("postgresql://u:12/geheim@a:5432/db", "ends a part of it too early"),
        ("postgresql://u:12#geheim@a:5432/db", "ends a part of it too early"),
        ("postgresql://u:12?geheim@a:5432/db", r"what follows the \?"),
        ("postgresql://u:12?x=geheim@a:5432/db", "ends a part of it too early"),
        ("postgresql://u:1@geheim@a:5432/db", "ends a part of it too early"),
        ("postgresql://u:ge/heim@a/db", "ends a part of it too early"),
        ("postgresql://u:geheim@a:1,b:x/db", "a port is no number"),
        ("postgresql://u:geheim@a:70000/db", "a port is no number"),
        ("postgresql://u:geheim@/db?host=a,b,c&port=1,2", "names 3 hosts and 2 ports"),
        ("postgresql://u:geheim@[::1/db", "no address|IPv6"),
        ("postgresql://u:geheim@a/db?statement_cache_size=5", "can only be 0"),
        ("geheim", "does not begin with postgresql://"),
    ],
)
async def test_what_cannot_be_read_is_said_without_repeating_it(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        Address.read(text)
    with pytest.raises(DatabaseUnreachable, match="DATABASE_URL cannot be read") as raised:
        await connect(text)
    for part in (PASSWORD, "heim", "12"):
        assert part not in str(raised.value)


async def test_when_all_hosts_are_down_all_are_named_and_no_sign_is_blamed() -> None:
    for address in (
        "postgresql://u:geheim@127.0.0.1:1,localhost:2/none",
        "postgresql:///none?host=127.0.0.1,localhost&port=1,2&user=u&password=geheim",
    ):
        with pytest.raises(DatabaseUnreachable) as raised:
            await migrate(address)
        said = str(raised.value)
        assert "PostgreSQL at 127.0.0.1:1, localhost:2/none cannot be used" in said
        assert "%2F" not in said
        assert PASSWORD not in said


async def _silent(stack: AsyncExitStack) -> int:
    """A port that takes connections and says nothing, as a host does that is gone."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(keep, "127.0.0.1", 0))
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_a_host_that_says_nothing_leaves_time_for_the_next(dsn: str) -> None:
    parts = urlsplit(dsn)
    async with AsyncExitStack() as stack:
        port = await _silent(stack)
        user, _, host = parts.netloc.rpartition("@")
        pool = await connect(parts._replace(netloc=f"{user}@127.0.0.1:{port},{host}").geturl(), most=1)
        assert await pool.fetchval("SELECT 1") == 1
        await pool.close()


async def test_a_host_that_takes_writes_is_looked_for(postgres_server: str, dsn: str) -> None:
    parts, database = urlsplit(dsn), urlsplit(dsn).path.removeprefix("/")
    wanted = parts._replace(query="target_session_attrs=read-write").geturl()
    await run_on(postgres_server, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with pytest.raises(DatabaseUnreachable) as raised:
        await connect(wanted)
    assert str(raised.value) == READ_ONLY
    await run_on(postgres_server, f"ALTER DATABASE {database} RESET default_transaction_read_only")
    pool = await connect(wanted)
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()
