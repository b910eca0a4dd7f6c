"""What an order survives: other zone data, changed rules, the keys of a newer version, Request Cancellation."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer

from recourse.activities import reading_zones
from recourse.database.orders import read_order, read_record
from recourse.database.steps import ANSWERS_AT_MOST, record_step
from recourse.policies import load_policy
from recourse.resolution import limits
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.durations import window_end
from recourse.resolution.model.fields import UNNAMED
from recourse.resolution.model.order import Opening
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.zones import Offsets
from recourse.resolution.rules import windows
from recourse.running import how_workflows_run
from recourse.runtime.encryption import for_work
from recourse.worker import make_worker
from recourse.workflows.order import WORKFLOWS
from recourse.workflows.page import CANCEL_BUTTON
from tests.outcomes import applied
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.process.test_forgotten_attempts import CLIENT, FREELANCER, committed_and_forgotten


def paused() -> dict[str, Any]:
    """A policy that leaves out tomorrow, and the day after it: in any zone, a window of 48 hours meets its midnight."""
    days = [f"{datetime.now(UTC) + timedelta(days=days):%A}".lower() for days in (1, 2)]
    return {"answers.pause": days, "answers.time_zone": "Asia/Beirut"}


def clocks_at(hours: int) -> Offsets:
    """A zone whose clocks are so many hours ahead for ever."""
    return Offsets(since=(datetime(2020, 1, 1, tzinfo=UTC),), seconds=(hours * 3600,))


async def replay(marketplace: Marketplace, history: WorkflowHistory) -> None:
    converter = for_work(marketplace.client.data_converter)
    await Replayer(workflows=WORKFLOWS, data_converter=converter, **how_workflows_run()).replay_workflow(history)


async def recorded(marketplace: Marketplace, order_id: str) -> list[tuple[str, str | None]]:
    record = await read_record(marketplace.recourse.pool, order_id)
    return [(entry.content["command"], entry.content.get("code")) for entry in record]


async def test_an_order_that_took_more_than_a_party_may_send_now_is_replayed_as_it_was(
    marketplace: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await marketplace.order()
    for number in range(4):
        assert (await marketplace.by("client", order_id, "message", comment=f"{number}")).applied

    monkeypatch.setattr(limits, "PER_HOUR", 2)
    history = await marketplace.handle(order_id).fetch_history()
    await replay(marketplace, history)

    other = await marketplace.order()
    for number in range(4):
        await marketplace.by("client", other, "message", comment=f"{number}")
    assert await recorded(marketplace, other) == [*[("message", None)] * 2, ("message", "too_many_messages")]
    await replay(marketplace, await marketplace.handle(other).fetch_history())


async def phase(marketplace: Marketplace, order_id: str) -> str:
    stored = await marketplace.recourse.order(order_id).state()
    return stored.phase


class Workers:
    """One worker after the other on a queue: each forgets the orders that it has in memory."""

    def __init__(self, marketplace: Marketplace) -> None:
        self.client, self.pool = marketplace.client, marketplace.recourse.pool
        self.queue = f"{marketplace.queue}-{secrets.token_hex(2)}"

    def next(self) -> Any:
        return make_worker(self.client, self.pool, task_queue=self.queue)


@pytest.fixture
def workers(marketplace: Marketplace) -> Workers:
    made = Workers(marketplace)
    marketplace.recourse.task_queue = made.queue
    return made


async def test_a_deadline_that_was_decided_stays_when_zone_data_changes(
    marketplace: Marketplace, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_zones, "offsets_of", lambda *_: clocks_at(2))
    async with workers.next():
        order_id = await marketplace.order(changes=paused())
        await marketplace.by("client", order_id, "request", kind="cancel")
        told = (await marketplace.recourse.order(order_id).state()).request
    monkeypatch.setattr(reading_zones, "offsets_of", lambda *_: clocks_at(5))
    monkeypatch.setattr(windows, "offsets_of", lambda *_: clocks_at(5))

    async with workers.next():
        page = await marketplace.handle(order_id).query("page")
        said = await marketplace.by("freelancer", order_id, "message", comment="A moment.")
        await marketplace.by("client", order_id, "withdraw")
        await marketplace.by("client", order_id, "request", kind="cancel")
        anew = (await marketplace.recourse.order(order_id).state()).request

    assert told is not None
    assert anew is not None
    assert datetime.fromisoformat(page["request"]["answer_due_at"]) == told.answer_due_at
    assert said.applied
    # What is decided now goes by the data of now.
    opened_at = (await read_record(marketplace.recourse.pool, order_id))[-1].at
    pauses = load_policy("resolution_center", paused()).answers.pauses
    assert anew.answer_due_at == window_end(opened_at, timedelta(hours=48), pauses, clocks_at(5))


async def test_an_order_that_decides_its_past_otherwise_goes_on_from_the_database(
    marketplace: Marketplace, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As histories that do not hold what a decision went by, or a rule that has changed."""
    async with workers.next():
        order_id = await marketplace.order()
        await marketplace.by("client", order_id, "request", kind="cancel")
        told = (await marketplace.recourse.order(order_id).state()).request
    decided = windows.answer_window

    def otherwise(*given: Any) -> tuple[datetime, datetime | None]:
        due, reminder = decided(*given)
        return due - timedelta(hours=1), reminder

    for module in ("requesting", "canceling", "ruling", "undoing"):
        monkeypatch.setattr(f"recourse.resolution.rules.{module}.answer_window", otherwise)

    async with workers.next():
        accepted = await marketplace.by("freelancer", order_id, "message", comment="A moment.", command_id="say")
        page = await marketplace.handle(order_id).query("page")
        ended = await marketplace.by("freelancer", order_id, "accept")
        again = await marketplace.by("freelancer", order_id, "message", comment="A moment.", command_id="say")
        history = await marketplace.handle(order_id).fetch_history()

    assert told is not None
    assert accepted.applied
    assert datetime.fromisoformat(page["request"]["answer_due_at"]) == told.answer_due_at
    assert ended.applied
    assert again.repeated
    assert [command for command, _ in await recorded(marketplace, order_id)] == ["request", "message", "accept"]
    await replay(marketplace, history)


