"""An order outlives what people do to its workflow: it is started again from the database, and goes on."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest, ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.service import RPCError

from recourse.database.orders import read_balances, read_record
from recourse.database.payments import PaymentLeg
from recourse.errors import NoSuchOrder, OrderNotRunning, Unanswered
from recourse.policies import load_policy
from recourse.resolution.model.order import Opening
from recourse.resolution.model.record import verify
from recourse.starter.client import Recourse
from recourse.starter.recovering import CannotRecover, Recovery
from recourse.worker import make_worker
from tests.activities.bank import Bank
from tests.outcomes import repeated
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.process.setting_back import held, set_back, without_clocks
from tests.process.test_forgotten_attempts import committed_and_forgotten

CLIENT = {"role": "client", "id": "c-1"}
FREELANCER = {"role": "freelancer", "id": "f-1"}


@asynccontextmanager
async def a_worker(marketplace: Marketplace, recourse: Recourse) -> AsyncIterator[None]:
    async with make_worker(marketplace.client, recourse.pool, task_queue=recourse.task_queue):
        yield


def elsewhere(marketplace: Marketplace) -> Recourse:
    """Orders on a task queue whose worker comes and goes."""
    return Recourse(
        marketplace.client, marketplace.recourse.pool, task_queue=f"{marketplace.queue}-{secrets.token_hex(3)}"
    )


async def entries(marketplace: Marketplace, order_id: str, count: int) -> list[Any]:
    """The record, once it has so many entries."""
    async with asyncio.timeout(PATIENCE):
        while len(record := await read_record(marketplace.recourse.pool, order_id)) < count:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.02)
    return record


async def waiting_for_a_lock(pool: Any) -> None:
    """Until a statement of a worker waits for a row that is locked."""
    waits = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())"
    )
    async with asyncio.timeout(PATIENCE):
        while not await pool.fetchval(waits):  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.02)


async def deleted(marketplace: Marketplace, order_id: str) -> None:
    """Delete an order's workflow, and wait until it is gone."""
    handle = marketplace.handle(order_id)
    await marketplace.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=marketplace.client.namespace, workflow_execution=WorkflowExecution(workflow_id=handle.id)
        )
    )
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await handle.describe()
            except RPCError:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", ["terminated", "deleted"])
async def test_an_order_whose_workflow_is_lost_says_so_and_goes_on_once_it_is_revived(
    marketplace: Marketplace, how: str
) -> None:
    terms = marketplace.terms()
    recourse, order_id = marketplace.recourse, terms.order_id
    await recourse.start(terms, load_policy("resolution_center"))
    ask = {"actor": CLIENT, "command_id": "ask", "kind": "cancel"}
    first = await recourse.order(order_id).send("request", ask)
    if how == "terminated":
        await marketplace.handle(order_id).terminate()
    else:
        await deleted(marketplace, order_id)

    for meets in (
        recourse.order(order_id).send("accept", {"actor": FREELANCER}),
        recourse.order(order_id).signal("accept", {"actor": FREELANCER}),
        recourse.start(terms, load_policy("resolution_center")),
    ):
        with pytest.raises(OrderNotRunning, match=f"`recourse order revive {order_id}`"):
            await meets

    found = await Recovery(recourse).examine(order_id)
    done = await Recovery(recourse).revive(order_id)
    again = await recourse.order(order_id).send("request", ask)
    accepted = await marketplace.by("freelancer", order_id, "accept")

    assert (found.state, found.command) == ("orphaned", f"recourse order revive {order_id}")
    assert done.sent_again == 0
    assert repeated(again) == repeated(first)
    assert accepted.applied
    assert verify(await recourse.order(order_id).record("operator")) == []
    assert set((await read_balances(recourse.pool, order_id)).values()) == {0}
    assert len(await read_record(recourse.pool, order_id)) == 2


