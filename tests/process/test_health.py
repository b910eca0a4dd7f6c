"""The worker as a process: what its probes and its metrics say while things around it come and go."""

import asyncio
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recourse.local.process import free_ports, start
from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from tests.conftest import run_on
from tests.http.lines import line
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.process.processes import RECOURSE, worker_process

WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1"


async def test_a_worker_is_ready_while_it_polls_and_its_database_answers(
    temporal_address: str, dsn: str, tmp_path: Path
) -> None:
    parts = urlsplit(dsn)
    async with line(str(parts.hostname), parts.port or 5432) as between:
        through = parts._replace(netloc=f"{parts.username}@127.0.0.1:{between.port}").geturl()
        async with worker_process(tmp_path, "health-of-a-worker", through, temporal_address) as worker:
            await worker.until(200, "ok")
            await between.cut()
            await worker.until(503, "database")
            assert (await worker.ask("/healthz"))[0] == 200
            await between.mend()
            await worker.until(200, "ok")


async def test_a_worker_is_ready_while_its_database_takes_writes(
    temporal_address: str, postgres_server: str, dsn: str, tmp_path: Path
) -> None:
    database = urlsplit(dsn).path.removeprefix("/")
    await run_on(postgres_server, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    async with worker_process(tmp_path, "health-and-writing", dsn, temporal_address) as worker:
        await worker.until(503, "takes no writes")
        await run_on(postgres_server, f"ALTER DATABASE {database} RESET default_transaction_read_only")
        await worker.until(200, "ok")
        await run_on(dsn, "ALTER TABLE deliveries RENAME TO away")
        await worker.until(503, "not up to date")
        await run_on(dsn, "ALTER TABLE away RENAME TO deliveries")
        await worker.until(200, "ok")


async def test_a_worker_that_is_told_to_stop_says_first_that_it_is_not_ready(
    temporal_address: str, pool: Any, dsn: str, tmp_path: Path
) -> None:
    queue = "stopping-worker"
    client = await connect(target_host=temporal_address)
    marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
    async with worker_process(tmp_path, queue, dsn, temporal_address) as worker:
        await worker.until(200, "ok")
        async with pool.acquire() as connection, connection.transaction():
            # A step that waits for a lock keeps the worker from stopping at once.
            await connection.execute("LOCK TABLE answers, record_entries, orders IN ACCESS EXCLUSIVE MODE")
            opening = Opening(
                terms=marketplace.terms(), policy=load_policy("resolution_center"), record_salt="0123456789abcdef"
            )
            workflow = f"order-{opening.terms.order_id}"
            await client.start_workflow("Order", opening, id=workflow, task_queue=queue)
            async with asyncio.timeout(PATIENCE):
                while not await connection.fetchval(WAITING):  # noqa: ASYNC110 - PostgreSQL tells nobody
                    await asyncio.sleep(0.05)
            worker.running.send_signal(signal.SIGTERM)
            await worker.until(503, "stopping")
            assert worker.running.returncode is None
        assert await worker.running.wait() == 0
    await client.get_workflow_handle(workflow).terminate()


async def test_a_worker_whose_metrics_address_is_taken_says_so_in_a_sentence(
    temporal_address: str, dsn: str, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", port):
        taken = {"RECOURSE_METRICS_ADDRESS": f"127.0.0.1:{port}", "DATABASE_URL": dsn}
        log = tmp_path / "log"
        running = await start([RECOURSE, "worker"], log=log, environment=environment(**taken))
        assert await running.wait() == 2
    assert f"RECOURSE_METRICS_ADDRESS: 127.0.0.1:{port} cannot be listened on" in log.read_text().replace("\n", " ")
