"""A worker with channels: what orders write is delivered, and one that does not listen harms nobody."""

import asyncio
from typing import Any

from temporalio.api.enums.v1 import EventType

from recourse.activities.mail import MailChannel
from recourse.activities.webhook import WebhookChannel
from recourse.database.outbox import disabled_channels, enable_channels
from recourse.policies import load_policy
from tests.activities.receivers import HttpReceiver, MailReceiver
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace, working

SECRET = "whsec_" + "c2VjcmV0" * 5


async def rests(marketplace: Marketplace, order_id: str) -> bool:
    """Whether every delivery that an order asked for is done, and it has asked for no more since."""
    kinds = [event.event_type for event in (await marketplace.handle(order_id).fetch_history()).events]
    asked, done = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
    return kinds.count(asked) == kinds.count(done) > 0 and kinds[-1] == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


async def test_one_that_does_not_listen_keeps_nobody_else_from_hearing_of_later_steps(
    temporal_address: str, pool: Any, web: HttpReceiver, post: MailReceiver
) -> None:
    hooks = WebhookChannel(web.url, [SECRET])
    deaf = "deaf@x.example"
    post.refusals[deaf] = "550 no such user"
    mails = MailChannel(post.url, "orders@market.example")
    async with working(temporal_address, pool, hooks, mails) as marketplace:
        agreed = marketplace.terms()
        order_id = agreed.order_id
        await marketplace.recourse.start(
            agreed, load_policy("resolution_center"), emails={"client": deaf, "freelancer": "f@x.example"}
        )
        # Waiting for the deaf one's next try would take twice as long from one to the next.
        for number in range(6):
            assert (await marketplace.by("freelancer", order_id, "message", comment=f"{number}?")).applied
            assert (await marketplace.by("client", order_id, "message", comment=f"{number}!")).applied
            async with asyncio.timeout(PATIENCE):
                await post.has(number + 1)
        assert post.to("f@x.example") == ["message received"] * 6
        assert post.to(deaf) == []
        post.refusals.clear()
        # The next step is a new try for everybody.
        await marketplace.by("client", order_id, "message", comment="And?")
        await post.has(13)
        assert post.to(deaf) == ["message received"] * 6
        await web.has(13)
        assert len(set(web.ids)) == len(web.ids) == 13
    await hooks.close()


async def test_what_is_said_while_something_else_is_being_told_is_told_as_well(
    temporal_address: str, pool: Any, web: HttpReceiver
) -> None:
    hooks, said = WebhookChannel(web.url, [SECRET]), asyncio.Event()

    async def take_late() -> int:
        await said.wait()
        return 204

    web.will(take_late)
    async with working(temporal_address, pool, hooks) as marketplace:
        order_id = await marketplace.order()
        await marketplace.by("client", order_id, "message", comment="One.")
        await web.has(1)
        await marketplace.by("client", order_id, "message", comment="Two.")
        said.set()
        async with asyncio.timeout(PATIENCE):
            while len(web.requests) < 2:
                assert not await rests(marketplace, order_id) or len(web.requests) == 2
        assert [request.json["data"]["comment"] for request in web.requests] == ["One.", "Two."]
    await hooks.close()


async def test_an_address_is_in_the_database_and_nowhere_else(
    temporal_address: str, pool: Any, post: MailReceiver
) -> None:
    mails = MailChannel(post.url, "orders@market.example")
    async with working(temporal_address, pool, mails) as marketplace:
        agreed = marketplace.terms()
        await marketplace.recourse.start(
            agreed, load_policy("resolution_center"), emails={"client": "very.secret@x.example"}
        )
        post.refusals["very.secret@x.example"] = "550 <very.secret@x.example>: no such user"
        await marketplace.by("freelancer", agreed.order_id, "message", comment="Hello")
        handle = marketplace.handle(agreed.order_id)
        history = ""
        async with asyncio.timeout(PATIENCE):
            while "SMTPRecipientsRefused 550" not in history:
                history = (await handle.fetch_history()).to_json()
                assert (await marketplace.by("freelancer", agreed.order_id, "message", comment="There?")).applied
        description = await handle.describe()
        everywhere = (
            history
            + str(description.raw_description)
            + str(await marketplace.recourse.order(agreed.order_id).show("operator"))
        )
        everywhere += str(await marketplace.recourse.order(agreed.order_id).record("operator"))
        assert "very.secret" not in everywhere


async def test_a_receiver_that_wanted_nothing_for_a_while_and_then_for_good_hears_once_it_is_enabled(
    temporal_address: str, pool: Any, web: HttpReceiver
) -> None:
    hooks = WebhookChannel(web.url, [SECRET])
    web.will(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 410)
    async with working(temporal_address, pool, hooks) as marketplace, asyncio.timeout(PATIENCE):
        agreed = marketplace.terms()
        await marketplace.recourse.start(agreed, load_policy("resolution_center"))
        await marketplace.by("client", agreed.order_id, "message", comment="Hello")
        await web.has(2)
        while not await disabled_channels(pool):  # noqa: ASYNC110 - the worker's database knows it
            await asyncio.sleep(0.02)
        # Orders go on meanwhile, and what they tell waits.
        assert (await marketplace.by("client", agreed.order_id, "message", comment="And?")).applied
        assert len(web.ids) == 2
        await enable_channels(pool)
        await web.has(4)
        assert web.ids[0] == web.ids[1] == web.ids[2] != web.ids[3]
    await hooks.close()
