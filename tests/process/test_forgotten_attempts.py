"""A worker dies, or its report is lost, after a step was committed: what was committed is what happened."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from database.orders import read_balances, read_record
from database.steps import OrderIdTaken, StepOutOfOrder, record_step
from policies import load_policy
from resolution.commands import read_message
from resolution.order import Opening
from resolution.process import Desk
from resolution.record import verify
from resolution.step import Step
from tests.process.conftest import Marketplace


async def committed_and_forgotten(marketplace: Marketplace, order_id: str, *commands: tuple[str, Any]) -> list[Step]:
    """Steps that an attempt commits of which the workflow never hears."""
    order = await marketplace.recourse.order(order_id)
    desk = Desk.of(order, order.record_length + 1)
    steps = []
    for command, fields in commands:
        message = read_message(command, fields, "unnamed")
        steps.append(desk.finish(desk.take(message, order.terms.ordered_at + timedelta(seconds=1))))
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

    assert refused.code == "request_open"
    assert accepted.applied
    entries = await read_record(marketplace.recourse.pool, order_id)
    assert [entry.content["command"] for entry in entries] == ["message", "request", "message", "request", "accept"]
    assert verify(await marketplace.recourse.record(order_id, "operator")) == []
    balances = await read_balances(marketplace.recourse.pool, order_id)
    assert balances == {"client": 0, "freelancer": 0, "platform": 0, "escrow": 0}


async def test_the_answer_of_a_forgotten_attempt_is_the_first_answer(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    ask = {"actor": CLIENT, "command_id": "ask", "kind": "cancel"}
    [step] = await committed_and_forgotten(marketplace, order_id, ("request", ask))

    first = await marketplace.recourse.send(order_id, "request", ask)
    again = await marketplace.recourse.send(order_id, "request", ask)

    assert step.answer is not None
    assert first.whole == step.answer.outcome
    assert again.whole == {**step.answer.outcome, "repeated": True}
    assert len(await read_record(marketplace.recourse.pool, order_id)) == 2


async def test_a_first_task_that_was_forgotten_whole_is_taken_up(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt="0123456789abcdef")
    desk = Desk(opening)
    await record_step(marketplace.recourse.pool, desk.opening_step())
    await committed_and_forgotten(
        marketplace, terms.order_id, ("message", {"actor": CLIENT, "command_id": "m", "comment": "Hello"})
    )

    await marketplace.client.start_workflow(
        "Order", opening, id=f"order-{terms.order_id}", task_queue=marketplace.queue
    )
    outcome = await marketplace.by("client", terms.order_id, "message", comment="Hello again")

    assert outcome.whole["entry"] == 2


async def test_an_order_whose_id_the_database_has_for_another_fails_and_says_so(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt="0123456789abcdef")
    await record_step(marketplace.recourse.pool, Desk(opening).opening_step())

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
    desk = Desk(opening)
    first = desk.opening_step()
    message = read_message("message", {"actor": CLIENT, "comment": "Hello"}, "one")
    second = desk.finish(desk.take(message, opening.terms.ordered_at))
    third = desk.finish(desk.take(message.model_copy(update={"command_id": "two"}), opening.terms.ordered_at))

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
    assert (adopted.step, [answer.command_id for answer in adopted.answers]) == (2, ["one", "two"])
    other = Opening(terms=opening.terms, policy=opening.policy, record_salt="another salt, so another order")
    with pytest.raises(OrderIdTaken):
        await record_step(pool, Desk(other).opening_step())
