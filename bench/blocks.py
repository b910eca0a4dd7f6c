"""One block: one contestant, fresh databases, so many orders, and what they cost."""

import asyncio
import importlib.util
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from bench.cpu import background_load, cpu_ms
from bench.lines import LinesDriver
from bench.temporal_contestants import TYPES, TemporalDriver, connected
from database.pool import connect
from local.cluster import cluster
from local.postgres import LocalPostgres
from local.process import free_port, kill, start

CONTESTANTS = ("floor", "ours", "naive", "dbos", "rows")
ROOT = Path(__file__).resolve().parent.parent


class Driver(Protocol):
    """How the story is played on a contestant."""

    async def start(self, order_id: str) -> None:
        """Place an order."""

    async def command(self, order_id: str, name: str) -> None:
        """Give a command and wait for its answer."""

    async def ended(self, order_id: str) -> None:
        """Wait for its end."""


@dataclass
class Block:
    """What one block cost: processor milliseconds an order by program, seconds an order, command latencies in ms."""

    contestant: str
    orders: int
    cpu: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=dict)
    load_before: float = 0.0

    @property
    def cpu_ms_per_order(self) -> float:
        """Everything together, the driver left out."""
        return sum(self.cpu.values())


def available(name: str) -> bool:
    """Whether a contestant can be measured here."""
    return name != "dbos" or importlib.util.find_spec("dbos") is not None


@asynccontextmanager
async def _contestant(name: str) -> AsyncIterator[tuple[Driver, dict[str, int]]]:
    """A contestant with servers of its own; its driver, and the processes whose time counts."""
    environment = {"PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory(prefix="recourse-bench-", ignore_cleanup_errors=True) as text:
        folder = Path(text)
        os.chmod(text, 0o755)  # noqa: PTH101, S103 - PostgreSQL runs as another user below it
        if name in TYPES:
            async with cluster(folder) as running:
                environment |= {"TEMPORAL_ADDRESS": running.address, "DATABASE_URL": running.dsn}
                pids = {"server": running.server.pid, "postgres": running.postgres.pid}
                async with _process(name, environment, folder) as worker:
                    driver = TemporalDriver(name, await connected(running.address))
                    yield driver, {**pids, "worker": worker}
            return
        postgres = LocalPostgres(folder, durable=True)
        await postgres.start()
        try:
            port = free_port()
            environment |= await _databases(postgres.dsn) | {"BENCH_PORT": str(port)}
            async with _process(name, environment, folder) as worker:
                await _listens(port)
                pool = await connect(environment["DATABASE_URL"], most=2)
                try:
                    yield LinesDriver(port, pool), {"postgres": postgres.pid, "worker": worker}
                finally:
                    await pool.close()
        finally:
            await postgres.stop()


async def _databases(dsn: str) -> dict[str, str]:
    from database.migrate import migrate

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
    command = [sys.executable, "-m", "bench.serve", name]
    process = await start(command, log=folder / f"{name}.log", environment=environment, cwd=ROOT)
    try:
        yield process.pid
    finally:
        kill(process)
        await process.wait()


async def _listens(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            await asyncio.sleep(0.1)


async def measure(name: str, orders: int, at_once: int) -> Block:
    """Play the story `orders` times, `at_once` at the same time, and count."""
    block = Block(name, orders, load_before=background_load())
    async with _contestant(name) as (driver, pids):
        await _play(driver, "warm", at_once, at_once, None)
        before = {program: cpu_ms(pid) for program, pid in pids.items()}
        began = time.monotonic()
        await _play(driver, f"b{os.getpid()}", orders, at_once, block)
        block.seconds = (time.monotonic() - began) / orders
        block.cpu = {program: (cpu_ms(pid) - before[program]) / orders for program, pid in pids.items()}
    return block


async def _play(driver: Driver, prefix: str, orders: int, at_once: int, block: Block | None) -> None:
    places = asyncio.Semaphore(at_once)

    async def timed(what: str, doing: Any) -> None:
        began = time.perf_counter()
        await doing
        if block is not None:
            block.latencies.setdefault(what, []).append((time.perf_counter() - began) * 1000)

    async def one(number: int) -> None:
        order_id = f"{prefix}-{number}"
        async with places:
            await timed("start", driver.start(order_id))
            await timed("request", driver.command(order_id, "request"))
            await timed("accept", driver.command(order_id, "accept"))
        await driver.ended(order_id)

    async with asyncio.timeout(600):
        await asyncio.gather(*(one(number) for number in range(orders)))
