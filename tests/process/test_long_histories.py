"""An order that is sent more than one history can hold goes on in a new run, and nobody notices."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from campaigns.comparing import differences
from campaigns.histories import lived
from campaigns.orders import SameAgain
from campaigns.random_orders import hurried
from recourse.activities.webhook import WebhookChannel
from recourse.database.orders import read_order, read_record
from recourse.database.steps import record_step
from recourse.local.temporal import LocalTemporal, find_program
from recourse.policies import load_policy
from recourse.resolution import limits
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.reading import read_message
from recourse.runtime.names import workflow_id
from recourse.workflows.page import CANCEL_BUTTON
from tests.activities.conftest import web
from tests.activities.receivers import HttpReceiver
from tests.outcomes import code, refused, repeated
from tests.patience import PATIENCE, in_real_time, in_time
from tests.process.busy_orders import BusyOrder
from tests.process.conftest import Marketplace, working
from tests.process.late_runs import LateOrder

__all__ = ["web"]

# A dozen messages fill a history that some thousands fill otherwise.
SOON = {"limit.historyCount.suggestContinueAsNew": "50"}
CLIENT = {"role": "client", "id": "c-1"}
FREELANCER = {"role": "freelancer", "id": "f-1"}
SECRET = "whsec_" + "c2VjcmV0" * 5


@pytest.fixture(scope="module")
async def short_histories() -> AsyncIterator[str]:
    """The address of a server that wants a history to end soon."""
    program = await find_program()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = LocalTemporal(program, Path(folder), settings=SOON)
        try:
            await server.start()
            yield server.address
        finally:
            await server.stop()


@pytest.fixture
async def marketplace(short_histories: str, pool: Any) -> AsyncIterator[Marketplace]:
    async with working(short_histories, pool) as made:
        yield made


async def runs(client: Client, order_id: str) -> list[int]:
    """The number of events of each run of an order, the last one first."""
    lengths, run_id = [], (await client.get_workflow_handle(workflow_id(order_id)).describe()).run_id
    while run_id:
        handle = client.get_workflow_handle(workflow_id(order_id), run_id=run_id)
        events = [event async for event in handle.fetch_history_events()]
        lengths.append(len(events))
        run_id = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return lengths


async def comments(marketplace: Marketplace, order_id: str) -> list[str]:
    record = await read_record(marketplace.recourse.pool, order_id)
    return [entry.content["fields"].get("comment") for entry in record]


async def has(marketplace: Marketplace, order_id: str, entries: int) -> None:
    """Wait until the record is that long."""
    async with asyncio.timeout(PATIENCE):
        while len(await comments(marketplace, order_id)) < entries:
            await marketplace.by("operator", order_id, "message", comment="Anything new?", command_id="tick")
            await asyncio.sleep(0.05)


async def test_nobody_who_asks_notices(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    first = [await marketplace.by("client", order_id, "message", comment=f"{n}", command_id=f"m{n}") for n in range(60)]

    again = await marketplace.by("client", order_id, "message", comment="3", command_id="m3")
    other = await marketplace.by("client", order_id, "message", comment="another", command_id="m3")

    assert [outcome.applied for outcome in first] == [True] * 60
    assert again == repeated(first[3])
    assert (code(other), refused(other).details) == ("command_id_reused", {"used_for": "message", "entry": 4})
    assert await comments(marketplace, order_id) == [*(f"{n}" for n in range(60)), "another"]
    lengths = await runs(marketplace.client, order_id)
    assert len(lengths) > 3
    assert max(lengths) < 100


async def test_what_comes_all_at_once_is_decided_once_each(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    handle = marketplace.handle(order_id)

    # They have no ids, so that each goes by its number, also across runs.
    async with asyncio.TaskGroup() as sending:
        for n in range(200):
            sending.create_task(handle.signal("message", {"actor": CLIENT, "comment": f"{n}"}))
    await has(marketplace, order_id, 201)

    told = await comments(marketplace, order_id)
    assert Counter(told) == Counter([*(f"{n}" for n in range(200)), "Anything new?"])
    assert len(await runs(marketplace.client, order_id)) > 1


async def test_a_signal_that_comes_before_the_new_run_begins_keeps_its_number(short_histories: str, pool: Any) -> None:
    async with working(short_histories, pool, workflows=[LateOrder]) as marketplace:
        order_id = await marketplace.order()
        for n in range(60):
            await marketplace.handle(order_id).signal("message", {"actor": CLIENT, "comment": f"{n}"})
        await has(marketplace, order_id, 61)

        # The stamp of the last one may put it before some that were not decided yet.
        told = [comment for comment in await comments(marketplace, order_id) if comment != "Anything new?"]
        assert told == [f"{n}" for n in range(60)]
        assert len(await runs(marketplace.client, order_id)) > 1


async def test_a_party_that_sends_too_much_grows_no_record_in_any_run(
    marketplace: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_HOUR", 20)
    order_id = await marketplace.order()
    answers = [await marketplace.by("client", order_id, "message", comment=f"{n}") for n in range(80)]

    refusals = [refused(answer) for answer in answers[20:]]
    assert all(answer.applied for answer in answers[:20])
    assert {refusal.code for refusal in refusals} == {"too_many_messages"}
    assert [refusal.entry for refusal in refusals] == [21, *[None] * 59]
    assert refusals[0].details == refusals[-1].details
    assert len(await runs(marketplace.client, order_id)) > 1
    # Whoever keeps to it is heard.
    assert (await marketplace.by("freelancer", order_id, "message", comment="Calm down.")).entry == 22


async def test_what_cannot_be_read_is_handed_on_as_it_came(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    handle = marketplace.handle(order_id)
    sent = [("message", 17), ("sing", {"actor": CLIENT}), ("message", {"actor": CLIENT, "comment": ""})]

    async with asyncio.TaskGroup() as sending:
        for name, payload in sent * 40:
            sending.create_task(handle.signal(name, payload))
    await has(marketplace, order_id, 121)

    record = await read_record(marketplace.recourse.pool, order_id)
    assert Counter(entry.content.get("code") for entry in record) == {
        "malformed": 80,
        "unknown_command": 40,
        "role_not_allowed": 1,
    }
    assert len(await runs(marketplace.client, order_id)) > 1


async def test_clocks_and_the_end_come_as_they_would_have(marketplace: Marketplace) -> None:
    async def played(window: int) -> None:
        # Two days to answer take the window's seconds, so that the messages fill more than one history before.
        usual = load_policy("resolution_center", {"order.reachable_after": "0h"})
        policy = hurried(usual, timedelta(seconds=window / 2))
        terms = marketplace.terms()
        order_id = terms.order_id
        await marketplace.recourse.start(terms, policy)
        ask = {"actor": CLIENT, "kind": "cancel", "reason": "other", "command_id": "ask"}
        sent, due = {}, None
        recourse = SameAgain(marketplace.client, marketplace.recourse.pool, task_queue=marketplace.queue)
        for n, (name, payload) in enumerate(
            [("request", ask), *(("message", {"actor": FREELANCER, "comment": f"{n}"}) for n in range(30))]
        ):
            if due is not None:
                in_time(due, timedelta(seconds=0.3))
            # It counts as of its stamp, so that what is compared must have the same.
            message = {"command_id": f"c{n}", "sent_at": datetime.now(UTC).isoformat(timespec="seconds"), **payload}
            await recourse.order(order_id).send(name, message)
            read = read_message(name, message, "unnamed")
            sent[read.key] = read
            request = (await recourse.order(order_id).state()).open_request
            due = request.answer_due_at if request else due

        ended = await marketplace.handle(order_id).result()

        assert ended == "canceled: expired_accepted"
        assert await differences(marketplace.recourse.pool, order_id, sent) == []
        assert len(await runs(marketplace.client, order_id)) > 1

    await in_real_time(played)


async def test_notices_that_are_on_their_way_go_on(short_histories: str, pool: Any, web: HttpReceiver) -> None:
    hooks = WebhookChannel(web.url, [SECRET])
    # Out of order for the whole first run and more.
    web.will(*[500] * 40)
    async with working(short_histories, pool, hooks) as marketplace:
        order_id = await marketplace.order()
        for n in range(40):
            assert (await marketplace.by("client", order_id, "message", comment=f"{n}")).applied
        lengths = await runs(marketplace.client, order_id)
        async with asyncio.timeout(PATIENCE):
            while await pool.fetchval("SELECT count(*) FROM deliveries WHERE delivered_at IS NOT NULL") < 40:
                await marketplace.by("operator", order_id, "message", comment="Anything new?", command_id="tick")
                await asyncio.sleep(0.05)
    await hooks.close()

    assert len(lengths) > 1


async def test_an_answer_that_a_forgotten_attempt_gave_to_a_new_run_is_not_given_without_its_step(
    marketplace: Marketplace,
) -> None:
    order_id, pool = await marketplace.order(), marketplace.recourse.pool
    for n in range(60):
        await marketplace.by("client", order_id, "message", comment=f"{n}")
    await marketplace.by("client", order_id, "request", kind="cancel")
    assert len(await runs(marketplace.client, order_id)) > 1
    stored = await read_order(pool, order_id)
    assert stored is not None
    engine = OrderEngine.of(stored.order, stored.step + 1)
    yes = {"actor": FREELANCER, "command_id": "yes"}
    step = engine.apply(engine.decide(read_message("accept", yes, "none"), datetime.now(UTC).replace(microsecond=0)))
    assert await record_step(pool, step) is None

    outcome = await marketplace.recourse.order(order_id).send("accept", yes)
    again = await marketplace.recourse.order(order_id).send("accept", yes)
    page = await marketplace.handle(order_id).query("page")

    assert step.answer is not None
    assert outcome == step.answer.outcome
    assert again == repeated(step.answer.outcome)
    assert page["phase"] == "canceled"


async def test_request_cancellation_ends_no_run(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    handle = marketplace.handle(order_id)
    for n in range(3):
        await handle.cancel()
        for m in range(40):
            assert (await marketplace.by("client", order_id, "message", comment=f"{n} {m}")).applied

    record = await read_record(marketplace.recourse.pool, order_id)
    pressed = [entry for entry in record if entry.content["command"] == CANCEL_BUTTON]
    assert len(await runs(marketplace.client, order_id)) > 3
    assert len(pressed) == 3
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING


async def test_the_page_of_a_new_run_is_that_of_the_order(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "request", kind="cancel", command_id="ask")
    for n in range(40):
        await marketplace.by("client", order_id, "message", comment=f"{n}")
    assert len(await runs(marketplace.client, order_id)) > 1
    asked = await marketplace.handle(order_id).describe()
    metadata = await marketplace.handle(order_id).query("__temporal_workflow_metadata")
    upserts = [
        event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        async for event in marketplace.handle(order_id).fetch_history_events()
    ]

    await marketplace.by("freelancer", order_id, "accept")
    timeless = await marketplace.handle(order_id).describe()

    assert metadata.current_details.startswith(f"# Order {order_id} · 100.00 USD · resolution_center")
    assert "**The freelancer** must answer" in metadata.current_details
    # Nothing has changed since the former run, so nothing is told again.
    assert not [name for names in upserts for name in names if name.startswith("Recourse")]
    assert asked.search_attributes["RecourseNextDueAt"]
    assert "RecourseNextDueAt" not in timeless.search_attributes


async def test_an_order_may_take_seconds_over_all_that_it_was_sent(short_histories: str, pool: Any) -> None:
    async with working(short_histories, pool, workflows=[BusyOrder]) as marketplace:
        order_id = await marketplace.order()
        assert (await marketplace.by("client", order_id, "message", comment="Still there?")).applied
        assert not (await lived(marketplace.client, workflow_id(order_id))).failed_tasks
