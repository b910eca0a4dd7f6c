"""Many open orders: what memory the worker takes, and how soon a restarted worker answers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.contestants import scratch, worker_on
from bench.cpu import cpu_ms, resident_mb
from bench.findings import Findings, Goal, table
from bench.temporal_contestants import TemporalDriver, connected
from recourse.database.pool import connect
from recourse.local.cluster import Cluster, cluster
from recourse.local.progress import say

DATABASES = ("recourse", "temporal")
AT_ONCE = 40
IDLE = 5.0  # seconds over which idle servers are watched


@dataclass
class Open:
    """So many open orders, those before included. `starting`: seconds in which the new ones were started.
    `first_progress`: seconds from the start of a new worker to its first answer."""

    orders: int
    starting: float
    worker_mb: float
    idle_ms_a_second: float
    orders_mb: float
    temporal_mb: float
    first_progress: float


async def open_orders(few: int, many: int, minutes: int) -> Findings:
    """Grow to `few` and then to `many` open orders, or to as many as can be started within `minutes`."""
    ends = time.monotonic() + 60 * minutes
    found: list[Open] = []
    async with scratch() as folder, cluster(folder) as running:
        driver = TemporalDriver("ours", await connected(running.address))
        pool = await connect(running.dsn, most=2)
        there = 0
        for wanted in (few, many):
            began = time.monotonic()
            async with worker_on("ours", running, folder) as worker:
                there = await _grow(driver, pool, there, wanted, ends)
                starting = time.monotonic() - began
                memory, idle = resident_mb(worker), await _idle(running)
            # The worker was killed, as a crash would.
            began = time.monotonic()
            async with worker_on("ours", running, folder):
                await driver.command(f"open-{len(found)}", "request")
                took = time.monotonic() - began
            size = [await pool.fetchval("SELECT pg_database_size($1)", name) / 2**20 for name in DATABASES]
            found.append(Open(there, starting, memory, idle, size[0], size[1], took))
            say(f"{there} open orders: worker {memory:.0f} MB, the first answer {took:.1f} s after a restart")
        await pool.close()
    return _findings(found, few, many)


async def _grow(driver: TemporalDriver, pool: Any, there: int, wanted: int, ends: float) -> int:
    """Start orders and wait until all of them are written; how many there are then."""
    waiting = iter(range(there, wanted))
    started = there

    async def starter() -> None:
        nonlocal started
        for number in waiting:
            if time.monotonic() > ends:
                return
            await driver.start(f"open-{number}")
            started += 1

    await asyncio.gather(*(starter() for _ in range(AT_ONCE)))
    while await pool.fetchval("SELECT count(*) FROM orders") < started:  # noqa: ASYNC110 - it is another program's work
        await asyncio.sleep(0.5)
    return started


async def _idle(running: Cluster) -> float:
    """Processor milliseconds a second of both servers while nobody does anything."""

    def used() -> float:
        return cpu_ms(running.server.pid) + cpu_ms(running.postgres.pid)

    before = used()
    await asyncio.sleep(IDLE)
    return (used() - before) / IDLE


def _findings(found: Sequence[Open], few: int, many: int) -> Findings:
    less, more = found
    short = "" if more.orders == many else f"{many} could not be started in the time that was given"
    findings = Findings("Many open orders")
    findings.goals = [
        Goal(
            f"worker's memory: {more.orders} / {less.orders} open orders",
            more.worker_mb / less.worker_mb,
            "≤",
            1.1,
            short,
        ),
        Goal(f"restart to first answer with {more.orders} open orders, s", more.first_progress),
    ]
    findings.lines = table(
        [
            "open orders",
            "started in s",
            "worker MB",
            "first answer after a restart, s",
            "idle servers, CPU-ms/s",
            "orders' database, KB an order",
            "Temporal's, KB an order",
        ],
        [
            [
                one.orders,
                f"{one.starting:.0f}",
                f"{one.worker_mb:.0f}",
                f"{one.first_progress:.1f}",
                f"{one.idle_ms_a_second:.0f}",
                f"{one.orders_mb * 1024 / one.orders:.1f}",
                f"{one.temporal_mb * 1024 / one.orders:.1f}",
            ]
            for one in found
        ],
    )
    findings.figures = {"few": few, "many": many, "measured": [asdict(one) for one in found]}
    return findings
