"""Orders on Temporal's server with PostgreSQL under it, each of which ends as a crash would end it."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import yaml
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from recourse.database.pool import connect as connect_to_database
from recourse.local.cluster import Cluster
from recourse.local.process import free_ports, start, stop
from recourse.policies import load_policy
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.terms import Terms
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.processes import RECOURSE


@dataclass(frozen=True)
class Order:
    """One order under way, and how to talk to it."""

    recourse: Recourse
    id: str

    async def send(self, role: str, command: str, **fields: Any) -> Outcome:
        """A command of one party, waiting for its outcome."""
        message: Mapping[str, Any] = {"actor": {"role": role, "id": f"{role}-1"}, **fields}
        async with asyncio.timeout(PATIENCE):
            return await self.recourse.order(self.id).send(command, message)


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
        assert (await order.recourse.order(order.id).state()).phase == "completed"
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
        assert (await order.recourse.order(order.id).state()).phase == "canceled"


async def test_an_order_goes_on_after_postgresql_was_killed(running: Cluster) -> None:
    client = await connect(target_host=running.address)
    async with order_on(running, client) as order:
        assert (await order.send("client", "request", kind="cancel", reason="no_longer_needed")).applied
        await running.postgres.kill()
        accepting = asyncio.create_task(order.send("freelancer", "accept"))
        await running.postgres.start()
        assert (await accepting).applied
        assert (await order.recourse.order(order.id).state()).phase == "canceled"


async def test_time_can_be_skipped_until_silence_has_decided(running: Cluster) -> None:
    skipper = TimeSkipper(await connect(target_host=running.address), config=TimeSkippingConfig(enabled=False))
    async with order_on(running, skipper.client) as order:
        assert (await order.send("client", "request", kind="cancel", reason="no_longer_needed")).applied
        async with asyncio.timeout(PATIENCE):
            await skipper.fast_forward(skipper.client.get_workflow_handle(workflow_id(order.id)), timedelta(hours=49))
        resolution = (await order.recourse.order(order.id).state()).resolution
        assert resolution is not None
        assert resolution.how == "expired_accepted"


async def test_migrations_worker_and_web_server_start_as_in_compose_and_lead_an_order(
    running: Cluster, root: Path, tmp_path: Path
) -> None:
    services = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    web, health, metrics = free_ports(3)
    queue = f"compose-{uuid.uuid4().hex}"
    told = environment(
        DATABASE_URL=await empty_database(running),
        TEMPORAL_ADDRESS=running.address,
        RECOURSE_TASK_QUEUE=queue,
        RECOURSE_HEALTH_ADDRESS=f"127.0.0.1:{health}",
        RECOURSE_TOKEN_KEYS="k1=" + "A" * 43 + "=",
    )
    migrating = await start([RECOURSE, *services["migrate"]["command"]], log=tmp_path / "migrate.log", environment=told)
    assert await migrating.wait() == 0, (tmp_path / "migrate.log").read_text()
    worker = await start([RECOURSE, *services["worker"]["command"]], log=tmp_path / "worker.log", environment=told)
    there = [
        str(web) if part == "8000" else part.replace("0.0.0.0", "127.0.0.1") for part in services["web"]["command"]
    ]
    serving = await start(
        [RECOURSE, *there],
        log=tmp_path / "web.log",
        environment={**told, "RECOURSE_METRICS_ADDRESS": f"127.0.0.1:{metrics}"},
    )
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            for port in (health, web):
                await answers(http, f"http://127.0.0.1:{port}/readyz")
            made = await asyncio.create_subprocess_exec(
                RECOURSE, "token", "service:shop", stdout=asyncio.subprocess.PIPE, env=dict(told)
            )
            token = (await made.communicate())[0].decode().strip()
            http.headers["Authorization"] = f"Bearer {token}"
            terms = {
                "order_id": "compose-1",
                "client": "c-1",
                "freelancer": "f-1",
                "price": 10_000,
                "service_fee": 550,
                "ordered_at": datetime.now(UTC).isoformat(),
                "delivery_time": "5d",
            }
            begun = await http.post(
                f"http://127.0.0.1:{web}/orders", json={"terms": terms, "policy": "resolution_center"}
            )
            assert begun.status_code == 201, begun.text
            for role, command, body in (("client", "request", {"kind": "cancel"}), ("freelancer", "accept", {})):
                sent = await http.post(
                    f"http://127.0.0.1:{web}/orders/compose-1/commands/{command}?as={role}", json=body
                )
                assert sent.status_code == 200, sent.text
            shown = await http.get(f"http://127.0.0.1:{web}/orders/compose-1")
            assert shown.json()["phase"] == "canceled"
            assert "recourse_database_up 1\n" in (await http.get(f"http://127.0.0.1:{metrics}/metrics")).text
    finally:
        await stop(serving, signal.SIGTERM)
        await stop(worker, signal.SIGTERM, patience=PATIENCE)
    assert (serving.returncode, worker.returncode) == (0, 0)


async def empty_database(running: Cluster) -> str:
    """A database that nobody has migrated yet, beside the others."""
    name = f"compose_{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(running.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return urlsplit(running.dsn)._replace(path=f"/{name}").geturl()


async def answers(http: httpx2.AsyncClient, address: str) -> None:
    """Wait until a probe says yes."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if (await http.get(address)).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)
