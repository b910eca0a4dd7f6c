"""What the tests share: a real PostgreSQL with a fresh database for each test, and a real Temporal server."""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.local.postgres import LocalPostgres
from recourse.local.shell import forget_the_servers_of_the_shell
from recourse.local.temporal import temporal_server

# Before any test module is read, so that nothing of the shell gets into one.
forget_the_servers_of_the_shell()

# As in the Makefile, for tests that run without it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# No example of a searching test has to be quick on a machine that does other things as well.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

_numbers = itertools.count(1)
# Files that take the longest, which must not be left for the end.
_LONG = (
    "stories/test_stories.py",
    "stories/test_own_servers.py",
    "stories/test_demo.py",
    "campaigns/test_faults.py",
    "campaigns/test_soak.py",
    "examples/test_orders.py",
    "cli/test_recovering.py",
    "cli/test_orders.py",
)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """What needs no server goes first, and then the longest files."""
    long = [Path(__file__).parent / name for name in _LONG]
    served = {item.path for item in items if {"postgres_server", "temporal_address"} & set(item.fixturenames)}

    def place(item: pytest.Function) -> int:
        if item.path in long:
            return long.index(item.path) + 1
        return len(long) + 1 if item.path in served else 0

    items.sort(key=place)


@pytest.fixture(scope="session")
async def postgres_server() -> AsyncIterator[str]:
    """The address of a PostgreSQL that ends with the test session."""
    with tempfile.TemporaryDirectory(prefix="recourse-", dir=_memory(), ignore_cleanup_errors=True) as folder:
        server = LocalPostgres(Path(folder))
        try:
            await server.start()
            yield server.dsn
        finally:
            await server.stop()


@pytest.fixture(scope="session")
async def migrated(postgres_server: str) -> str:
    """A database to copy from, so that each test's own costs milliseconds."""
    name = f"recourse_template_{next(_numbers)}"
    await run_on(postgres_server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    await migrate(_named(postgres_server, name))
    return name


@pytest.fixture
async def dsn(postgres_server: str, migrated: str) -> AsyncIterator[str]:
    """The address of an empty, migrated database that only this test uses."""
    name = f"recourse_test_{next(_numbers)}"
    copied = f"CREATE DATABASE {name} TEMPLATE {migrated} STRATEGY file_copy"
    await run_on(postgres_server, f"DROP DATABASE IF EXISTS {name}", copied)
    yield _named(postgres_server, name)
    await run_on(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """Connections to this test's own database."""
    connected = await connect(dsn)
    yield connected
    await connected.close()


@pytest.fixture(scope="session")
async def temporal_address() -> AsyncIterator[str]:
    """The address of a real Temporal server with time skipping, which ends with the test session."""
    async with temporal_server() as (address, _):
        yield address


def _memory() -> str | None:
    """A file system in memory with room for the databases of a run. A new database is 300 files: some ten times as
    cheap there as on a disk."""
    memory = "/dev/shm"
    roomy = Path(memory).is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    return memory if roomy else None


def _named(dsn: str, database: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


async def run_on(dsn: str, *statements: str) -> None:
    """Run statements at an address, each on its own."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """An S3 server with the bucket `evidence`, as a setting names it."""
    from botocore.session import Session
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = Session().create_client(
        "s3", "eu-central-1", endpoint_url=address, aws_access_key_id="key", aws_secret_access_key="secret"
    )
    client.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield f"s3://evidence/disputes?region=eu-central-1&endpoint={address}"
    server.stop()
