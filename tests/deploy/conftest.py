"""A production-like Temporal for the tests that need one."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recourse.local.cluster import Cluster, cluster

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def built() -> None:
    """Skips where the server's programs would first have to be built."""
    if not os.environ.get("RECOURSE_CLUSTER"):
        pytest.skip("`make cluster-smoke` runs it on Temporal's server for PostgreSQL, which the first time is built")


@pytest.fixture(scope="session")
async def running(built: None) -> AsyncIterator[Cluster]:
    """A cluster that ends with the session; whoever ends a part of it starts it again."""
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        async with cluster(Path(folder), skips_time=True) as up:
            yield up
