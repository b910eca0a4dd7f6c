"""A worker dies, or its report is lost, after a step was committed: what was committed is what happened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from campaigns.receiving import WebhookSink, listening
from recourse.activities.webhook import WebhookChannel
from recourse.database.orders import read_balances, read_record
from recourse.database.payments import PaymentLeg
from recourse.database.steps import OrderIdTaken, StepOutOfOrder, record_step
from recourse.policies import load_policy
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.order import Opening
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import verify
from recourse.resolution.model.step import Step
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.outcomes import applied, code, repeated
from tests.patience import in_real_time, in_time
from tests.process.conftest import Marketplace


async def committed_and_forgotten(marketplace: Marketplace, order_id: str, *commands: tuple[str, Any]) -> list[Step]:
    """Steps that an attempt commits of which the workflow never hears."""
    order = await marketplace.recourse.order(order_id).state()
    engine = OrderEngine.of(order, order.record_length + 1)
    steps = []
    for command, fields in commands:
        message = read_message(command, fields, "unnamed")
        steps.append(engine.apply(engine.decide(message, order.terms.ordered_at + timedelta(seconds=1))))
        assert await record_step(marketplace.recourse.pool, steps[-1]) is None
    return steps


CLIENT = {"role": "client", "id": "c-1"}
FREELANCER = {"role": "freelancer", "id": "f-1"}


async def test_an_order_goes_on_from_what_was_committed(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    await committed_and_forgotten(
        marketplace,
        order_id,
        ("request", {"actor": CLIENT, "command_id": "ask", "kind": "cancel"}),
        ("message", {"actor": FREELANCER, "command_id": "say", "comment": "Oh."}),
    )

    refused = await marketplace.by("client", order_id, "request", kind="cancel")
    accepted = await marketplace.by("freelancer", order_id, "accept")

    assert code(refused) == "request_open"
    assert accepted.applied
    entries = await read_record(marketplace.recourse.pool, order_id)
    assert [entry.content["command"] for entry in entries] == ["message", "request", "message", "request", "accept"]
    assert verify(await marketplace.recourse.order(order_id).record("operator")) == []
    balances = await read_balances(marketplace.recourse.pool, order_id)
    assert balances == {"client": 0, "freelancer": 0, "platform": 0, "escrow": 0, "contested": 0}


async def test_the_answer_of_a_forgotten_attempt_is_the_first_answer(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    ask = {"actor": CLIENT, "command_id": "ask", "kind": "cancel"}
    [step] = await committed_and_forgotten(marketplace, order_id, ("request", ask))

    first = await marketplace.recourse.order(order_id).send("request", ask)
    again = await marketplace.recourse.order(order_id).send("request", ask)

    assert step.answer is not None
    assert first == step.answer.outcome
    assert again == repeated(step.answer.outcome)
    assert len(await read_record(marketplace.recourse.pool, order_id)) == 2


async def test_a_first_task_that_was_forgotten_whole_is_taken_up(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt="0123456789abcdef")
    engine = OrderEngine(opening)
    await record_step(marketplace.recourse.pool, engine.commit(engine.opening()))
    await committed_and_forgotten(
        marketplace, terms.order_id, ("message", {"actor": CLIENT, "command_id": "m", "comment": "Hello"})
    )

    await marketplace.client.start_workflow(
        "Order", opening, id=f"order-{terms.order_id}", task_queue=marketplace.queue
    )
    outcome = await marketplace.by("client", terms.order_id, "message", comment="Hello again")

    assert outcome.entry == 2


async def test_an_order_whose_id_the_database_has_for_another_fails_and_says_so(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt="0123456789abcdef")
    await record_step(marketplace.recourse.pool, OrderEngine(opening).opening().step)

    dearer = opening.model_copy(update={"terms": terms.model_copy(update={"price": 20_000})})
    handle = await marketplace.client.start_workflow(
        "Order", dearer, id=f"order-{terms.order_id}", task_queue=marketplace.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert "never used again" in repr(failed.value.cause.__cause__)


async def test_a_step_is_written_once_and_only_behind_the_one_before(pool: Any, marketplace: Marketplace) -> None:
    opening = Opening(
        terms=marketplace.terms(), policy=load_policy("resolution_center"), record_salt="0123456789abcdef"
    )
    engine = OrderEngine(opening)
    first = engine.commit(engine.opening())
    message = read_message("message", {"actor": CLIENT, "comment": "Hello"}, "one")
    second = engine.apply(engine.decide(message, opening.terms.ordered_at))
    third = engine.apply(engine.decide(message.model_copy(update={"command_id": "two"}), opening.terms.ordered_at))

    with pytest.raises(StepOutOfOrder, match="not in the database"):
        await record_step(pool, second)
    assert await record_step(pool, first) is None
    with pytest.raises(StepOutOfOrder, match="at step 0"):
        await record_step(pool, third)
    assert await record_step(pool, second) is None
    assert await record_step(pool, second) is None
    assert await record_step(pool, third) is None
    adopted = await record_step(pool, second)
    assert adopted is not None
    assert (adopted.step, [answer.command_id for answer in adopted.answers or ()]) == (2, ["one", "two"])
    other = Opening(terms=opening.terms, policy=opening.policy, record_salt="another salt, so another order")
    with pytest.raises(OrderIdTaken):
        await record_step(pool, OrderEngine(other).opening().step)


@asynccontextmanager
async def worker_of(marketplace: Marketplace, queue: str, **options: Any) -> AsyncIterator[None]:
    """A worker that the order's own worker of the fixture is not."""
    async with make_worker(marketplace.client, marketplace.recourse.pool, task_queue=queue, **options):
        yield


