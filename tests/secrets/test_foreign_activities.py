"""Activities run for orders of our own workers. What anybody else schedules is refused, and nothing comes of it."""

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import ActivityFailureError, Client, WorkflowFailureError
from temporalio.common import RawValue, RetryPolicy
from temporalio.converter import DataConverter
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import (
    Interceptor,
    StartActivityInput,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from recourse.activities.about import About
from recourse.activities.extensions import NotDelivered
from recourse.database.payments import PaymentLeg
from recourse.errors import Unanswered
from recourse.resolution.model.notice import Notice, Receiver
from recourse.runtime.keys import KeyRing
from recourse.runtime.names import ORDER, RECONCILIATION, workflow_id
from recourse.runtime.proofs import HEADER, Caller, Proofs
from recourse.worker import make_worker
from tests.patience import PATIENCE
from tests.secrets.conftest import NEW, NONE, OLD, ONLY_NEW, ONLY_OLD, RING, Keyed

PROOFS = Proofs(RING)
TABLES = ("orders", "record_entries", "ledger_entries", "notices", "deliveries")
SECOND = timedelta(seconds=1)


class Everything:
    """A provider and a channel that note what reaches them."""

    name = "webhook"
    whole_steps = False

    def __init__(self, *, fails: bool = False) -> None:
        self.reached: list[str] = []
        self.fails = fails

    async def pay(self, leg: PaymentLeg) -> None:
        self.reached.append("money")

    def receivers(self, contacts: Mapping[str, str]) -> Mapping[Receiver, str]:
        return {"client": "a", "freelancer": "a", "operator": "a"}

    async def send(self, notice: Notice, receiver: str, about: About) -> None:
        if self.fails:
            raise NotDelivered("not today")
        self.reached.append(notice.name)

    async def close(self) -> None:
        pass


def inputs(order_id: str) -> dict[str, list[Any]]:
    """What an attacker would have each activity do to an order."""
    return {
        "record_step": [{"order_id": order_id, "number": 0, "data_version": 1, "order": {"needs": 1}}],
        "find_answer": [order_id, "client:c-1", "one"],
        "has_started": [order_id],
        "read_arrivals": [order_id, 1],
        "read_offsets": ["Europe/Zurich", "2026-01-01T00:00:00Z"],
        "deliver_notices": [order_id, 7],
        "pay": [{"order_id": order_id, "leg": "1.refund"}],
        "reconcile": [],
    }


class _Headers(Interceptor):
    """A worker interceptor of the attacker's, who may send any header."""

    header: Payload | None = None

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        attack = self

        class Outbound(WorkflowOutboundInterceptor):
            def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
                input.headers = {HEADER: attack.header} if attack.header else {}
                return super().start_activity(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound


@workflow.defn(dynamic=True)
class Foreign:
    """A workflow that has our workers do its work, whatever type and id it claims."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Any:
        queue, name, *values = [workflow.payload_converter().from_payload(arg.payload) for arg in args]
        return await workflow.execute_activity(
            name,
            args=values,
            task_queue=queue,
            start_to_close_timeout=timedelta(seconds=20),
            schedule_to_close_timeout=timedelta(seconds=20),
            # As often as it may: what is not refused for good is tried again, until the time is up.
            retry_policy=RetryPolicy(initial_interval=SECOND),
        )


class Attacker:
    """Somebody who can write to the namespace, with a worker and without any key."""

    def __init__(self, client: Client, queue: str) -> None:
        self.client, self.queue, self.headers = client, queue, _Headers()
        self.worker = Worker(
            client,
            task_queue=f"foreign-{queue}",
            workflows=[Foreign],
            interceptors=[self.headers],
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    async def has(self, name: str, values: list[Any], *, kind: str, id: str, header: Payload | None = None) -> Any:
        """What an activity of ours answers to a workflow of this type and id; the header counts for its run."""
        self.headers.header = header
        return await self.client.execute_workflow(
            kind, args=[self.queue, name, *values], id=id, task_queue=f"foreign-{self.queue}"
        )

    async def refused(self, *args: Any, **options: Any) -> str:
        with pytest.raises(WorkflowFailureError) as failed:
            await self.has(*args, **options)
        assert isinstance(failed.value.cause, ActivityError)
        cause = failed.value.cause.cause
        assert isinstance(cause, ApplicationError), failed.value.cause
        assert cause.non_retryable
        assert cause.type == "input_unproven"
        return str(cause)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.05)


def of_these(payloads: list[Any]) -> list[Payload]:
    return DataConverter.default.payload_converter.to_payloads(payloads)


async def rows(pool: Any) -> dict[str, int]:
    return {table: await pool.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


def registered(worker: Worker) -> set[str]:
    return {one.__name__ for one in worker.config()["activities"]}


@pytest.mark.parametrize(
    ("keys", "refuse_plain"), [(NONE, False), (RING, False), (RING, True)], ids=["plain", "encrypted", "refuse"]
)
async def test_nobody_else_has_an_activity_run(keyed: Keyed, pool: Any, keys: KeyRing, refuse_plain: bool) -> None:
    world, marketplace = Everything(), await keyed.marketplace(keys)
    ours = make_worker(
        await keyed.client(keys),
        pool,
        task_queue=keyed.queue,
        providers={"noted": world},
        channels=[world],
        refuse_plain=refuse_plain,
        proofs=PROOFS,
    )
    attacker = Attacker(await keyed.stranger(), keyed.queue)
    async with ours, attacker.worker:
        order_id = await marketplace.order()
        assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied
        run = (await marketplace.handle(order_id).describe()).run_id
        await until(lambda: len(world.reached) > 0)
        await until(lambda: _idle(marketplace.handle(order_id)))
        await marketplace.handle(order_id).terminate()
        before, reached = await rows(pool), list(world.reached)
        assert registered(ours) == set(inputs("x"))
        for name, values in inputs(order_id).items():
            other = inputs("another")[name]
            # Without a proof: under any name, and under the order's own now that its workflow is gone.
            await attacker.refused(name, values, kind="Evil", id=f"evil-{order_id}")
            await attacker.refused(name, values, kind=ORDER, id=workflow_id(order_id))
            await attacker.refused(name, values, kind=RECONCILIATION, id=f"evil-{order_id}")
            # With proofs that are real, and for something else: an earlier run, another order, activity, or content.
            for caller, proven in (
                (Caller(name, workflow_id(order_id), run), values),
                (Caller(name, workflow_id("another"), run), other),
                (Caller("find_answer" if name != "find_answer" else "pay", workflow_id(order_id), run), values),
                (Caller(name, workflow_id(order_id), run), other),
            ):
                header = PROOFS.make(caller, of_these(proven))
                await attacker.refused(name, values, kind=ORDER, id=workflow_id(order_id), header=header)
            # Without any workflow.
            with pytest.raises(ActivityFailureError) as failed:
                await attacker.client.execute_activity(
                    name,
                    args=values,
                    id=f"{name}-{order_id}",
                    task_queue=keyed.queue,
                    start_to_close_timeout=timedelta(seconds=20),
                )
            assert isinstance(failed.value.cause, ApplicationError)
            assert failed.value.cause.type == "input_unproven"

    assert await rows(pool) == before
    assert world.reached == reached


async def test_without_keys_an_activity_runs_for_the_order_that_it_is_about_and_for_no_other(
    keyed: Keyed, pool: Any
) -> None:
    world = Everything()
    attacker = Attacker(await keyed.stranger(), keyed.queue)
    async with keyed.working(NONE, providers={"noted": world}, channels=[world]), attacker.worker:
        for name, values in inputs("x-1").items():
            assert "no order asks" in await attacker.refused(name, values, kind="Evil", id=workflow_id("x-1"))
            if name not in ("read_offsets", "reconcile"):
                assert "another order" in await attacker.refused(name, values, kind=ORDER, id=workflow_id("x-2"))
        for name, values in (("pay", [{"order": "x-1"}]), ("pay", []), ("find_answer", ["x-1"])):
            await attacker.refused(name, values, kind=ORDER, id=workflow_id("x-1"))

    assert not any((await rows(pool)).values())
    assert world.reached == []


async def test_an_opening_of_another_id_than_its_workflow_writes_nothing(keyed: Keyed, pool: Any) -> None:
    marketplace = await keyed.marketplace(NONE)
    async with keyed.working(NONE, proofs=PROOFS):
        order_id = await marketplace.order()
        assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied
        history = await marketplace.handle(order_id).fetch_history()
        opening = history.events[0].workflow_execution_started_event_attributes.input.payloads[0]
        twin = await marketplace.client.start_workflow(
            ORDER,
            DataConverter.default.payload_converter.from_payload(opening),
            id="order-evil",
            task_queue=keyed.queue,
        )
        before = await rows(pool)
        with pytest.raises(WorkflowFailureError):
            await twin.result()

    assert await rows(pool) == before


async def test_orders_go_on_while_keys_are_introduced_and_changed(keyed: Keyed) -> None:
    between = KeyRing({"old": OLD, "new": NEW})
    marketplace, world = await keyed.marketplace(NONE), Everything(fails=True)
    async with keyed.working(NONE, channels=[world]):
        order_id = await marketplace.order()
        assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied
        # Its delivery waits for its next try, as somebody without a key asked for it.
        await until(lambda: _waits(marketplace.handle(order_id)))
    for keys in (between, RING, ONLY_NEW):
        world.fails = False
        async with keyed.working(NONE, channels=[world], proofs=Proofs(keys)):
            reached = len(world.reached)
            assert (await marketplace.by("freelancer", order_id, "message", comment="Hello")).applied
            await until(lambda: len(world.reached) > reached)  # noqa: B023

    assert len(world.reached) == 4


async def _pending(handle: Any) -> Any:
    return (await handle.describe()).raw_description.pending_activities


async def _idle(handle: Any) -> bool:
    return not await _pending(handle)


async def _waits(handle: Any) -> bool:
    """Whether an activity has failed, and is to be tried again."""
    return any(one.attempt > 1 for one in await _pending(handle))


async def test_what_is_proven_with_a_key_that_a_worker_lacks_waits_for_the_key(keyed: Keyed) -> None:
    marketplace, world = await keyed.marketplace(NONE), Everything(fails=True)
    async with keyed.working(NONE, channels=[world], proofs=Proofs(ONLY_NEW)):
        order_id = await marketplace.order()
        assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied
        await until(lambda: _waits(marketplace.handle(order_id)))
    world.fails = False
    async with keyed.working(NONE, channels=[world], proofs=Proofs(ONLY_OLD)):
        await until(lambda: _failure(marketplace.handle(order_id), "worker_key_missing"))
    async with keyed.working(NONE, channels=[world], proofs=Proofs(RING)):
        await until(lambda: len(world.reached) > 0)


async def _failure(handle: Any, kind: str) -> bool:
    return any(one.last_failure.application_failure_info.type == kind for one in await _pending(handle))


@workflow.defn(name=ORDER)
class Liar:
    """What a program answers that has taken an order's workflow task: something that it has seen."""

    @workflow.run
    async def run(self, opening: Any) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.update
    def accept(self, message: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(message["comment"])
        return answer


async def test_the_answer_to_another_command_is_taken_for_no_answer(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    async with keyed.working(NONE):
        order_id = await marketplace.order()
        said = await marketplace.by("client", order_id, "message", comment="Hello")
    seen = json.dumps(said.model_dump(mode="json"))
    liar = Worker(
        await keyed.stranger(),
        task_queue=f"liar-{keyed.queue}",
        workflows=[Liar],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with liar:
        order = marketplace.recourse.order(f"lied-{order_id}")
        await liar.client.start_workflow(ORDER, {}, id=workflow_id(order.id), task_queue=liar.task_queue)
        with pytest.raises(Unanswered, match="another command"):
            await order.send("accept", {"actor": {"role": "client", "id": "c-1"}, "comment": seen})
        await liar.client.get_workflow_handle(workflow_id(order.id)).terminate()