async def test_what_nobody_has_decided_is_sent_again_in_order_and_once(marketplace: Marketplace) -> None:
    recourse, terms = elsewhere(marketplace), marketplace.terms()
    handle = marketplace.handle(terms.order_id)
    async with a_worker(marketplace, recourse):
        await recourse.start(terms, load_policy("resolution_center"))
        await recourse.order(terms.order_id).send("message", {"actor": CLIENT, "command_id": "0", "comment": "zero"})
        await handle.signal("message", {"actor": CLIENT, "comment": "one"})
        await entries(marketplace, terms.order_id, 2)
    await recourse.order(terms.order_id).signal("message", {"actor": CLIENT, "command_id": "2", "comment": "two"})
    await handle.signal("message", {"actor": CLIENT, "comment": "three"})
    await handle.signal("no_such_command", {"actor": CLIENT})
    await handle.terminate()

    done = await Recovery(recourse).revive(terms.order_id)
    once_more = await Recovery(recourse).revive(terms.order_id)
    async with a_worker(marketplace, recourse):
        record = await entries(marketplace, terms.order_id, 5)
        await recourse.order(terms.order_id).send("message", {"actor": CLIENT, "comment": "last"})

    assert (done.sent_again, once_more.sent_again) == (3, 3)
    said = [entry.content["fields"].get("comment") for entry in await entries(marketplace, terms.order_id, 6)]
    assert said == ["zero", "one", "two", "three", None, "last"]
    assert len({entry.content["command_id"] for entry in record}) == 5


async def test_what_a_live_worker_still_writes_is_decided_once_and_swallows_nothing(marketplace: Marketplace) -> None:
    pool, order_id = marketplace.recourse.pool, await marketplace.order()
    handle, recovery = marketplace.handle(order_id), Recovery(marketplace.recourse)
    await marketplace.recourse.order(order_id).signal("message", {"actor": CLIENT, "command_id": "1", "comment": "one"})
    await entries(marketplace, order_id, 1)

    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM order_states WHERE order_id = $1 FOR UPDATE", order_id)
        await handle.signal("message", {"actor": CLIENT, "comment": "two"})
        await waiting_for_a_lock(pool)
        # This one waits behind the one that the worker is writing.
        await handle.signal("message", {"actor": CLIENT, "comment": "three"})
        await handle.terminate()
        done = await recovery.revive(order_id)
        await handle.signal("message", {"actor": CLIENT, "comment": "four"})
    await entries(marketplace, order_id, 4)
    await handle.terminate()
    once_more = await recovery.revive(order_id)
    await handle.signal("message", {"actor": CLIENT, "comment": "five"})
    await entries(marketplace, order_id, 5)
    await marketplace.by("client", order_id, "message", comment="last")

    assert (done.sent_again, once_more.sent_again) == (2, 0)
    said = [entry.content["fields"]["comment"] for entry in await read_record(pool, order_id)]
    assert said == ["one", "two", "three", "four", "five", "last"]


