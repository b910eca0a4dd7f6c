"""What an order decides again when its history is replayed is what it decided, whatever held it up.

A database that answers late makes a worker keep its workflow task alive by empty ones. The SDK joins those when it
replays them, and the order then would think that it was woken at the end of the wait.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from campaigns.orders import Driven
from recourse.activities.webhook import WebhookChannel
from recourse.database.orders import read_record
from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.activities.conftest import web
from tests.activities.receivers import HttpReceiver
from tests.patience import PATIENCE, in_real_time, in_time
from tests.process.conftest import Marketplace, working

__all__ = ["web"]

SECRET = "whsec_" + "c2VjcmV0" * 5
CLIENT = {"role": "client", "id": "c-1"}
WITHOUT_CLOCKS = {
    "order.late_grace": "never",
    "order.dormant_after": "never",
    "requests.cancel.without_approval.client": [],
}


async def order(marketplace: Marketplace, changes: Any = None) -> Driven:
    """An order whose workflow tasks are kept alive after 0.8 s each, instead of 8."""
    policy = load_policy("resolution_center", changes)
    opening = Opening(terms=marketplace.terms(), policy=policy, record_salt=secrets.token_hex(16))
    driven = Driven(marketplace.recourse, opening, task_timeout=timedelta(seconds=1))
    await driven.start()
    return driven


@pytest.fixture
async def marketplace(web: HttpReceiver, temporal_address: str, pool: Any) -> AsyncIterator[Marketplace]:
    """One that tells its parties, as all do: the task after that gives no command, nor does the next one."""
    channel = WebhookChannel(web.url, [SECRET])
    async with working(temporal_address, pool, channel) as made:
        yield made
    await channel.close()


@asynccontextmanager
async def held_up(marketplace: Marketplace, order_id: str) -> AsyncIterator[None]:
    """No step of the order is written as long as this lasts."""
    async with marketplace.recourse.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM order_states WHERE order_id = $1 FOR UPDATE", order_id)
        yield


async def kept_alive(marketplace: Marketplace, order_id: str, since: int, tasks: int) -> None:
    """Wait until so many workflow tasks more than `since` have been completed."""
    async with asyncio.timeout(PATIENCE):
        while await completed(marketplace, order_id) < since + tasks:  # noqa: ASYNC110 - they are on the server
            await asyncio.sleep(0.05)


async def completed(marketplace: Marketplace, order_id: str) -> int:
    events = (await marketplace.handle(order_id).fetch_history()).events
    return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in events)


async def recorded(marketplace: Marketplace, order_id: str, entries: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        while len(record := await read_record(marketplace.recourse.pool, order_id)) < entries:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)
    # Its task is over as well, so that it is in the history.
    await marketplace.by("client", order_id, "message", comment="That was it.")
    return record


async def test_a_clock_that_ran_out_while_the_database_answered_late(
    marketplace: Marketplace, web: HttpReceiver
) -> None:
    async def played(window: int) -> None:
        driven = await order(
            marketplace, {"requests.cancel.window.freelancer_asked": f"{window}s", "requests.cancel.reminder": "never"}
        )
        order_id = driven.id
        assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
        await web.has(1)
        async with held_up(marketplace, order_id):
            request = (await marketplace.recourse.order(order_id).state()).open_request
            in_time(request.answer_due_at if request else None)
            await kept_alive(marketplace, order_id, since=await completed(marketplace, order_id), tasks=3)

        [_, silence] = await recorded(marketplace, order_id, 2)
        assert silence.content["command"] == "answer_due"
        assert await driven.redecided() == []

    await in_real_time(played)


async def test_a_message_to_an_order_that_waited_for_no_clock(marketplace: Marketplace, web: HttpReceiver) -> None:
    driven = await order(marketplace, WITHOUT_CLOCKS)
    order_id = driven.id
    assert (await marketplace.by("client", order_id, "message", comment="Hello?")).applied
    await web.has(1)
    async with held_up(marketplace, order_id):
        since = await completed(marketplace, order_id)
        await marketplace.recourse.order(order_id).signal("message", {"actor": CLIENT, "comment": "Hello?"})
        await kept_alive(marketplace, order_id, since, tasks=3)

    await recorded(marketplace, order_id, 2)
    assert await driven.redecided() == []


async def test_a_message_from_a_clock_that_is_ahead(marketplace: Marketplace) -> None:
    driven = await order(marketplace)
    order_id = driven.id

    async def say(comment: str, ahead: int) -> None:
        stamp = (datetime.now(UTC) + timedelta(seconds=ahead)).isoformat(timespec="seconds")
        message = {"actor": CLIENT, "command_id": comment, "comment": comment, "sent_at": stamp}
        since = await completed(marketplace, order_id)
        await marketplace.handle(order_id).signal("message", message)
        await kept_alive(marketplace, order_id, since, tasks=4)

    async with held_up(marketplace, order_id):
        await say("the one that holds it up", ahead=0)
        await say("ahead", ahead=4)
        await say("after it", ahead=-1)

    record = await recorded(marketplace, order_id, 3)
    assert [entry.content["fields"]["comment"] for entry in record[1:3]] == ["ahead", "after it"]
    assert await driven.redecided() == []


async def test_nobody_is_shown_a_step_before_it_is_written(marketplace: Marketplace) -> None:
    order_id = (await order(marketplace)).id
    async with held_up(marketplace, order_id):
        since = await completed(marketplace, order_id)
        asking = {"actor": CLIENT, "kind": "cancel"}
        await marketplace.recourse.order(order_id).signal("request", asking)
        await kept_alive(marketplace, order_id, since, tasks=1)
        page = await marketplace.handle(order_id).query("page")
        metadata = await marketplace.handle(order_id).query("__temporal_workflow_metadata")

    assert page["request"] is None
    assert "must answer" not in metadata.current_details
    await recorded(marketplace, order_id, 1)
    assert (await marketplace.handle(order_id).query("page"))["request"] is not None


async def test_a_clock_that_ran_out_while_a_reader_waited_for_a_worker(marketplace: Marketplace) -> None:
    async def played(window: int) -> None:
        recourse = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=secrets.token_hex(4))
        policy = load_policy(
            "resolution_center",
            {"requests.cancel.window.freelancer_asked": f"{window}s", "requests.cancel.reminder": "never"},
        )
        opening = Opening(terms=marketplace.terms(), policy=policy, record_salt=secrets.token_hex(16))
        driven = Driven(recourse, opening, task_timeout=timedelta(seconds=10))
        handle = marketplace.handle(driven.id)
        async with make_worker(recourse.temporal, recourse.pool, task_queue=recourse.task_queue):
            await driven.start()
            await recourse.order(driven.id).send("request", {"actor": CLIENT, "command_id": "ask", "kind": "cancel"})
            request = (await recourse.order(driven.id).state()).open_request
            in_time(request.answer_due_at if request else None)
        # It reaches the next worker before the task does in which the order hears of its clock.
        reading = asyncio.create_task(handle.query("page"))
        async with asyncio.timeout(PATIENCE):
            while not await has_fired(marketplace, driven.id):  # noqa: ASYNC110 - it is on the server
                await asyncio.sleep(0.05)
        await recourse.order(driven.id).signal("message", {"actor": CLIENT, "comment": "Well?"})
        async with make_worker(recourse.temporal, recourse.pool, task_queue=recourse.task_queue):
            with suppress(WorkflowQueryFailedError, RPCError):
                await reading
            await recorded(Marketplace(recourse, recourse.task_queue), driven.id, 3)

        assert await driven.redecided() == []

    await in_real_time(played)


async def has_fired(marketplace: Marketplace, order_id: str) -> bool:
    events = (await marketplace.handle(order_id).fetch_history()).events
    return any(event.event_type == EventType.EVENT_TYPE_TIMER_FIRED for event in events)
