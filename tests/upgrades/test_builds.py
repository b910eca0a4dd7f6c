"""Two builds of the worker on a real server, with orders open across both: roll-out, roll-back, and bad builds."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from recourse.database.orders import read_record
from recourse.local.temporal import find_program
from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.resolution.model.record import verify
from recourse.runtime.names import ORDER, workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker, version_of
from recourse.workflows.order import OrderWorkflow
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.upgrades.other_builds import Broken, Differing

CLIENT = {"role": "client", "id": "c-1"}


@dataclass
class Deployment:
    """A deployment with a name of its own, its task queue, and the `temporal` command."""

    market: Marketplace
    pool: Any
    address: str
    name: str

    @asynccontextmanager
    async def build(self, build_id: str, order: type = OrderWorkflow) -> AsyncIterator[None]:
        config = version_of(self.name, build_id)
        async with make_worker(
            self.market.client,
            self.pool,
            task_queue=self.market.queue,
            workflows=[order],
            deployment_config=config,
        ):
            await self.until_known(build_id)
            yield

    async def until_known(self, build_id: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while (  # noqa: ASYNC110 - what it waits for is on the server
                await self.temporal(
                    *("worker", "deployment", "describe-version"),
                    *("--deployment-name", self.name, "--build-id", build_id),
                    may_fail=True,
                )
                is None
            ):
                await asyncio.sleep(0.1)

    async def current(self, build_id: str) -> None:
        await self.temporal(
            *("worker", "deployment", "set-current-version"),
            *("--deployment-name", self.name, "--build-id", build_id, "--yes"),
        )

    async def temporal(self, *command: str, may_fail: bool = False) -> str | None:
        program = await find_program()
        process = await asyncio.create_subprocess_exec(
            program,
            *command,
            *("--address", self.address),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode == 0:
            return out.decode()
        assert may_fail, err.decode()
        return None

    async def started(self) -> str:
        """An order whose tasks are tried again after a second, instead of ten."""
        opening = Opening(
            terms=self.market.terms(), policy=load_policy("resolution_center"), record_salt="0123456789abcdef"
        )
        await self.market.client.start_workflow(
            ORDER,
            opening,
            id=workflow_id(opening.terms.order_id),
            task_queue=self.market.queue,
            task_timeout=timedelta(seconds=1),
        )
        return opening.terms.order_id

    async def says(self, order_id: str, comment: str) -> None:
        assert (await self.market.by("client", order_id, "message", comment=comment)).applied

    async def led_by(self, order_id: str, build_id: str) -> None:
        """Say something until this build hears it: task queues learn of a new current build a little later."""
        async with asyncio.timeout(PATIENCE):
            while (await self.built_by(order_id))[-1] != build_id:
                await self.says(order_id, "who is there?")

    async def built_by(self, order_id: str) -> list[str]:
        """Which builds led an order, one after the other."""
        events = (await self.market.handle(order_id).fetch_history()).events
        found = [
            event.workflow_task_completed_event_attributes.deployment_version.build_id
            for event in events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]
        return [build for n, build in enumerate(found) if n == 0 or found[n - 1] != build]

    async def until_a_task_fails(self, order_id: str) -> str:
        async with asyncio.timeout(PATIENCE):
            async for event in self.market.handle(order_id).fetch_history_events(wait_new_event=True):
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    return event.workflow_task_failed_event_attributes.failure.message
        raise AssertionError("no task failed")

    async def comments(self, order_id: str) -> list[str]:
        return [entry.content["fields"]["comment"] for entry in await read_record(self.pool, order_id)]


@pytest.fixture
async def deployment(temporal_address: str, pool: Any) -> Deployment:
    client: Client = await connect(target_host=temporal_address)
    name = f"recourse-{secrets.token_hex(4)}"
    return Deployment(Marketplace(Recourse(client, pool, task_queue=name), name), pool, temporal_address, name)


async def test_open_orders_move_to_a_new_build_and_back(deployment: Deployment) -> None:
    async with deployment.build("a"):
        await deployment.current("a")
        orders = [await deployment.started() for _ in range(3)]
        for order_id in orders:
            await deployment.says(order_id, "under a")
        async with deployment.build("b"):
            await deployment.says(orders[0], "b is there, but not current")
            await deployment.temporal(
                *("worker", "deployment", "set-ramping-version", "--deployment-name", deployment.name),
                *("--build-id", "b", "--percentage", "100", "--yes"),
            )
            await deployment.current("b")
            for order_id in orders:
                await deployment.says(order_id, "under b")
            await deployment.current("a")
            for order_id in orders:
                await deployment.says(order_id, "under a again")

    assert {"a", "b"} == set(await deployment.built_by(orders[0]))
    said = [comment for comment in await deployment.comments(orders[1]) if comment.startswith("under")]
    assert said == ["under a", "under b", "under a again"]
    assert verify(await deployment.market.recourse.order(orders[1]).record("operator")) == []


async def test_orders_wait_while_a_build_fails_and_go_on_with_the_former_one(deployment: Deployment) -> None:
    async with deployment.build("good"):
        await deployment.current("good")
        order_id = await deployment.started()
        await deployment.says(order_id, "before")
        async with deployment.build("bad", Broken):
            await deployment.current("bad")
            asking = asyncio.create_task(deployment.led_by(order_id, "bad"))
            assert await deployment.until_a_task_fails(order_id) == "a bug of this build"
            asking.cancel()
            asking = asyncio.create_task(deployment.says(order_id, "meanwhile"))
            before = await deployment.comments(order_id)
            assert "meanwhile" not in before
            await deployment.current("good")
            await asking

    after = await deployment.comments(order_id)
    assert after[: len(before)] == before
    assert after[-1] == "meanwhile"


async def test_an_order_that_is_reset_takes_up_what_the_database_has(deployment: Deployment) -> None:
    async with deployment.build("a"):
        await deployment.current("a")
        order_id = await deployment.started()
        await deployment.says(order_id, "before")
        asked = await deployment.market.by("client", order_id, "request", kind="cancel", command_id="ask")
        before = await read_record(deployment.pool, order_id)
        await deployment.temporal(
            *("workflow", "reset", "--workflow-id", workflow_id(order_id), "--type", "FirstWorkflowTask"),
            *("--reason", "tried"),
        )
        accepted = await deployment.market.by("freelancer", order_id, "accept")

    record = await read_record(deployment.pool, order_id)
    assert asked.applied
    assert accepted.applied
    assert record[:-1] == before
    assert verify(await deployment.market.recourse.order(order_id).record("operator")) == []


async def test_orders_that_no_other_build_can_replay_are_reset_all_at_once_and_lose_nothing(
    deployment: Deployment,
) -> None:
    market = deployment.market
    async with deployment.build("good"):
        await deployment.current("good")
        orders = [await deployment.started() for _ in range(2)]
        async with deployment.build("bad", Differing):
            await deployment.current("bad")
            for order_id in orders:
                await deployment.led_by(order_id, "bad")
                assert (await market.by("client", order_id, "request", kind="cancel")).applied
            before = [await read_record(deployment.pool, order_id) for order_id in orders]
            await deployment.current("good")
        asking = [asyncio.create_task(deployment.says(order_id, "meanwhile")) for order_id in orders]
        for order_id in orders:
            assert "Nondeterminism" in await deployment.until_a_task_fails(order_id)
        await deployment.temporal(
            *("workflow", "reset", "--type", "FirstWorkflowTask", "--reason", "the build bad", "--yes", "--query"),
            "WorkflowType = 'Order' AND ExecutionStatus = 'Running'"
            f" AND TemporalUsedWorkerDeploymentVersions = '{deployment.name}:bad'",
        )
        await asyncio.gather(*asking)
        for order_id, known in zip(orders, before, strict=True):
            assert (await market.by("freelancer", order_id, "accept")).applied
            record = await read_record(deployment.pool, order_id)
            assert record[: len(known)] == known
            assert [entry.content["command"] for entry in record[len(known) :]] == ["message", "accept"]
            assert verify(await market.recourse.order(order_id).record("operator")) == []
