"""Thousands of open orders, and the clocks of many of them run through weeks: nothing grows that does not have to.

Each order waits for an answer that nobody gives. The server lets a quarter of them skip time: the reminder, the silence
that cancels an order, and two weeks in which it stays reachable pass in a moment, and the order ends. The others wait.
"""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from campaigns.comparing import differences
from campaigns.histories import lived
from campaigns.random_orders import some_opening
from campaigns.report import Report
from campaigns.testbed import WorkerProcess
from campaigns.worker import STATE
from recourse.database.pool import connect as connect_database
from recourse.policies import load_policy
from recourse.resolution.model.reading import read_message
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse

AT_ONCE = 40
WEEKS = timedelta(weeks=4)
SKIPS = 10_000  # the server stops skipping silently after 200 otherwise
PATIENCE = 120.0  # seconds until an order counts as stuck
ALL_OF = 200  # orders end, where there are no more; a quarter of them where there are
COMPARED = 100  # orders of which everything is compared with the rules
GROWS_BY = 25 * 2**20  # bytes at most, between the first half of the orders and the second
SPARE = {"threads": 4}  # pools start another one when they have to, up to a number that does not depend on orders
MOST_EVENTS, MOST_BYTES = 60, 40_000  # of one order's history
LISTED_WITHIN = 60.0  # seconds; what the server counts is some moments old


async def soak(dsn: str, address: str, report: Report) -> None:
    """`report.size` open orders, on a worker in a process of its own."""
    pool = await connect_database(dsn)
    queue = f"soak-{secrets.token_hex(4)}"
    try:
        async with _worker(dsn, address, queue) as worker:
            client = await connect(target_host=address)
            skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=SKIPS))
            recourse = Recourse(skipper.client, pool, task_queue=queue)
            await _live(recourse, skipper, worker, report)
            await _judge(Recourse(client, pool, task_queue=queue), report)
    finally:
        await pool.close()


@asynccontextmanager
async def _worker(dsn: str, address: str, queue: str) -> AsyncIterator[WorkerProcess]:
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        known = {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": address, "RECOURSE_TASK_QUEUE": queue}
        worker = WorkerProcess(folder / "worker.log", {**known, STATE: str(folder / "state")})
        await worker.start()
        try:
            yield worker
        finally:
            await worker.stop()


def _ids(report: Report) -> list[str]:
    return [f"K-{report.seed}-{number}" for number in range(report.size)]


def _ending(report: Report) -> list[str]:
    return _ids(report)[: max(min(report.size, ALL_OF), report.size // 4)]


async def _live(recourse: Recourse, skipper: TimeSkipper, worker: WorkerProcess, report: Report) -> None:
    ids, held = _ending(report), report.figures.setdefault("worker", {})
    half = len(ids) // 2

    async def through_weeks(order_id: str) -> None:
        handle = recourse.temporal.get_workflow_handle(workflow_id(order_id))
        try:
            async with asyncio.timeout(PATIENCE):
                while await skipper.fast_forward(handle, WEEKS):
                    report.count("skipped more than once")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    with report.timed("opening"):
        await _each(_ids(report), lambda order_id: _open(recourse, report, order_id))
    held["with all orders open"] = await _settled(worker)
    for part, some in (("first half", ids[:half]), ("second half", ids[half:])):
        with report.timed(part):
            await _each(some, through_weeks)
        held[f"after the {part}"] = await _settled(worker)


async def _open(recourse: Recourse, report: Report, order_id: str) -> None:
    opening = some_opening(Random(order_id), load_policy("resolution_center"), order_id)
    terms = opening.terms.model_copy(update={"requirements": "received", "delivery_time": timedelta(days=30)})
    outcome = await recourse.start_and_send(terms, opening.policy, "request", _asked(order_id))
    if not outcome.applied:
        raise AssertionError(f"{order_id} took its request as {outcome}")


def _asked(order_id: str) -> dict[str, Any]:
    client = {"role": "client", "id": "c-1"}
    return {"actor": client, "command_id": f"ask-{order_id}", "kind": "cancel", "comment": "Nobody answers this."}


async def _each(ids: Sequence[str], do: Callable[[str], Awaitable[None]]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(order_id: str) -> None:
        async with places:
            await do(order_id)

    async with asyncio.TaskGroup() as doing:
        for order_id in ids:
            doing.create_task(one(order_id))


async def _settled(worker: WorkerProcess) -> dict[str, int]:
    """What the worker holds once it has nothing left to do."""
    held = await worker.holds()
    async with asyncio.timeout(PATIENCE):
        while True:
            await asyncio.sleep(1)
            before, held = held, await worker.holds()
            if held["tasks"] == before["tasks"]:
                return held


async def _judge(recourse: Recourse, report: Report) -> None:
    pool, ids = recourse.pool, _ending(report)
    ended = "how = 'expired_accepted' AND settlement = 'settled'"
    done = {row["order_id"] for row in await pool.fetch(f"SELECT order_id FROM orders WHERE {ended}")}  # noqa: S608
    waits = "request_status = 'open'"
    still_open = {row["order_id"] for row in await pool.fetch(f"SELECT order_id FROM orders WHERE {waits}")}  # noqa: S608
    for order_id in ids:
        report.judge(order_id, [] if order_id in done else ["it was not canceled by silence and settled"])
    for order_id in ids[:: max(1, len(ids) // COMPARED)]:
        message = read_message("request", _asked(order_id), "unnamed")
        wrong = await differences(pool, order_id, {message.key: message})
        found = await lived(recourse.temporal, workflow_id(order_id))
        report.most("most events of an order", found.events)
        report.most("most bytes of an order", found.size)
        if found.events > MOST_EVENTS or found.size > MOST_BYTES:
            wrong.append(f"a history of {found.events} events and {found.size} bytes")
        report.judge(f"{order_id}, compared with the rules", wrong + found.wedged_or_failed)
    for order_id in _ids(report)[len(ids) :]:
        report.judge(order_id, [] if order_id in still_open else ["its request is no longer open"])
    wrong = await _running(recourse.temporal, recourse.task_queue, report.size - len(ids))
    report.judge("no workflow and none of its timers is left of an order that has ended", wrong)
    _judge_the_worker(report)


async def _running(client: Client, queue: str, expected: int) -> list[str]:
    query, count = f'TaskQueue = "{queue}" AND ExecutionStatus = "Running"', -1
    with suppress(TimeoutError):
        async with asyncio.timeout(LISTED_WITHIN):
            while count != expected:
                await asyncio.sleep(0.5)
                count = (await client.count_workflows(query)).count
    return [] if count == expected else [f"{count} run, not {expected}"]


def _judge_the_worker(report: Report) -> None:
    opened, first, second = report.figures["worker"].values()
    grown = second["bytes"] - first["bytes"]
    wrong = [f"{grown} bytes more after the second half than after the first"] if grown > GROWS_BY else []
    report.judge("the worker's memory is flat", wrong)
    for what in ("tasks", "connections", "threads"):
        more = second[what] - max(opened[what], first[what]) - SPARE.get(what, 0)
        report.judge(f"the worker's {what} do not grow", [f"{more} more than before"] if more > 0 else [])
