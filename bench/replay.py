"""How fast histories replay, beside a bare workflow without a sandbox."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from bench.findings import Findings, Goal, median, table
from bench.temporal_contestants import Floor, TemporalDriver, connected, worker_of
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.local.postgres import postgres
from recourse.local.progress import say
from recourse.local.temporal import temporal_server
from recourse.running import connected_for_work, how_workflows_run
from recourse.runtime.names import workflow_id
from recourse.workflows.order import WORKFLOWS

AT_ONCE = 10


async def replay(recorded: int, wanted: int, rounds: int) -> Findings:
    """Record `recorded` stories of each, and replay them over and over, `wanted` histories in a round."""
    async with temporal_server() as (address, _), postgres() as dsn:
        await migrate(dsn)
        client = await connected(address)
        histories = {name: await _record(name, client, dsn, recorded) for name in ("ours", "floor")}
    took: dict[str, list[float]] = {name: [] for name in histories}
    for number in range(rounds):
        for name in histories if number % 2 == 0 else reversed(histories):
            took[name].append(await _replay(_replayer(name, client), histories[name], wanted))
            say(f"round {number + 1} of {rounds}: {name:5} replays {wanted} histories in {took[name][-1]:.1f} s")
    return _findings(histories, took, wanted)


async def _record(name: str, client: Client, dsn: str, recorded: int) -> list[WorkflowHistory]:
    """Histories of the story, from a real server."""
    queue = f"record-{name}-{os.getpid()}"
    async with AsyncExitStack() as stack:
        pool = await connect(dsn)
        stack.push_async_callback(pool.close)
        await stack.enter_async_context(worker_of(name, client, pool, queue=queue))
        driver, places = TemporalDriver(name, client, queue), asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> WorkflowHistory:
            order_id = f"{queue}-{number}"
            async with places:
                await driver.start(order_id)
                for command in ("request", "accept"):
                    await driver.command(order_id, command)
                await driver.ended(order_id)
                return await client.get_workflow_handle(workflow_id(order_id)).fetch_history()

        return list(await asyncio.gather(*(one(number) for number in range(recorded))))


def _replayer(name: str, client: Client) -> Replayer:
    if name == "floor":
        return Replayer(
            workflows=[Floor], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=client.data_converter
        )
    return Replayer(
        workflows=WORKFLOWS,
        data_converter=connected_for_work(client).data_converter,
        **how_workflows_run(),
    )


async def _replay(replayer: Replayer, histories: Sequence[WorkflowHistory], wanted: int) -> float:
    async def again() -> AsyncIterator[WorkflowHistory]:
        for number in range(wanted):
            yield histories[number % len(histories)]

    began = time.monotonic()
    await replayer.replay_workflows(again())
    return time.monotonic() - began


def _findings(histories: dict[str, list[WorkflowHistory]], took: dict[str, list[float]], wanted: int) -> Findings:
    events = {name: sum(len(one.events) for one in each) / len(each) for name, each in histories.items()}
    rates = {name: wanted * events[name] / median(each) for name, each in took.items()}
    found = Findings("Replaying")
    found.goals = [
        Goal("replayed events/s: ours / bare workflow without a sandbox", rates["ours"] / rates["floor"], "≥", 0.6),
        Goal("1,000 recorded histories of ours, s", median(took["ours"]) * 1000 / wanted, "≤", 30),
    ]
    found.lines = table(
        ["", "events in a history", f"{wanted} histories, s: median (min to max)", "events/s"],
        [
            [
                name,
                f"{events[name]:.0f}",
                f"{median(each):.1f} ({min(each):.1f} to {max(each):.1f})",
                f"{rates[name]:.0f}",
            ]
            for name, each in took.items()
        ],
    )
    found.figures = {"events": events, "seconds": took, "histories": wanted}
    return found