async def test_what_was_committed_is_told_also_when_the_order_has_stopped_answering_meanwhile(
    marketplace: Marketplace,
) -> None:
    async def played(window: int) -> None:
        queue = f"{marketplace.queue}-late-{window}"
        recourse = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=queue)
        terms = marketplace.terms(requirements="awaited")
        async with worker_of(marketplace, queue):
            await recourse.start(terms, load_policy("resolution_center", {"order.reachable_after": f"{window}s"}))
            await recourse.order(terms.order_id).send(
                "request", {"actor": CLIENT, "command_id": "end", "kind": "cancel"}
            )
        order = await recourse.order(terms.order_id).state()
        assert order.closed_at is not None
        until = order.closed_at + timedelta(seconds=window)
        in_time(until)
        say = {"actor": CLIENT, "command_id": "say", "comment": "A pity."}
        [step] = await committed_and_forgotten(marketplace, terms.order_id, ("message", say))
        asking = asyncio.create_task(recourse.order(terms.order_id).send("message", say))
        await asyncio.sleep((until - datetime.now(UTC)).total_seconds())

        async with worker_of(marketplace, queue):
            outcome = await asking
            await marketplace.handle(terms.order_id).result()

        assert step.answer is not None
        assert outcome == step.answer.outcome
        assert len(await read_record(recourse.pool, terms.order_id)) == 2

    await in_real_time(played)


async def test_the_last_thing_that_was_committed_and_forgotten_is_told_before_the_order_ends(
    marketplace: Marketplace,
) -> None:
    async def played(window: int) -> None:
        queue, sink = f"{marketplace.queue}-told-{window}", WebhookSink(Random(1), fails=0)
        recourse = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=queue)
        terms = marketplace.terms(requirements="awaited")
        async with listening(sink.answer) as receiver:
            channel = WebhookChannel(receiver.url, ["whsec_" + "A" * 32])
            async with worker_of(marketplace, queue, channels=[channel]):
                await recourse.start(terms, load_policy("resolution_center", {"order.reachable_after": f"{window}s"}))
                await recourse.order(terms.order_id).send(
                    "request", {"actor": CLIENT, "command_id": "end", "kind": "cancel"}
                )
                order = await recourse.order(terms.order_id).state()
                assert order.closed_at is not None
                in_time(order.closed_at + timedelta(seconds=window))
                say = {"actor": CLIENT, "command_id": "say", "comment": "A pity."}
                [step] = await committed_and_forgotten(marketplace, terms.order_id, ("message", say))
                await marketplace.handle(terms.order_id).result()
            await channel.close()

        assert [notice.name for notice in step.notices] == ["message_received"]
        assert sink.first[-1] == step.notices[0].id

    await in_real_time(played)


class Till:
    """A payment provider that takes note of what it paid."""

    def __init__(self) -> None:
        self.paid: list[PaymentLeg] = []

    async def pay(self, leg: PaymentLeg) -> None:
        self.paid.append(leg)


async def test_nothing_is_paid_for_what_a_forgotten_attempt_has_undone(marketplace: Marketplace) -> None:
    async def played(window: int) -> None:
        queue, till = f"{marketplace.queue}-paid-{window}", Till()
        recourse = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=queue)
        terms = marketplace.terms()
        policy = load_policy("resolution_center", {"undo.by": ["client"], "undo.window": f"{window}s"})
        async with worker_of(marketplace, queue, providers={"till": till}):
            await recourse.start(terms, policy, provider="till")
            await recourse.order(terms.order_id).send(
                "request", {"actor": CLIENT, "command_id": "ask", "kind": "cancel"}
            )
            await recourse.order(terms.order_id).send("accept", {"actor": FREELANCER, "command_id": "yes"})
            held = await recourse.order(terms.order_id).state()
            assert held.hold_until is not None
            in_time(held.hold_until)
            undo = {"actor": CLIENT, "command_id": "undo"}
            await committed_and_forgotten(marketplace, terms.order_id, ("undo", undo))
            await asyncio.sleep((held.hold_until + timedelta(seconds=1) - datetime.now(UTC)).total_seconds())
            outcome = await recourse.order(terms.order_id).send(
                "message", {"actor": CLIENT, "comment": "Go on, please."}
            )

        assert applied(outcome).phase == "in_progress"
        assert till.paid == []
        assert (await read_balances(recourse.pool, terms.order_id))["escrow"] == 10_550

    await in_real_time(played)
