"""Thousands of timers due at the same instant: how fast they are worked off, and what is read meanwhile.

Each order has a request open whose silence accepts. The bare workflow waits for the same instant, runs one empty
activity and ends.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from temporalio.common import WorkflowIDConflictPolicy

from bench.contestants import on_temporal
from bench.cpu import Machine
from bench.findings import Findings, Goal, median, quantile, table
from bench.story import REQUEST, opening
from bench.temporal_contestants import TemporalDriver
from recourse.database.pool import connect
from recourse.local.cluster import Cluster
from recourse.local.progress import say
from recourse.policies import load_policy
from recourse.resolution.model.policy import Policy
from recourse.runtime.names import workflow_id
from recourse.starter.reading import Orders
from recourse.starter.starting import start_options

STARTS_A_SECOND = 60  # guessed for the first block; each block measures it anew
AT_ONCE = 20
CLOSED = "SELECT count(*) AS closed, max(close_time) AS last FROM executions_visibility WHERE close_time IS NOT NULL"
WAITING = """
SELECT order_id, answer_due_at FROM orders
WHERE settlement <> 'settled' AND answer_due_at <= now() ORDER BY random() LIMIT 5
"""
ANSWERS = {"accept", "decline", "counter"}
PATIENCE = 600  # seconds


@dataclass
class Drain:
    """One block. `seconds`: from the instant until the last workflow had ended; `reads`: milliseconds each, of orders
    that were due and not worked off yet; `lies`: those of them that still offered to answer."""

    contestant: str
    timers: int
    started_in: float = 0.0
    seconds: float = 0.0
    reads: list[float] = field(default_factory=list)
    lies: int = 0
    foreign: float = 0.0

    @property
    def rate(self) -> float:
        """Timers a second."""
        return self.timers / self.seconds


@cache
def _policy(window: int) -> Policy:
    changes = {
        "requests.cancel.silence.freelancer_asked": "accept",
        "requests.cancel.window.freelancer_asked": f"{window}s",
        "requests.cancel.reminder": "never",
        "undo.by": [],
        "undo.window": "0h",
        "order.reachable_after": "0h",
    }
    return load_policy("glimmer", changes)


async def timers(count: int, rounds: int) -> Findings:
    """Blocks of ours and of the bare workflow, in ABBA order, each on new databases."""
    drains: list[Drain] = []
    for number in range(rounds):
        for name in ("ours", "floor") if number % 2 == 0 else ("floor", "ours"):
            before = [drain.timers / drain.started_in for drain in drains if drain.contestant == name]
            drain = await _drain(name, count, min(before, default=STARTS_A_SECOND))
            drains.append(drain)
            say(f"round {number + 1} of {rounds}: {name:5} {drain.rate:.0f} timers/s")
    return _findings(drains, count)


async def _drain(name: str, count: int, starts_a_second: float) -> Drain:
    drain = Drain(name, count)
    async with on_temporal(name) as (driver, _, running):
        began = time.monotonic()
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8 + int(1.5 * count / starts_a_second))
        await start_due(driver, name, count, at)
        drain.started_in = time.monotonic() - began
        if datetime.now(UTC) > at:
            raise AssertionError(f"{count} orders took {drain.started_in:.0f} s to start, longer than was planned")
        await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        machine = Machine()
        reading = asyncio.create_task(_read(running, drain) if name == "ours" else asyncio.sleep(0))
        last = await _all_closed(running, count)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        drain.seconds = (last - at).total_seconds()
        drain.foreign = machine.foreign()
    return drain


async def start_due(driver: TemporalDriver, name: str, count: int, at: datetime) -> None:
    """Start so many, all of which have something due at this instant."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            left = max(1, round((at - datetime.now(UTC)).total_seconds()))
            # Born by its first message, as an order may be.
            signal: dict[str, Any] = {"start_signal": "request", "start_signal_args": [REQUEST]}
            order_id = f"due-{number}"
            if name == "ours":
                order = opening(order_id, policy=_policy(left))
                # Together with a signal, Temporal takes no answer to what is to be done where the order runs already.
                options = {
                    **start_options(order, driver.queue),
                    "id_conflict_policy": WorkflowIDConflictPolicy.UNSPECIFIED,
                }
                await driver.client.start_workflow("Order", order, **options, **signal)
            else:
                await driver.client.start_workflow(
                    "Due", at.isoformat(), id=workflow_id(order_id), task_queue=driver.queue, **signal
                )

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(one(number) for number in range(count)))


async def _all_closed(running: Cluster, count: int) -> datetime:
    """Wait until every workflow has ended; when the last one did."""
    dsn = urlsplit(running.dsn)._replace(path="/temporal_visibility").geturl()
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                row = await connection.fetchrow(CLOSED)
                if row and row["closed"] >= count:
                    last: datetime = row["last"]
                    return last.replace(tzinfo=UTC)
                await asyncio.sleep(1)
    finally:
        await connection.close()


async def _read(running: Cluster, drain: Drain) -> None:
    """Read orders that are due but not worked off yet, as their freelancers would, for as long as there are any."""
    pool = await connect(running.dsn, most=1)
    try:
        orders = Orders(pool)
        while True:
            for row in await pool.fetch(WAITING):
                began = time.perf_counter()
                answer = await orders.order(row["order_id"]).actions("freelancer")
                drain.reads.append((time.perf_counter() - began) * 1000)
                drain.lies += bool(ANSWERS & set(answer.actions))
            await asyncio.sleep(0.25)
    finally:
        await pool.close()


def _findings(drains: Sequence[Drain], count: int) -> Findings:
    rates = {name: [drain.rate for drain in drains if drain.contestant == name] for name in ("ours", "floor")}
    ours = [drain for drain in drains if drain.contestant == "ours"]
    reads, lies = [one for drain in ours for one in drain.reads], sum(drain.lies for drain in ours)
    found = Findings(f"{count} timers due at the same instant")
    found.goals = [
        Goal(
            f"drain of {count} timers: ours / bare workflows", median(rates["ours"]) / median(rates["floor"]), "≥", 0.8
        ),
        Goal("reads during the drain that still offer what is over", float(lies), "≤", 0),
        Goal("slowest read during the drain, s", max(reads) / 1000, "≤", 1)
        if reads
        else Goal("reads", None, why="none"),
    ]
    found.lines = table(
        ["", "timers/s: median (min to max)", "processors that others kept busy"],
        [
            [
                name,
                f"{median(each):.0f} ({min(each):.0f} to {max(each):.0f})",
                f"{median([drain.foreign for drain in drains if drain.contestant == name]):.2f}",
            ]
            for name, each in rates.items()
        ],
    )
    if reads:
        found.lines += [
            "",
            f"{len(reads)} reads of orders that were due and not worked off yet: {lies} offered an answer "
            f"that was over; p50 {quantile(reads, 0.5):.1f} ms, p99 {quantile(reads, 0.99):.1f} ms.",
        ]
    found.figures = {"drains": [asdict(drain) for drain in drains]}
    return found
