"""Delivering: at least once, never again to a receiver that answered, in order, and nobody waits for somebody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from recourse.activities.mail import MailChannel
from recourse.activities.notifying import Notifying
from recourse.activities.webhook import WebhookChannel
from recourse.database.displays import write_display
from recourse.database.outbox import disabled_channels, enable_channels, orders_with_undelivered, undelivered
from recourse.database.pool import connect
from recourse.resolution.model.display import Display
from tests.activities.conftest import Written, attempt
from tests.activities.receivers import HttpReceiver, MailReceiver

SECRET = "whsec_" + "c2VjcmV0" * 5


@pytest.fixture
async def hooks(web: HttpReceiver) -> AsyncIterator[WebhookChannel]:
    made = WebhookChannel(web.url, [SECRET], patience=2)
    yield made
    await made.close()


@pytest.fixture
def mails(post: MailReceiver) -> MailChannel:
    return MailChannel(post.url, "orders@market.example", "ops@market.example", patience=2)


async def test_everybody_is_told_once_on_each_channel(
    pool: Any, web: HttpReceiver, post: MailReceiver, hooks: WebhookChannel, mails: MailChannel
) -> None:
    order = await Written(pool).open(client="c@x.example", freelancer="f@x.example")
    notices = [*await order.messages(2), *await order.messages(1, to="client")]

    assert await order.deliver(hooks, mails) == "6 delivered, up to step 0"
    assert await order.deliver(hooks, mails) == "0 delivered, up to step 0"

    assert web.ids == notices
    assert [len(post.to("f@x.example")), len(post.to("c@x.example"))] == [2, 1]
    assert all(row["delivered_at"] and row["attempts"] == 1 for row in (await order.deliveries()).values())


async def test_who_has_no_address_gets_no_mail_and_holds_nobody_back(
    pool: Any, post: MailReceiver, mails: MailChannel
) -> None:
    order = await Written(pool).open(freelancer="f@x.example")
    await order.by("client", "request", kind="cancel")
    await order.by("freelancer", "accept")
    await order.deliver(mails)
    assert post.to("f@x.example") == ["The client asks to cancel the order", "order canceled"]
    assert len(post.mails) == 2


async def test_a_receiver_hears_in_order_also_after_it_failed(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    notices = await order.messages(4)
    web.will(204, 503)
    with pytest.raises(ApplicationError, match="answered 503"):
        await order.deliver(hooks)
    assert web.ids == notices[:2]
    await order.deliver(hooks)
    assert web.ids == [notices[0], notices[1], notices[1], notices[2], notices[3]]


async def test_only_who_takes_nothing_is_tried_less_and_less_often(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    await order.messages(3)
    web.will(204, 503, 500)

    with pytest.raises(ApplicationError, match="answered 503") as some_taken:
        await order.deliver(hooks)
    with pytest.raises(ApplicationError, match="answered 500") as none_taken:
        await order.deliver(hooks)

    assert some_taken.value.next_retry_delay == timedelta(seconds=1)
    assert none_taken.value.next_retry_delay is None


async def test_an_outage_of_ours_does_not_keep_receivers_waiting_for_long(dsn: str, hooks: WebhookChannel) -> None:
    gone = await connect(dsn)
    await gone.close()
    with pytest.raises(ApplicationError) as failed:
        await attempt(gone, [hooks], "o-1")
    assert failed.value.next_retry_delay == timedelta(seconds=30)


async def test_one_that_fails_holds_back_neither_the_other_channel_nor_the_other_parties(
    pool: Any, web: HttpReceiver, post: MailReceiver, hooks: WebhookChannel, mails: MailChannel
) -> None:
    order = await Written(pool).open(client="full@x.example", freelancer="f@x.example")
    await order.messages(2, to="client")
    await order.messages(2, to="freelancer")
    post.refusals["full@x.example"] = "452 4.2.2 mailbox full"
    web.will(500)
    with pytest.raises(ApplicationError) as failed:
        await order.deliver(hooks, mails)
    assert post.to("f@x.example") == ["message received"] * 2
    assert sorted(failed.value.message.split("; ")) == [
        "message_received to the client: mail: SMTPRecipientsRefused 452",
        "message_received to the client: webhook: the receiver answered 500",
    ]

    post.refusals.clear()
    await order.deliver(hooks, mails)
    assert post.to("full@x.example") == ["message received"] * 2
    assert len(web.ids) == 5


async def test_a_slow_receiver_does_not_keep_the_others_waiting(
    pool: Any, web: HttpReceiver, post: MailReceiver, hooks: WebhookChannel, mails: MailChannel
) -> None:
    order = await Written(pool).open(freelancer="f@x.example")
    await order.messages(3)

    async def once_the_mail_is_there() -> int:
        await post.has(3)
        return 204

    web.will(once_the_mail_is_there)
    assert await order.deliver(hooks, mails) == "6 delivered, up to step 0"


async def test_one_that_answers_too_late_gets_the_same_again_until_it_is_in_time(pool: Any, web: HttpReceiver) -> None:
    hasty = WebhookChannel(web.url, [SECRET], patience=0.2)
    order = await Written(pool).open()
    [notice] = await order.messages(1)

    given_up = asyncio.Event()

    async def too_late() -> int:
        await given_up.wait()
        return 204

    web.will(too_late)
    with pytest.raises(ApplicationError, match=r"webhook: (TimeoutError|ReadTimeout)"):
        await order.deliver(hasty)
    given_up.set()
    await order.deliver(hasty)
    await order.deliver(hasty)
    await hasty.close()
    assert web.ids == [notice, notice]


async def test_two_attempts_at_once_never_send_the_same_at_the_same_time(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    notices = await order.messages(5)
    came, go = asyncio.Event(), asyncio.Event()

    async def hold() -> int:
        came.set()
        await go.wait()
        return 204

    web.will(hold)
    first = asyncio.create_task(order.deliver(hooks))
    await came.wait()
    # A second attempt, such as after a timeout or by a new run of the order, while the first still sends.
    with pytest.raises(ApplicationError, match="another attempt is sending message_received"):
        await order.deliver(hooks)
    assert web.ids == notices[:1]
    go.set()
    assert await first == "5 delivered, up to step 0"
    assert await order.deliver(hooks) == "0 delivered, up to step 0"
    assert (web.ids, web.most_at_once) == (notices, 1)


async def test_many_attempts_at_once_deliver_everything_once_and_in_order(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    notices = await order.messages(20)
    while len(await order.deliveries()) < 20 or not all(
        row["delivered_at"] for row in (await order.deliveries()).values()
    ):
        await asyncio.gather(*(order.deliver(hooks) for _ in range(6)), return_exceptions=True)
    assert (web.ids, web.most_at_once) == (notices, 1)


async def test_what_a_dead_attempt_was_sending_is_sent_again_once_its_lease_is_over(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    notices = await order.messages(2)
    came = asyncio.Event()

    async def die() -> int:
        came.set()
        await asyncio.Event().wait()
        return 204

    web.will(die)
    dying = asyncio.create_task(order.deliver(hooks))
    await came.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    with pytest.raises(ApplicationError, match="another attempt"):
        await order.deliver(hooks)
    left = await pool.fetchval("SELECT max(leased_until) - now() FROM deliveries")
    assert 30 < left.total_seconds() <= 45
    await pool.execute("UPDATE deliveries SET leased_until = now()")
    await order.deliver(hooks)
    assert web.ids == [notices[0], *notices]


async def test_an_attempt_that_lost_its_lease_neither_ends_nor_undoes_the_one_after_it(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    [notice] = await order.messages(1)
    came, go = asyncio.Event(), asyncio.Event()

    async def refuse_late() -> int:
        came.set()
        await go.wait()
        return 500

    web.will(refuse_late, refuse_late)
    first = asyncio.create_task(order.deliver(hooks))
    await came.wait()
    await pool.execute("UPDATE deliveries SET leased_until = now()")
    came.clear()
    second = asyncio.create_task(order.deliver(hooks))
    await came.wait()
    await pool.execute("UPDATE deliveries SET leased_until = now()")
    await order.deliver(hooks)
    go.set()
    await asyncio.gather(first, second, return_exceptions=True)

    row = (await order.deliveries())[notice, "webhook"]
    assert row["delivered_at"] is not None
    assert (row["attempts"], row["last_error"]) == (3, None)


async def test_an_attempt_that_lost_its_lease_and_is_refused_leaves_the_next_one_its_lease(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    await order.messages(1)
    came, refuse, take = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def refuse_late() -> int:
        came.set()
        await refuse.wait()
        return 500

    async def take_late() -> int:
        came.set()
        await take.wait()
        return 204

    web.will(refuse_late, take_late)
    first = asyncio.create_task(order.deliver(hooks))
    await came.wait()
    await pool.execute("UPDATE deliveries SET leased_until = now()")
    came.clear()
    second = asyncio.create_task(order.deliver(hooks))
    await came.wait()
    refuse.set()
    with pytest.raises(ApplicationError, match="answered 500"):
        await first

    with pytest.raises(ApplicationError, match="another attempt is sending"):
        await order.deliver(hooks)
    take.set()
    assert await second == "1 delivered, up to step 0"
    assert len(web.ids) == 2


async def test_a_receiver_that_answered_while_the_database_went_away_is_not_told_again(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    notices = await order.messages(2)
    worker = Notifying(pool, [hooks])

    async def take_it_and_lose_the_table() -> int:
        await pool.execute("ALTER TABLE deliveries RENAME TO away")
        return 204

    web.will(take_it_and_lose_the_table)
    with pytest.raises(Exception, match="deliveries"):
        await attempt(pool, [], order.order_id, worker)
    await pool.execute("ALTER TABLE away RENAME TO deliveries")
    await attempt(pool, [], order.order_id, worker)
    assert web.ids == notices


async def test_a_notice_that_cannot_be_delivered_for_a_week_no_longer_holds_back_the_rest(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order = await Written(pool).open()
    notices = await order.messages(2)
    web.will(500)
    with pytest.raises(ApplicationError):
        await order.deliver(hooks)
    await pool.execute("UPDATE notices SET written_at = now() - interval '7 days 1 second' WHERE id = $1", notices[0])
    await order.deliver(hooks)
    assert web.ids == notices
    assert (await order.deliveries())[notices[0], "webhook"]["last_error"] == "webhook: the receiver answered 500"


async def test_what_a_step_tells_one_reader_is_one_mail_and_as_many_webhooks(
    pool: Any, web: HttpReceiver, post: MailReceiver, hooks: WebhookChannel, mails: MailChannel
) -> None:
    order = await Written(pool).open(client="c@x.example", freelancer="f@x.example")
    await write_display(pool, order.order_id, Display(title="Logo for a bakery", client_name="Ben"))
    await order.by("client", "request", kind="cancel", comment="Off.")
    told = await order.by("freelancer", "decline", comment="No.")
    told += await order.by("client", "escalate", comment="Help.")
    steps = {(notice.to, notice.id.rpartition(".")[0]) for notice in told}
    await order.deliver(hooks, mails)
    assert len(web.requests) == len(told) + 1
    assert len(post.mails) == len(steps) + 1
    assert all("Logo for a bakery" in mail.text for mail in post.mails)
    assert {json.loads(request.body)["data"]["display"]["client_name"] for request in web.requests} == {"Ben"}
    assert all(row["delivered_at"] for row in (await order.deliveries()).values())


async def test_an_attempt_stops_before_its_time_is_over(pool: Any, web: HttpReceiver, hooks: WebhookChannel) -> None:
    order = await Written(pool).open()
    notices = await order.messages(3)

    with pytest.raises(ApplicationError, match="message_received and what is behind it wait for the next attempt"):
        await attempt(pool, [hooks], order.order_id, seconds=30)
    assert web.ids == []
    await order.deliver(hooks)
    assert web.ids == notices


async def test_what_a_mail_server_says_of_an_address_stays_in_the_database(
    pool: Any, post: MailReceiver, mails: MailChannel
) -> None:
    order = await Written(pool).open(client="secret.person@x.example")
    [notice] = await order.messages(1, to="client")
    post.refusals["secret.person@x.example"] = "550 5.1.1 <secret.person@x.example>: no such user here"
    with pytest.raises(ApplicationError) as failed:
        await order.deliver(mails)
    assert str(failed.value) == "not_delivered: message_received to the client: mail: SMTPRecipientsRefused 550"
    assert "no such user here" in (await order.deliveries())[notice, "mail"]["last_error"]


async def test_an_address_that_is_none_fails_for_its_own_party_alone(
    pool: Any, post: MailReceiver, mails: MailChannel
) -> None:
    order = await Written(pool).open(
        client="c@x.example\r\nBcc: everybody@x.example", freelancer="a@x.example, b@x.example"
    )
    await order.by("freelancer", "deliver")
    await order.messages(1)
    await order.by("client", "complete")
    with pytest.raises(ApplicationError) as failed:
        await order.deliver(mails)
    assert str(failed.value).count("not one e-mail address") == 2
    assert "x.example" not in str(failed.value)
    assert post.mails == []


def leave_me(seconds: int) -> bytes:
    """A receiver that asks to be left alone for so long."""
    return f"HTTP/1.1 429 Too Many\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_a_receiver_that_is_gone_is_sent_nothing_more_until_it_is_enabled_again(
    pool: Any, web: HttpReceiver, post: MailReceiver, hooks: WebhookChannel, mails: MailChannel
) -> None:
    order, other = await Written(pool).open(freelancer="f@x.example"), await Written(pool).open()
    notices, others = await order.messages(2), await other.messages(2)
    web.will(410)
    with pytest.raises(ApplicationError, match="the receiver answered 410"):
        await order.deliver(hooks, mails)
    for written in (order, order, other):
        with pytest.raises(ApplicationError, match="not sent, since the receiver answered 410 Gone") as failed:
            await written.deliver(hooks, mails)
        assert failed.value.next_retry_delay is None
    assert web.ids == notices[:1]
    assert len(post.to("f@x.example")) == 2

    # Operators see what waits, also of the order that was never tried.
    assert list(await disabled_channels(pool)) == ["webhook"]
    waiting = await undelivered(pool)
    assert [(row.notice_id, row.attempts, row.behind) for row in waiting] == [
        (notices[0], 1, 1),
        (others[0], 0, 1),
    ]
    assert all(row.disabled_since for row in waiting)
    assert await orders_with_undelivered(pool) == sorted([order.order_id, other.order_id])

    assert list(await enable_channels(pool)) == ["webhook"]
    assert await disabled_channels(pool) == await enable_channels(pool) == {}
    await order.deliver(hooks, mails)
    await other.deliver(hooks, mails)
    assert web.ids == [notices[0], *notices, *others]
    assert len(post.to("f@x.example")) == 2


async def test_what_waited_for_a_receiver_that_was_gone_for_long_can_still_be_sent(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    first, order = await Written(pool).open(), await Written(pool).open()
    await first.messages(1)
    web.will(410)
    for written in (first, order):
        notices = await written.messages(2)
        with pytest.raises(ApplicationError):
            await written.deliver(hooks)
    await pool.execute("UPDATE notices SET written_at = now() - interval '9 days'")
    await enable_channels(pool)
    assert await order.deliver(hooks) == "0 delivered, up to step 0"
    sent = await Notifying(pool, [hooks]).deliver(order.order_id, within=timedelta(minutes=2), given_up_too=True)
    assert (sent.taken, web.ids[1:]) == (2, notices)


async def test_another_address_is_another_receiver(pool: Any, web: HttpReceiver, hooks: WebhookChannel) -> None:
    order = await Written(pool).open()
    notices = await order.messages(1)
    web.will(410)
    with pytest.raises(ApplicationError):
        await order.deliver(hooks)
    moved = WebhookChannel(f"{web.url}/moved", [SECRET])
    await order.deliver(moved)
    await moved.close()
    assert [(request.path, request.headers["webhook-id"]) for request in web.requests] == [
        ("/hooks", notices[0]),
        ("/hooks/moved", notices[0]),
    ]
    assert await disabled_channels(pool) == {}


async def test_a_receiver_that_asks_to_be_left_alone_is_by_every_order_and_told_later(
    pool: Any, web: HttpReceiver, hooks: WebhookChannel
) -> None:
    order, other = await Written(pool).open(), await Written(pool).open()
    notices, others = await order.messages(3), await other.messages(1)
    web.will(204, leave_me(600))
    with pytest.raises(ApplicationError, match="the receiver answered 429") as asked:
        await order.deliver(hooks)
    assert asked.value.next_retry_delay == timedelta(minutes=10)
    for written in (order, other):
        with pytest.raises(ApplicationError, match="asked to be left alone for") as kept:
            await written.deliver(hooks)
        assert kept.value.next_retry_delay is not None
        assert timedelta(minutes=9) < kept.value.next_retry_delay <= timedelta(minutes=10)
    assert web.ids == notices[:2]
    assert await disabled_channels(pool) == {}

    await pool.execute("UPDATE held_channels SET until = now()")
    await order.deliver(hooks)
    await other.deliver(hooks)
    assert web.ids == [*notices[:2], *notices[1:], *others]


async def test_who_fails_without_asking_for_time_is_not_kept_waiting_for_who_does(
    pool: Any, web: HttpReceiver, post: MailReceiver, hooks: WebhookChannel, mails: MailChannel
) -> None:
    order = await Written(pool).open(freelancer="full@x.example")
    await order.messages(1)
    post.refusals["full@x.example"] = "452 4.2.2 mailbox full"
    web.will(leave_me(600))
    with pytest.raises(ApplicationError) as failed:
        await order.deliver(hooks, mails)
    assert failed.value.next_retry_delay is None


async def test_what_was_on_its_way_enables_nothing(pool: Any, web: HttpReceiver, hooks: WebhookChannel) -> None:
    one, two = await Written(pool).open(), await Written(pool).open()
    await one.messages(1)
    await two.messages(1)
    disabled = asyncio.Event()

    async def late() -> bytes:
        await disabled.wait()
        return leave_me(1)

    web.will(late, 410)
    slow = asyncio.create_task(one.deliver(hooks))
    await web.has(1)
    with pytest.raises(ApplicationError, match="answered 410"):
        await two.deliver(hooks)
    disabled.set()
    with pytest.raises(ApplicationError, match="answered 429"):
        await slow
    assert list(await disabled_channels(pool)) == ["webhook"]


async def test_no_address_is_kept_where_it_can_be_read(pool: Any, web: HttpReceiver) -> None:
    order = await Written(pool).open()
    await order.messages(1)
    secretive = WebhookChannel(f"{web.url}?token=hunter2", [SECRET])
    web.will(410)
    for _ in range(2):
        with pytest.raises(ApplicationError) as failed:
            await order.deliver(secretive)
        assert "hunter2" not in str(failed.value)
    await secretive.close()
    for table in ("held_channels", "deliveries"):
        assert "hunter2" not in str(await pool.fetch(f"SELECT * FROM {table}"))


async def test_what_a_database_that_was_set_back_has_forgotten_does_not_count_as_delivered(
    pool: Any, web: HttpReceiver
) -> None:
    order = await Written(pool).open()
    await order.messages(1)
    channel = WebhookChannel(web.url, [SECRET])

    with pytest.raises(ApplicationError, match="set back"):
        await attempt(pool, [channel], order.order_id, upto=2)
    said = await attempt(pool, [channel], order.order_id, upto=1)
    await channel.close()

    assert said == "1 delivered, up to step 1"
    assert len(web.requests) == 1
