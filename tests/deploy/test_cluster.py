"""Orders on Temporal's server with PostgreSQL under it, each of which ends as a crash would end it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from database.pool import connect as connect_to_database
from local.cluster import Cluster
from policies import load_policy
from resolution.order import Terms
from starter.client import Outcome, Recourse, workflow_id
from worker import make_worker
from workflows.connecting import connect

PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Order:
    """One order under way, and how to talk to it."""

    recourse: Recourse
    id: str

    async def send(self, role: str, command: str, **fields: Any) -> Outcome:
        """A command of one party, waiting for its outcome."""
        message: Mapping[str, Any] = {"actor": {"role": role, "id": f"{role}-1"}, **fields}
        async with asyncio.timeout(PATIENCE):
            return await self.recourse.send(self.id, command, message)


@asynccontextmanager
async def order_on(running: Cluster, client: Client) -> AsyncIterator[Order]:
    """A started order, with one worker that ends with this block."""
    pool = await connect_to_database(running.dsn)
    queue = f"cluster-{uuid.uuid4().hex}"
    terms = Terms(
        order_id=f"C-{uuid.uuid4().hex[:8]}",
        client="client-1",
        freelancer="freelancer-1",
        price=10_000,
        service_fee=550,
        ordered_at=datetime.now(UTC),
        delivery_time=timedelta(days=5),
    )
    order = Order(Recourse(client, pool, task_queue=queue), terms.order_id)
    try:
        async with make_worker(await connect(target_host=running.address), pool, task_queue=queue):
            await order.recourse.start(terms, load_policy("resolution_center"))
            yield order
    finally:
        await pool.close()


async def found(client: Client, query: str) -> None:
    """Visibility follows what happens a moment later."""
    async with asyncio.timeout(PATIENCE):
        while not (await client.count_workflows(query)).count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.1)


async def test_an_order_is_delivered_and_completed(running: Cluster) -> None:
    client = await connect(target_host=running.address)
    async with order_on(running, client) as order:
        assert (await order.send("freelancer", "deliver")).applied
        assert (await order.send("client", "complete")).applied
        assert (await order.recourse.order(order.id)).phase == "completed"
        # It lives on for what may still be said about it, and is found by where it stands.
        await found(client, f"WorkflowId = '{workflow_id(order.id)}' AND RecoursePhase = 'completed'")


async def test_an_order_goes_on_after_the_temporal_server_was_killed(running: Cluster) -> None:
    client = await connect(target_host=running.address)
    async with order_on(running, client) as order:
        asked = await order.send("client", "request", kind="cancel", reason="no_longer_needed", command_id="once")
        assert asked.applied
        await running.server.kill()
        await running.server.start()
        again = await order.send("client", "request", kind="cancel", reason="no_longer_needed", command_id="once")
        assert again.applied
        assert (await order.send("freelancer", "accept")).applied
        assert (await order.recourse.order(order.id)).phase == "canceled"


async def test_an_order_goes_on_after_postgresql_was_killed(running: Cluster) -> None:
    client = await connect(target_host=running.address)
    async with order_on(running, client) as order:
        assert (await order.send("client", "request", kind="cancel", reason="no_longer_needed")).applied
        await running.postgres.kill()
        accepting = asyncio.create_task(order.send("freelancer", "accept"))
        await running.postgres.start()
        assert (await accepting).applied
        assert (await order.recourse.order(order.id)).phase == "canceled"


async def test_time_can_be_skipped_until_silence_has_decided(running: Cluster) -> None:
    skipper = TimeSkipper(await connect(target_host=running.address), config=TimeSkippingConfig(enabled=False))
    async with order_on(running, skipper.client) as order:
        assert (await order.send("client", "request", kind="cancel", reason="no_longer_needed")).applied
        async with asyncio.timeout(PATIENCE):
            await skipper.fast_forward(skipper.client.get_workflow_handle(workflow_id(order.id)), timedelta(hours=49))
        resolution = (await order.recourse.order(order.id)).resolution
        assert resolution is not None
        assert resolution.how == "expired_accepted"