async def test_a_version_that_knows_one_key_more_takes_up_what_was_forgotten(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    say = {"actor": FREELANCER, "command_id": "say", "comment": "Oh."}
    await committed_and_forgotten(marketplace, order_id, ("message", say))
    async with marketplace.recourse.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for key in ("policy,order,regret_window", "terms,history", "provider"):
            await connection.execute("UPDATE openings SET opening = opening #- $1", key.split(","))

    asked = await marketplace.by("client", order_id, "request", kind="cancel")

    assert asked.applied
    assert [command for command, _ in await recorded(marketplace, order_id)] == ["message", "message", "request"]


async def test_request_cancellation_is_recorded_and_shown_and_the_order_goes_on(
    marketplace: Marketplace, workers: Workers
) -> None:
    async with workers.next():
        order_id = await marketplace.order()
        await marketplace.by("client", order_id, "request", kind="cancel")
        handle = marketplace.handle(order_id)
        await handle.cancel()
        async with asyncio.timeout(PATIENCE):
            while len(await recorded(marketplace, order_id)) < 2:
                await marketplace.by("client", order_id, "message", comment="Anything new?", command_id="tick")
        shown = (await handle.query("__temporal_workflow_metadata")).current_details
        said = await marketplace.by("freelancer", order_id, "message", comment="What was that?")
        described = await handle.describe()

    # Another worker replays it, and drops it from memory when it ends.
    async with workers.next():
        accepted = await marketplace.by("freelancer", order_id, "accept")
        await replay(marketplace, await handle.fetch_history())

    assert described.status == WorkflowExecutionStatus.RUNNING
    assert said.applied
    assert applied(accepted).phase == "canceled"
    assert (CANCEL_BUTTON, "unknown_command") in await recorded(marketplace, order_id)
    assert f"> **{CANCEL_BUTTON}** was pressed here on " in shown
    assert "a party sends `request`" in shown


async def test_request_cancellation_is_no_end_either_in_a_worker_that_keeps_few_orders_in_memory(
    marketplace: Marketplace, workers: Workers
) -> None:
    """It drops the others from memory, which cancels their tasks as well."""
    async with make_worker(workers.client, workers.pool, task_queue=workers.queue, max_cached_workflows=2):
        orders = [await marketplace.order() for _ in range(4)]
        for order_id in orders:
            await marketplace.handle(order_id).cancel()
        for _ in range(2):
            for order_id in orders:
                assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied

    for order_id in orders:
        assert (CANCEL_BUTTON, "unknown_command") in await recorded(marketplace, order_id)


async def test_request_cancellation_before_any_worker_has_taken_an_order_up_does_not_end_it_either(
    marketplace: Marketplace, workers: Workers
) -> None:
    order_id = await marketplace.order()
    handle = marketplace.handle(order_id)
    await handle.cancel()
    await handle.signal("message", {"actor": CLIENT, "comment": "Hello"})
    async with workers.next():
        assert (await marketplace.by("client", order_id, "message", comment="Hello?")).applied
    async with workers.next():
        assert (await marketplace.by("freelancer", order_id, "message", comment="Hello!")).applied

    assert (CANCEL_BUTTON, "unknown_command") in await recorded(marketplace, order_id)


async def test_request_cancellation_does_not_interrupt_what_is_being_written(
    marketplace: Marketplace, workers: Workers
) -> None:
    async with workers.next():
        order_id = await marketplace.order()
        handle = marketplace.handle(order_id)
        async with marketplace.recourse.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT 1 FROM order_states WHERE order_id = $1 FOR UPDATE", order_id)
            # Stamped like the answer, which would else count first as soon as the second changes.
            asked = {"actor": CLIENT, "command_id": "ask", "kind": "cancel"}
            await marketplace.recourse.order(order_id).signal("request", asked)
            await handle.cancel()
        accepted = await marketplace.by("freelancer", order_id, "accept")

    assert accepted.applied
    assert sorted(command for command, _ in await recorded(marketplace, order_id)) == [
        CANCEL_BUTTON,
        "accept",
        "request",
    ]


async def test_an_order_with_more_answers_than_fit_is_taken_up_from_the_database(
    marketplace: Marketplace, workers: Workers
) -> None:
    """As after its workflow was lost: it starts again with the stored opening."""
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt=secrets.token_hex(16))
    engine = OrderEngine(opening)
    pool = marketplace.recourse.pool
    await record_step(pool, engine.commit(engine.opening()))
    for number in range(ANSWERS_AT_MOST + 1):
        message = read_message("message", {"actor": CLIENT, "command_id": f"m{number}", "comment": "Hello"}, "none")
        await record_step(pool, engine.apply(engine.decide(message, terms.ordered_at)))
    async with workers.next():
        await marketplace.client.start_workflow(
            "Order", opening, id=f"order-{terms.order_id}", task_queue=workers.queue
        )
        again = await marketplace.by("client", terms.order_id, "message", comment="Hello", command_id="m7")
        first = await marketplace.by("client", terms.order_id, "message", comment="Hello", command_id="new")
        history = await marketplace.handle(terms.order_id).fetch_history()

    assert again.repeated
    assert again.entry == 8
    assert first.applied
    assert not first.repeated
    assert len(await recorded(marketplace, terms.order_id)) == ANSWERS_AT_MOST + 2
    await replay(marketplace, history)


