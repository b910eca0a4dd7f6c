"""One NATS server for all tests of the relay, and one PostgreSQL whose log can be decoded."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

import pytest

from campaigns.decoding import decodable
from campaigns.jetstream import JetStream, jetstream
from recourse.database.migrate import migrate
from tests.conftest import run_on


@pytest.fixture(scope="session")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JetStream]:
    async with jetstream(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
async def logical_server() -> AsyncIterator[str]:
    """The address of a PostgreSQL whose log can be decoded."""
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        async with decodable(Path(folder)) as dsn:
            yield dsn


@pytest.fixture
async def logical(logical_server: str) -> AsyncIterator[str]:
    """The address of a migrated database there."""
    name = f"recourse_{token_hex(4)}"
    await run_on(logical_server, f"CREATE DATABASE {name}")
    dsn = urlsplit(logical_server)._replace(path=f"/{name}").geturl()
    await migrate(dsn)
    yield dsn
    await run_on(
        dsn,
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
    )
    await run_on(logical_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def prefix() -> str:
    return f"test.{token_hex(4)}"