async def test_a_revived_order_can_be_lost_and_revived_again(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    for number in range(3):
        await marketplace.handle(order_id).signal("message", {"actor": CLIENT, "comment": f"{number}"})
        await entries(marketplace, order_id, number + 1)
        await marketplace.handle(order_id).terminate()
        await Recovery(marketplace.recourse).revive(order_id)

    await marketplace.by("client", order_id, "message", comment="Hello?")
    assert len(await read_record(marketplace.recourse.pool, order_id)) == 4
    assert verify(await marketplace.recourse.order(order_id).record("operator")) == []


async def test_an_order_that_runs_or_is_over_is_left_alone(marketplace: Marketplace) -> None:
    runs = await marketplace.order()
    await marketplace.by("client", runs, "message", comment="Hello")
    over = await marketplace.order(changes={"order.reachable_after": "0h"}, requirements="awaited")
    await marketplace.by("client", over, "request", kind="cancel")
    await marketplace.handle(over).result()
    recovery = Recovery(marketplace.recourse)
    before = (await marketplace.handle(runs).describe()).run_id

    assert (await recovery.examine(runs)).state == "well"
    assert (await recovery.examine(over)).state == "over"
    assert "its workflow runs" in (await recovery.revive(runs)).says
    assert "over" in (await recovery.revive(over)).says
    assert (await marketplace.handle(runs).describe()).run_id == before
    assert (await marketplace.handle(over).describe()).status is WorkflowExecutionStatus.COMPLETED
    with pytest.raises(NoSuchOrder):
        await recovery.revive("nobody")


async def test_a_closed_order_that_can_still_be_undone_needs_its_workflow(marketplace: Marketplace) -> None:
    order_id = await marketplace.order(changes={"undo.by": ["client"], "undo.window": "24h"})
    await marketplace.by("client", order_id, "request", kind="cancel")
    await marketplace.by("freelancer", order_id, "accept")
    await marketplace.handle(order_id).terminate()

    with pytest.raises(OrderNotRunning):
        await marketplace.by("client", order_id, "undo")
    await Recovery(marketplace.recourse).revive(order_id)

    assert (await marketplace.by("client", order_id, "undo")).applied


async def test_an_order_that_was_ended_before_it_was_written_begins(marketplace: Marketplace) -> None:
    recourse, terms = elsewhere(marketplace), marketplace.terms()
    await recourse.start(terms, load_policy("resolution_center"))
    await recourse.order(terms.order_id).signal("message", {"actor": CLIENT, "comment": "Hello"})
    await marketplace.handle(terms.order_id).terminate()

    with pytest.raises(OrderNotRunning, match="recourse doctor"):
        await recourse.start(terms, load_policy("resolution_center"))
    done = await Recovery(recourse).revive(terms.order_id)
    async with a_worker(marketplace, recourse):
        await entries(marketplace, terms.order_id, 1)

    assert done.sent_again == 1


async def test_a_database_that_was_set_back_gets_its_steps_from_the_history(marketplace: Marketplace) -> None:
    pool, order_id = marketplace.recourse.pool, await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    before = await held(pool, order_id)
    await marketplace.by("client", order_id, "request", kind="cancel")
    await marketplace.by("freelancer", order_id, "accept")
    after = await held(pool, order_id)
    await set_back(pool, order_id, before)
    recovery = Recovery(marketplace.recourse)

    found = await recovery.examine(order_id)
    with pytest.raises(CannotRecover, match="recourse order repair"):
        await recovery.revive(order_id)
    done = await recovery.repair(order_id)
    again = await recovery.repair(order_id)

    assert (found.state, found.command) == ("database_behind", f"recourse order repair {order_id}")
    assert (done.written, again.written) == (2, 0)
    assert without_clocks(await held(pool, order_id)) == without_clocks(after)
    assert (await recovery.examine(order_id)).state == "well"
    assert (await marketplace.by("client", order_id, "message", comment="Bye")).applied


async def test_who_writes_to_an_order_that_the_database_has_forgotten_parts_of_hears_what_it_waits_for(
    marketplace: Marketplace,
) -> None:
    pool, order_id = marketplace.recourse.pool, await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    before = await held(pool, order_id)
    await marketplace.by("client", order_id, "message", comment="Hello?")
    await set_back(pool, order_id, before)
    waiting = {"actor": CLIENT, "command_id": "waits", "comment": "Hello??"}
    await marketplace.recourse.order(order_id).signal("message", waiting)

    said = ""
    async with asyncio.timeout(PATIENCE):
        # The activity fails first, and says so then.
        while "recourse order repair" not in said:
            with pytest.raises(Unanswered) as unanswered:
                await marketplace.recourse.order(order_id, patience=timedelta(seconds=1)).send("message", waiting)
            said = str(unanswered.value)
    await Recovery(marketplace.recourse).repair(order_id)
    answer = await marketplace.recourse.order(order_id).send("message", waiting)

    assert answer.applied
    said_at_last = [entry.content["fields"]["comment"] for entry in await read_record(pool, order_id)]
    assert said_at_last == ["Hello", "Hello?", "Hello??"]


async def test_a_database_that_was_set_back_is_repaired_from_the_run_that_was_reset(marketplace: Marketplace) -> None:
    pool, order_id = marketplace.recourse.pool, await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    before = await held(pool, order_id)
    await marketplace.by("client", order_id, "message", comment="Hello?")
    handle = marketplace.handle(order_id)
    done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    [first, *_] = [event.event_id async for event in handle.fetch_history_events() if event.event_type == done]
    await marketplace.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=marketplace.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            workflow_task_finish_event_id=first,
            request_id=secrets.token_hex(8),
        )
    )
    await marketplace.by("client", order_id, "message", comment="Hello??")
    after = await held(pool, order_id)
    await set_back(pool, order_id, before)

    repaired = await Recovery(marketplace.recourse).repair(order_id)

    assert repaired.written == 2
    assert without_clocks(await held(pool, order_id)) == without_clocks(after)


