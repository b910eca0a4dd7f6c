"""The contestants of the comparison, each with servers of its own and databases that are new."""

import importlib.util
import os
import socket
import sys
import tempfile
from asyncio import sleep, timeout
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import httpx2

from bench.lines import LinesDriver
from bench.restate_server import RestateDriver, can_be_fetched, fetch, register, restate_server
from bench.temporal_contestants import TYPES, TemporalDriver, connected
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.local.cluster import Cluster, cluster
from recourse.local.postgres import LocalPostgres
from recourse.local.process import free_port, kill, start

# What each one is, and which of the promises it keeps. The report shows it.
CONTESTANTS = {
    "floor": "a bare Temporal workflow: the same updates and timer, one empty activity; writes nothing",
    "steps": "the floor with as many empty local activities as ours has: what the SDK takes for steps; writes nothing",
    "ours": "Recourse: one local activity a step, answered after the commit",
    "naive": "the same rules and rows on Temporal, two regular activities a step (record, notify), as users write it",
    "dbos": "DBOS, one durable function an order in the process that takes the commands; LISTEN/NOTIFY on",
    "restate": "Restate, one virtual object an order, deadlines as delayed calls; a single node with its defaults",
    "rows": "plain PostgreSQL rows and a sweep: the upper limit; a step is one statement, nothing else is recovered",
}
ROOT = Path(__file__).resolve().parent.parent


class Driver(Protocol):
    """How the story is played on a contestant."""

    async def start(self, order_id: str) -> None:
        """Place an order."""

    async def command(self, order_id: str, name: str) -> None:
        """Give a command and wait for its answer."""

    async def ended(self, order_id: str) -> None:
        """Wait for its end."""


def missing(name: str) -> str | None:
    """Why a contestant cannot be measured here; None: it can."""
    packages = {"dbos": ("dbos",), "restate": ("restate", "hypercorn")}.get(name, ())
    lacking = [package for package in packages if importlib.util.find_spec(package) is None]
    if lacking:
        return f"the package {lacking[0]} is not installed; `make bench` installs it"
    if name == "restate" and not can_be_fetched():
        return "its server comes from npm, which is not installed"
    return None


@asynccontextmanager
async def scratch() -> AsyncIterator[Path]:
    """A folder that ends with this block, and in which PostgreSQL may work as another user."""
    with tempfile.TemporaryDirectory(prefix="recourse-bench-", ignore_cleanup_errors=True) as text:
        os.chmod(text, 0o755)  # noqa: PTH101, S103
        yield Path(text)


@asynccontextmanager
async def contestant(name: str) -> AsyncIterator[tuple[Driver, dict[str, int]]]:
    """A contestant: its driver, and the processes whose time counts. Raises LocalError."""
    if name in TYPES:
        async with on_temporal(name) as (driver, pids, _):
            yield driver, pids
    else:
        async with scratch() as folder, _on_postgres(name, folder) as made:
            yield made


@asynccontextmanager
async def on_temporal(
    name: str, *, commit_times: bool = False
) -> AsyncIterator[tuple[TemporalDriver, dict[str, int], Cluster]]:
    """A contestant that runs on Temporal. With `commit_times`, PostgreSQL keeps when each row was committed."""
    async with scratch() as folder:
        if commit_times:
            await _keep_commit_times(folder)
        async with cluster(folder) as running, worker_on(name, running, folder) as worker:
            pids = {"server": running.server.pid, "postgres": running.postgres.pid, "worker": worker}
            yield TemporalDriver(name, await connected(running.address)), pids, running


async def _keep_commit_times(folder: Path) -> None:
    postgres = LocalPostgres(folder, durable=True)
    await postgres.start()
    try:
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        await connection.close()
    finally:
        await postgres.stop()


@asynccontextmanager
async def worker_on(
    name: str, running: Cluster, folder: Path, environment: dict[str, str] | None = None
) -> AsyncIterator[int]:
    """A worker process of a contestant that runs on Temporal."""
    where = {"TEMPORAL_ADDRESS": running.address, "DATABASE_URL": running.dsn}
    async with _process(name, where | (environment or {}), folder) as pid:
        yield pid


@asynccontextmanager
async def _on_postgres(name: str, folder: Path) -> AsyncIterator[tuple[Driver, dict[str, int]]]:
    async with AsyncExitStack() as stack:
        postgres = LocalPostgres(folder, durable=True)
        stack.push_async_callback(postgres.stop)
        await postgres.start()
        port = free_port()
        environment = await _databases(postgres.dsn) | {"BENCH_PORT": str(port)}
        pids = {"postgres": postgres.pid}
        pool = await connect(environment["DATABASE_URL"], most=2)
        stack.push_async_callback(pool.close)
        if name == "restate":
            await fetch()
            pids["server"], ingress, admin = await stack.enter_async_context(restate_server(folder))
        pids["worker"] = await stack.enter_async_context(_process(name, environment, folder))
        await _listens(port)
        if name == "restate":
            await register(admin, f"http://127.0.0.1:{port}")
            http = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
            yield RestateDriver(ingress, http, pool), pids
        else:
            yield LinesDriver(port, pool), pids


async def _databases(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE DATABASE recourse")
        await connection.execute("CREATE DATABASE dbos_system")
    finally:
        await connection.close()
    base = dsn.rsplit("/", 1)[0]
    await migrate(f"{base}/recourse")
    return {"DATABASE_URL": f"{base}/recourse", "BENCH_DBOS_URL": f"{base}/dbos_system"}


@asynccontextmanager
async def _process(name: str, environment: dict[str, str], folder: Path) -> AsyncIterator[int]:
    command: list[Any] = [sys.executable, "-m", "bench.serve", name]
    with_path = environment | {"PYTHONPATH": str(ROOT)}
    process = await start(command, log=folder / f"{name}.log", environment=with_path, cwd=ROOT)
    try:
        yield process.pid
    finally:
        kill(process)
        await process.wait()


async def _listens(port: int) -> None:
    async with timeout(60):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            await sleep(0.1)
