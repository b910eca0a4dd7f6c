"""A database that is away holds up an order, loses nothing, and is asked less and less often."""

import asyncio
import secrets
from collections import Counter
from urllib.parse import urlsplit

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from recourse.database.pool import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.conftest import run_on
from tests.http.lines import line
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace


async def test_a_step_that_a_database_refuses_goes_to_an_activity_that_waits(client: Client, dsn: str) -> None:
    parts, queue = urlsplit(dsn), f"away-{secrets.token_hex(4)}"
    async with line(parts.hostname or "", parts.port or 0) as cable:
        pool = await connect(parts._replace(netloc=f"{parts.username}@127.0.0.1:{cable.port}").geturl())
        async with make_worker(client, pool, task_queue=queue):
            marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
            order_id = await marketplace.order()
            await marketplace.by("client", order_id, "message", comment="Hello")
            await cable.cut()
            asking = asyncio.create_task(marketplace.by("client", order_id, "request", kind="cancel"))
            counted: Counter[int] = Counter()
            async with asyncio.timeout(PATIENCE):
                async for event in marketplace.handle(order_id).fetch_history_events(wait_new_event=True):
                    counted[event.event_type] += 1
                    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                        break
            await cable.mend()

            assert (await asking).applied
            assert (await marketplace.by("freelancer", order_id, "accept")).applied
        await pool.close()
    # Each turn of a task that goes on in an outage is three events of history.
    assert counted[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED] <= 5


async def test_a_worker_whose_sessions_are_read_only_goes_on_as_soon_as_new_ones_may_write(
    client: Client, postgres_server: str, dsn: str
) -> None:
    queue, database = f"read-only-{secrets.token_hex(4)}", urlsplit(dsn).path.removeprefix("/")
    pool = await connect(dsn)
    async with make_worker(client, pool, task_queue=queue):
        marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
        order_id = await marketplace.order()
        await marketplace.by("client", order_id, "message", comment="Hello")
        # The sessions that are made from here on cannot write, and the others are ended: a standby is all there is.
        await run_on(
            postgres_server,
            f"ALTER DATABASE {database} SET default_transaction_read_only = on",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'",
        )
        asking = asyncio.create_task(marketplace.by("client", order_id, "request", kind="cancel"))
        async with asyncio.timeout(PATIENCE):
            async for event in marketplace.handle(order_id).fetch_history_events(wait_new_event=True):
                if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                    break
        await run_on(postgres_server, f"ALTER DATABASE {database} RESET default_transaction_read_only")
        async with asyncio.timeout(PATIENCE):
            assert (await asking).applied
        assert (await marketplace.by("freelancer", order_id, "accept")).applied
    await pool.close()