async def test_what_no_history_holds_is_not_made_up_and_the_order_goes_on_from_the_database(
    marketplace: Marketplace,
) -> None:
    pool, order_id = marketplace.recourse.pool, await marketplace.order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    before = await held(pool, order_id)
    say = {"actor": FREELANCER, "command_id": "forgotten", "comment": "Oh."}
    await committed_and_forgotten(marketplace, order_id, ("message", say))
    await marketplace.by("client", order_id, "message", comment="Hello?")
    await set_back(pool, order_id, before)
    recovery = Recovery(marketplace.recourse)

    with pytest.raises(CannotRecover, match=r"lack step 2\. Nothing was changed"):
        await recovery.repair(order_id)
    assert without_clocks(await held(pool, order_id)) == without_clocks(before)

    # What the runbook says for such an order.
    await deleted(marketplace, order_id)
    assert (await recovery.examine(order_id)).state == "orphaned"
    await recovery.revive(order_id)
    assert (await marketplace.by("client", order_id, "message", comment="Once more.")).applied
    assert verify(await marketplace.recourse.order(order_id).record("operator")) == []


async def test_a_time_limit_of_whoever_started_the_workflow_ends_no_order(marketplace: Marketplace) -> None:
    terms = marketplace.terms()
    opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt="0123456789abcdef")
    foreign = await marketplace.client.start_workflow(
        "Order",
        opening,
        id=f"order-{terms.order_id}",
        task_queue=marketplace.queue,
        execution_timeout=timedelta(seconds=2),
    )
    with pytest.raises(WorkflowFailureError):
        await foreign.result()

    await Recovery(marketplace.recourse).revive(terms.order_id)

    assert (await marketplace.by("client", terms.order_id, "message", comment="Hello")).applied
    described = await marketplace.handle(terms.order_id).describe()
    assert not described.raw_description.execution_config.workflow_execution_timeout.ToTimedelta()


class SlowBank(Bank):
    """Moves the money at once, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.moves, self.may_answer = asyncio.Event(), asyncio.Event()

    async def pay(self, leg: PaymentLeg) -> str:
        reference = await super().pay(leg)
        self.moves.set()
        await self.may_answer.wait()
        return reference


async def test_an_order_that_is_lost_while_its_money_moves_pays_once_and_knows_of_it(marketplace: Marketplace) -> None:
    recourse, bank, terms = elsewhere(marketplace), SlowBank(), marketplace.terms()
    pool = recourse.pool
    async with make_worker(marketplace.client, pool, task_queue=recourse.task_queue, providers={"bank": bank}):
        await recourse.start(terms, load_policy("resolution_center", {"undo.by": []}), provider="bank")
        await recourse.order(terms.order_id).send("request", {"actor": CLIENT, "command_id": "ask", "kind": "cancel"})
        accepting = asyncio.create_task(
            recourse.order(terms.order_id).send("accept", {"actor": FREELANCER, "command_id": "yes"})
        )
        await bank.moves.wait()
        await marketplace.handle(terms.order_id).terminate()
        # It is answered from the database: it was written down before the bank was asked.
        assert (await accepting).applied
        done = await Recovery(recourse).revive(terms.order_id)
        bank.may_answer.set()
        accepted = await recourse.order(terms.order_id).send("accept", {"actor": FREELANCER, "command_id": "yes"})

    assert done.sent_again == 0
    assert accepted.applied
    assert len(bank.moved) == 1
    assert (await read_balances(pool, terms.order_id))["escrow"] == 0
    assert [entry.content["command"] for entry in await read_record(pool, terms.order_id)] == ["request", "accept"]