async def test_signals_without_an_id_are_numbered_on_where_the_run_before_ended(
    marketplace: Marketplace, workers: Workers
) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt=secrets.token_hex(16))
    engine = OrderEngine(opening)
    pool = marketplace.recourse.pool
    await record_step(pool, engine.commit(engine.opening()))
    hello = read_message("message", {"actor": CLIENT, "comment": "Hello"}, f"{UNNAMED}1")
    await record_step(pool, engine.apply(engine.decide(hello, terms.ordered_at)))
    async with workers.next():
        handle = await marketplace.client.start_workflow(
            "Order", opening, id=f"order-{terms.order_id}", task_queue=workers.queue, memo={"signals": 1}
        )
        await handle.signal("message", {"actor": CLIENT, "comment": "Hello"})
        await marketplace.by("freelancer", terms.order_id, "message", comment="Hello")

    assert len(await recorded(marketplace, terms.order_id)) == 3
    stored = await read_order(pool, terms.order_id)
    assert stored is not None
    assert stored.order.record_length == 3


async def test_an_order_without_a_memo_of_its_own_takes_messages_that_come_before_it_begins(
    marketplace: Marketplace, workers: Workers
) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt=secrets.token_hex(16))
    with pytest.raises(RPCError, match="not found"):
        await marketplace.handle(terms.order_id).signal("message", {"actor": CLIENT, "comment": "Hello"})
    await marketplace.client.start_workflow(
        "Order",
        opening,
        id=f"order-{terms.order_id}",
        task_queue=workers.queue,
        start_signal="message",
        start_signal_args=[{"actor": CLIENT, "comment": "Hello"}],
    )
    async with workers.next():
        await marketplace.by("freelancer", terms.order_id, "message", comment="Hello")

    assert len(await recorded(marketplace, terms.order_id)) == 2
