"""The contestants that run on Temporal: ours, the naive design, and the floor that no design can go below."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

with workflow.unsafe.imports_passed_through():
    from bench.story import ACCEPT, REQUEST, opening
    from recourse.activities.about import NOTHING
    from recourse.activities.notifying import Channel
    from recourse.database.steps import record_step
    from recourse.resolution.engine import OrderEngine
    from recourse.resolution.model.fields import whole_second
    from recourse.resolution.model.order import Opening
    from recourse.resolution.model.reading import read_message
    from recourse.resolution.model.step import Step
    from recourse.resolution.rules.clocks import next_clock
    from recourse.runtime.names import workflow_id
    from recourse.starter.starting import start_options
    from recourse.worker import make_worker

SOON = timedelta(seconds=30)


@activity.defn
async def nothing(order_id: str) -> str:
    """The one activity of the floor."""
    return order_id


@workflow.defn(name="Floor")
class Floor:
    """The same messages and the same timer, and nothing else."""

    def __init__(self) -> None:
        self.accepted_at: datetime | None = None

    @workflow.run
    async def run(self, order: Opening) -> str:
        """Wait for the acceptance, then for the window."""
        await workflow.wait_condition(lambda: self.accepted_at is not None)
        await workflow.sleep(timedelta(seconds=1))
        return await workflow.execute_activity(nothing, order.terms.order_id, start_to_close_timeout=SOON)

    @workflow.update
    async def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take note."""
        return {"status": "applied", "command_id": message["command_id"]}

    @workflow.update
    async def accept(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take note, and start the window."""
        self.accepted_at = workflow.now()
        return {"status": "applied", "command_id": message["command_id"]}


@workflow.defn(name="Steps")
class Steps:
    """The floor, with an empty local activity where ours has one: what the SDK takes for as many steps."""

    def __init__(self) -> None:
        self.accepted_at: datetime | None = None

    @workflow.run
    async def run(self, order: Opening) -> str:
        """The opening, then the acceptance, then the window, the settlement, and what ours does before the end."""
        await self.step()
        await workflow.wait_condition(lambda: self.accepted_at is not None)
        await workflow.sleep(timedelta(seconds=1))
        await self.step()
        return await self.step()

    async def step(self) -> str:
        """One empty step."""
        order_id = workflow.info().workflow_id
        return await workflow.execute_local_activity(nothing, order_id, start_to_close_timeout=SOON)

    @workflow.update
    async def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take note."""
        await self.step()
        return {"status": "applied", "command_id": message["command_id"]}

    @workflow.update
    async def accept(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take note, and start the window."""
        await self.step()
        self.accepted_at = workflow.now()
        return {"status": "applied", "command_id": message["command_id"]}


@workflow.defn(name="Due")
class Due:
    """Something is due, and one empty activity is done about it."""

    @workflow.run
    async def run(self, at: str) -> str:
        """Wait for the instant, which is absolute as those of orders are."""
        await workflow.sleep(datetime.fromisoformat(at) - workflow.now())
        return await workflow.execute_activity(nothing, at, start_to_close_timeout=SOON)

    @workflow.signal
    def request(self, message: dict[str, Any]) -> None:
        """It is born by the same message."""


class NaiveActivities:
    """Two activities a step, as users write them."""

    def __init__(self, pool: Any, channels: Sequence[Channel]) -> None:
        self._pool = pool
        self._channels = channels

    @activity.defn
    async def record(self, step: Step) -> str:
        """Write the step."""
        await record_step(self._pool, step)
        return f"step {step.number}"

    @activity.defn
    async def notify(self, step: Step) -> str:
        """Tell the parties, where there is a channel."""
        for channel in self._channels:
            for notice in step.notices:
                for receiver in dict.fromkeys(channel.receivers({}).values()):
                    await channel.send(notice, receiver, NOTHING)
        return f"{len(step.notices)} told"


@workflow.defn(name="Naive")
class Naive:
    """The same rules and rows, each step by two regular activities."""

    def __init__(self) -> None:
        self.inbox: list[tuple[str, Any]] = []
        self.outcomes: dict[str, Any] = {}
        self.number = 0

    @workflow.run
    async def run(self, order: Opening) -> str:
        """Decide, record, notify; wait for the next message or deadline."""
        engine = OrderEngine(order)
        await self.write(engine.commit(engine.opening()))
        while not engine.is_over(whole_second(workflow.now())):
            clock = next_clock(engine.order)
            left = clock.at - workflow.now() if clock else None
            try:
                await workflow.wait_condition(lambda: bool(self.inbox), timeout=left)
            except TimeoutError:
                now = whole_second(workflow.now())
                if clock and clock.at <= now:
                    await self.write(engine.apply(engine.fire(clock, now)))
                continue
            name, payload = self.inbox.pop(0)
            self.number += 1
            message = read_message(name, payload, f"unnamed-{self.number}")
            await self.write(engine.apply(engine.decide(message, whole_second(workflow.now()))))
            self.outcomes[payload["command_id"]] = engine.answers[message.key].outcome
        await workflow.wait_condition(workflow.all_handlers_finished)
        return engine.order.phase

    async def write(self, step: Step) -> None:
        """One step."""
        await workflow.execute_activity_method(NaiveActivities.record, step, start_to_close_timeout=SOON)
        await workflow.execute_activity_method(NaiveActivities.notify, step, start_to_close_timeout=SOON)

    @workflow.update
    async def request(self, message: dict[str, Any]) -> Any:
        """Ask to cancel."""
        return await self.answer("request", message)

    @workflow.update
    async def accept(self, message: dict[str, Any]) -> Any:
        """Agree."""
        return await self.answer("accept", message)

    async def answer(self, name: str, message: dict[str, Any]) -> Any:
        """Wait for the outcome."""
        self.inbox.append((name, message))
        await workflow.wait_condition(lambda: message["command_id"] in self.outcomes)
        return self.outcomes[message["command_id"]]


PASSED = ("recourse", "bench", "pydantic")
QUEUE = "bench"
# Those that tell have a channel, so that their notices go out as webhooks.
TYPES = {
    "floor": "Floor",
    "steps": "Steps",
    "naive": "Naive",
    "ours": "Order",
    "naive-tells": "Naive",
    "ours-tells": "Order",
}


def worker_of(
    name: str, client: Client, pool: Any, channels: Sequence[Channel] = (), queue: str = QUEUE, **options: Any
) -> Worker:
    """The worker of a contestant. Ours and the bare ones run without the sandbox, the naive one as it is by default,
    with what it shares with ours passed through."""
    if TYPES[name] == "Order":
        return make_worker(client, pool, task_queue=queue, channels=channels, **options)
    naive, bare = NaiveActivities(pool, channels), name in ("floor", "steps")
    sandbox = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED))
    return Worker(
        client,
        task_queue=queue,
        workflows=[Floor, Steps, Due] if bare else [Naive],
        activities=[nothing, naive.record, naive.notify],
        workflow_runner=UnsandboxedWorkflowRunner() if bare else sandbox,
        **options,
    )


class TemporalDriver:
    """Plays the story on one of them."""

    def __init__(self, name: str, client: Client, queue: str = QUEUE) -> None:
        self._type, self.queue, self.client = TYPES[name], queue, client

    async def start(self, order_id: str) -> None:
        """Place the order; ours as its client does."""
        order = opening(order_id)
        bare = {"id": workflow_id(order_id), "task_queue": self.queue}
        options = start_options(order, self.queue) if self._type == "Order" else bare
        await self.client.start_workflow(self._type, order, result_type=str, **options)

    async def command(self, order_id: str, name: str) -> None:
        """Give one command and wait for its answer."""
        payload = REQUEST if name == "request" else ACCEPT
        answer = await self.client.get_workflow_handle(workflow_id(order_id)).execute_update(name, payload)
        if answer["status"] != "applied":
            raise AssertionError(f"{order_id}: {answer}")

    async def waits(self, order_id: str) -> None:
        """Wait until the order waits: its next task is then always a task of its own."""
        handle = self.client.get_workflow_handle(workflow_id(order_id))
        async with asyncio.timeout(60):
            while True:
                raw = (await handle.describe()).raw_description
                begun = raw.workflow_execution_info.history_length > 3
                if begun and not raw.HasField("pending_workflow_task") and not raw.pending_activities:
                    return
                await asyncio.sleep(0.02)

    async def ended(self, order_id: str) -> None:
        """Wait until the order is settled."""
        await self.client.get_workflow_handle(workflow_id(order_id)).result()


async def connected(address: str) -> Client:
    """A client with the usual converter."""
    async with asyncio.timeout(30):
        return await Client.connect(address, data_converter=pydantic_data_converter)
