"""What a real worker and a real server show and log while orders go through everything that is measured."""

import asyncio
import secrets
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from recourse.database.migrate import migrate
from recourse.database.pool import connect as connect_database
from recourse.local.process import free_ports, start, stop
from recourse.runtime.logs import prometheus
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.web.figures import ORPHANED
from tests.activities.receivers import http_receiver
from tests.conftest import _named, run_on
from tests.http.processes import environment
from tests.outcomes import code
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.process.processes import RECOURSE, worker_process

# What somebody wrote, and who they are: none of it belongs into a metric, and no text into a log.
TEXTS = ("QCOMMENTQ", "QNOTEQ", "QCOMMANDQ", "QREASONQ", "QMAILQ")
IDS = ("qorderq", "qclientq", "qfreelancerq")
TROUBLED = "bank=tests.observing.troubled:bank"


@dataclass(frozen=True)
class Seen:
    """The metrics of the worker, of a worker whose workflow task fails, and of the server; the worker's log."""

    worker: str
    failing: str
    web: str
    log: list[dict[str, Any]]
    order_id: str

    @property
    def all(self) -> str:
        """Everything that was scraped."""
        return self.worker + self.failing + self.web


@workflow.defn
class Failing:
    """A workflow whose task fails, as that of an order does which meets a fault of ours."""

    @workflow.run
    async def run(self) -> None:
        """Fails."""
        raise RuntimeError("a fault of ours")


async def _scrape(port: int, *until: str) -> str:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http, asyncio.timeout(PATIENCE):
        while True:
            try:
                text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            except httpx2.TransportError:
                text = ""
            if text and all(shown in text for shown in until):
                return text
            await asyncio.sleep(0.05)


async def _failing(address: str) -> str:
    [port] = free_ports(1)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=prometheus(f"127.0.0.1:{port}")))
    client = await Client.connect(address, runtime=runtime)
    queue = f"failing-{secrets.token_hex(4)}"
    async with Worker(client, task_queue=queue, workflows=[Failing], workflow_runner=UnsandboxedWorkflowRunner()):
        handle = await client.start_workflow("Failing", id=queue, task_queue=queue)
        text = await _scrape(port, "workflow_task_execution_failed")
        await handle.terminate()
    return text


async def _play(marketplace: Marketplace) -> str:
    by, parties = marketplace.by, {"client": "c-1", "freelancer": "f-1"}
    order_id = await marketplace.order(order_id=f"qorderq-{secrets.token_hex(3)}", **parties)
    send = marketplace.recourse.order(order_id).send
    stranger = {"role": "client", "id": "qclientq"}
    refused = await send("request", {"actor": stranger, "kind": "cancel", "comment": "QCOMMENTQ"})
    assert code(refused) == "not_a_party"
    await marketplace.handle(order_id).signal("QCOMMANDQ", {"actor": stranger, "reason": "QREASONQ"})
    asked = await by("client", order_id, "request", kind="cancel", comment="QCOMMENTQ", private_note="QNOTEQ")
    assert asked.applied
    paid = await marketplace.order(
        "resolution_center", {"undo.by": []}, order_id=f"qorderq-{secrets.token_hex(3)}", provider="bank"
    )
    assert (await by("client", paid, "request", kind="cancel", comment="QCOMMENTQ")).applied
    assert (await by("freelancer", paid, "accept", comment="QCOMMENTQ")).applied
    return order_id


@pytest.fixture(scope="module")
async def seen(postgres_server: str, migrated: str, temporal_address: str) -> AsyncIterator[Seen]:
    """What they show once everything has happened at least once."""
    await run_on(postgres_server, "DROP DATABASE IF EXISTS recourse_observed", "CREATE DATABASE recourse_observed")
    dsn = _named(postgres_server, "recourse_observed")
    await migrate(dsn)
    queue = f"observed-{secrets.token_hex(4)}"
    pool = await connect_database(dsn)
    client = await connect(target_host=temporal_address)
    marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
    with tempfile.TemporaryDirectory() as folder:
        async with http_receiver() as receiver:
            receiver.will(500)
            told = {
                "RECOURSE_WEBHOOK_URL": receiver.url,
                "RECOURSE_WEBHOOK_SECRET": "whsec_" + "A" * 32,
                "RECOURSE_PAYMENT_PROVIDERS": TROUBLED,
            }
            async with worker_process(Path(folder), queue, dsn, temporal_address, **told) as worker:
                await worker.until(200, "ok")
                order_id = await _play(marketplace)
                shown = await _scrape(worker.metrics, "recourse_notice_lag", "recourse_payments", 'result="failed"')
            log = worker.lines()
        web = await _web(Path(folder), dsn, temporal_address)
    failing = await _failing(temporal_address)
    yield Seen(shown, failing, web, log, order_id)
    for started in marketplace.started:
        await marketplace.handle(started).terminate()
    await pool.close()


async def _web(folder: Path, dsn: str, address: str) -> str:
    [metrics] = free_ports(1)
    told = environment(
        DATABASE_URL=dsn,
        TEMPORAL_ADDRESS=address,
        RECOURSE_TOKEN_KEYS="k1=" + "A" * 43 + "=",
        RECOURSE_METRICS_ADDRESS=f"127.0.0.1:{metrics}",
        RECOURSE_PAYMENT_PROVIDERS=TROUBLED,
    )
    running = await start([RECOURSE, "serve", "--port", "0"], log=folder / "web.log", environment=told)
    try:
        return await _scrape(metrics, ORPHANED)
    finally:
        await stop(running, signal.SIGTERM)
