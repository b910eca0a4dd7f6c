"""A database that is away holds up an order, loses nothing, and is asked less and less often."""

import asyncio
import secrets
from collections import Counter
from urllib.parse import urlsplit

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from database.pool import connect
from starter.client import Recourse
from tests.http.lines import line
from tests.process.conftest import Marketplace
from worker import make_worker


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
            async with asyncio.timeout(60):
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
