"""One NATS server for all tests of the relay; each test has a prefix of its own."""

from collections.abc import AsyncIterator
from secrets import token_hex

import pytest

from tests.relay.jetstream import JetStream, jetstream


@pytest.fixture(scope="session")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JetStream]:
    async with jetstream(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def prefix() -> str:
    return f"test.{token_hex(4)}"
