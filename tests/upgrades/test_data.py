"""Two builds that differ in what they store, rolled out and back as worker processes, with orders open across both."""

import asyncio
import json
import secrets
import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from recourse.database.orders import read_order, read_record
from recourse.errors import Unanswered
from recourse.local.process import start
from recourse.policies import load_policy
from recourse.resolution.model.data_version import DATA_VERSION, NeedsNewerBuild
from recourse.resolution.model.order import Opening, write_opening, write_state
from recourse.resolution.model.record import verify
from recourse.runtime.names import ORDER, workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.starter.doctor import Doctor
from recourse.starter.recovering import CannotRecover, Recovery
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.process.setting_back import held, set_back, without_clocks
from tests.process.test_long_histories import runs, short_histories
from tests.upgrades.next_release import ROOT, next_release, run_in, worker_of

__all__ = ["short_histories"]

NEXT = DATA_VERSION + 1
WAITS = f"needs a build with data version {NEXT}; this build has {DATA_VERSION}"


@dataclass
class Rollout:
    """Orders on a task queue of their own, and workers of this release and of the next one."""

    market: Marketplace
    pool: Any
    dsn: str
    address: str
    next_tree: Path
    folder: Path

    @property
    def this_build(self) -> AbstractAsyncContextManager[None]:
        return self._worker(ROOT)

    @property
    def next_build(self) -> AbstractAsyncContextManager[None]:
        return self._worker(self.next_tree)

    def _worker(self, tree: Path) -> AbstractAsyncContextManager[None]:
        return worker_of(tree, self.market.queue, self.dsn, self.address, self.folder / "worker.log")

    async def begun(self, **more: Any) -> str:
        """An order that was started with these keys besides; its tasks are tried again after a second."""
        terms = self.market.terms()
        opening = Opening(terms=terms, policy=load_policy("resolution_center"), record_salt="0123456789abcdef")
        begins = write_opening(opening)
        for table, keys in more.pop("policy", {}).items():
            begins["policy"][table] |= keys
        await self.market.client.start_workflow(
            ORDER,
            begins | more,
            id=workflow_id(terms.order_id),
            task_queue=self.market.queue,
            task_timeout=timedelta(seconds=1),
        )
        return terms.order_id

    async def next_build_repairs(self, order_id: str) -> str:
        """What `recourse order repair` of the next release says."""
        log = self.folder / f"repair-{secrets.token_hex(4)}.log"
        servers = {"DATABASE_URL": self.dsn, "TEMPORAL_ADDRESS": self.address, "RECOURSE_TASK_QUEUE": self.market.queue}
        command = [sys.executable, "-c", "from recourse.cli import main; main()", "order", "repair", order_id]
        there = environment(PYTHONPATH=str(self.next_tree), COLUMNS="1000", **servers)
        async with asyncio.timeout(PATIENCE):
            await (await start(command, log=log, environment=there, cwd=self.next_tree)).wait()
        return log.read_text(encoding="utf-8")

    async def says(self, order_id: str, comment: str) -> None:
        assert (await self.market.by("client", order_id, "message", comment=comment)).applied

    async def state(self, order_id: str) -> dict[str, Any]:
        stored = await read_order(self.pool, order_id)
        assert stored is not None
        return write_state(stored.order)

    async def comments(self, order_id: str) -> list[str]:
        record = await read_record(self.pool, order_id)
        assert verify(await self.market.recourse.order(order_id).record("operator")) == []
        return [entry.content["fields"].get("comment") for entry in record]

    async def until_a_task_fails(self, order_id: str) -> str:
        async with asyncio.timeout(PATIENCE):
            async for event in self.market.handle(order_id).fetch_history_events(wait_new_event=True):
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    return event.workflow_task_failed_event_attributes.failure.message
        raise AssertionError("no task failed")


@pytest.fixture(scope="module")
def next_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next_release(tmp_path_factory.mktemp("release"))


async def _rollout(address: str, pool: Any, dsn: str, next_tree: Path, folder: Path) -> Rollout:
    queue = f"test-{secrets.token_hex(4)}"
    recourse = Recourse(await connect(target_host=address), pool, task_queue=queue)
    return Rollout(Marketplace(recourse, queue), pool, dsn, address, next_tree, folder)


@pytest.fixture
async def rollout(temporal_address: str, pool: Any, dsn: str, next_tree: Path, tmp_path: Path) -> Rollout:
    return await _rollout(temporal_address, pool, dsn, next_tree, tmp_path)


@pytest.fixture
async def with_short_histories(short_histories: str, pool: Any, dsn: str, next_tree: Path, tmp_path: Path) -> Rollout:
    return await _rollout(short_histories, pool, dsn, next_tree, tmp_path)


async def test_this_build_keeps_what_the_next_one_wrote(rollout: Rollout) -> None:
    async with rollout.this_build:
        older = await rollout.begun()
        await rollout.says(older, "1")
    async with rollout.next_build:
        newer = await rollout.begun()
        for order_id in (older, newer):
            await rollout.says(order_id, "2")
            assert (await rollout.market.by("client", order_id, "request", kind="cancel")).applied
        counted = (await rollout.state(older))["messages"]
    async with rollout.this_build:
        for order_id in (older, newer):
            await rollout.says(order_id, "3")
            assert (await rollout.market.by("freelancer", order_id, "decline")).applied
        states = [await rollout.state(order_id) for order_id in (older, newer)]
    async with rollout.next_build:
        await rollout.says(older, "4")

    assert [state["request"]["status"] for state in states] == ["declined"] * 2
    assert [state["request"]["seen"] for state in states] == ["on the phone"] * 2
    assert [state["messages"] for state in states] == [counted, 1]
    assert states[1]["opening"]["policy"]["cases"]["survey"] == "none"
    assert (await rollout.state(older))["messages"] == counted + 1
    assert await rollout.comments(older) == ["1", "2", None, "3", None, "4"]
    record = await read_record(rollout.pool, newer)
    assert [entry.content.get("device") for entry in record] == ["phone", "phone", None, None]


async def test_it_keeps_that_through_new_runs(with_short_histories: Rollout) -> None:
    rollout = with_short_histories
    market, order_id = rollout.market, ""

    async def says_until_a_new_run(count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(await runs(market.client, order_id)) < count:
                await rollout.says(order_id, "again")

    async with rollout.next_build:
        order_id = await rollout.begun()
        assert (await market.by("client", order_id, "request", kind="cancel")).applied
        await says_until_a_new_run(2)
        counted = (await rollout.state(order_id))["messages"]
    async with rollout.this_build:
        await says_until_a_new_run(4)
    state = await rollout.state(order_id)
    begun = await anext(market.handle(order_id).fetch_history_events())
    [carried] = begun.workflow_execution_started_event_attributes.input.payloads

    assert (state["messages"], state["request"]["seen"]) == (counted, "on the phone")
    assert json.loads(carried.data)["device"] == "phone"
    assert json.loads(carried.data)["order"]["messages"] == counted
    async with rollout.next_build:
        await rollout.says(order_id, "at last")
    assert (await rollout.state(order_id))["messages"] == counted + 1


async def test_it_adopts_a_lost_step_of_the_next_build_with_all_its_keys(rollout: Rollout) -> None:
    async with rollout.this_build:
        order_id = await rollout.begun()
        await rollout.says(order_id, "before")
        await run_in(
            rollout.next_tree,
            "tests.upgrades.lost_step",
            *(order_id, "lost"),
            log=rollout.folder / "lost.log",
            DATABASE_URL=rollout.dsn,
        )
        await rollout.says(order_id, "after")

    assert await rollout.comments(order_id) == ["before", "lost", "after"]
    state = await rollout.state(order_id)
    assert (state["made_for"], state["messages"]) == (NEXT, 1)


async def test_it_revives_an_order_of_the_next_build_with_all_its_keys(rollout: Rollout) -> None:
    market = rollout.market
    async with rollout.next_build:
        order_id = await rollout.begun(policy={"cases": {"survey": "by_mail"}}, made_for=NEXT)
        await rollout.says(order_id, "before")
    await market.handle(order_id).terminate()
    async with rollout.this_build:
        await Recovery(market.recourse).revive(order_id)
        await rollout.says(order_id, "after")

    assert await rollout.comments(order_id) == ["before", "after"]
    state = await rollout.state(order_id)
    assert (state["messages"], state["opening"]["policy"]["cases"]["survey"]) == (1, "by_mail")


async def test_each_build_repairs_what_it_decided(rollout: Rollout) -> None:
    market, pool = rollout.market, rollout.pool
    async with rollout.this_build:
        order_id = await rollout.begun()
        await rollout.says(order_id, "kept")
        before = await held(pool, order_id)
        await rollout.says(order_id, "of this build")
    async with rollout.next_build:
        await rollout.says(order_id, "of the next build")
        after = await held(pool, order_id)
        assert "phone" in str(after["record_entries"][-1])
        await set_back(pool, order_id, before)

    said = await rollout.next_build_repairs(order_id)
    assert (
        f"0 steps restored, up to step 1. Step 2 was decided by a build with data version {DATA_VERSION}: run `repair`"
        in said
    )
    assert await held(pool, order_id) == before

    with pytest.raises(CannotRecover) as stopped:
        await Recovery(market.recourse).repair(order_id)
    assert str(stopped.value) == (
        f"Order {order_id}: 1 step restored, up to step 2. Step 3 was decided by a build with data version {NEXT}: "
        "run `repair` with that build."
    )
    assert "1 step restored, up to step 3" in await rollout.next_build_repairs(order_id)
    assert without_clocks(await held(pool, order_id)) == without_clocks(after)


async def test_it_leads_an_order_that_the_next_build_started_with_keys_that_change_nothing(rollout: Rollout) -> None:
    async with rollout.this_build:
        order_id = await rollout.begun(
            policy={"cases": {"survey": "by_mail"}}, made_for=NEXT, campaign={"name": "spring"}
        )
        await rollout.says(order_id, "Hello")

    opening = (await rollout.state(order_id))["opening"]
    assert (opening["policy"]["cases"]["survey"], opening["campaign"]) == ("by_mail", {"name": "spring"})


async def test_an_order_whose_start_needs_the_next_build_waits_for_it(rollout: Rollout) -> None:
    market = rollout.market
    async with rollout.this_build:
        order_id = await rollout.begun(policy={"undo": {"twice": True}}, made_for=NEXT, needs=NEXT)
        assert WAITS in await rollout.until_a_task_fails(order_id)
        with pytest.raises(Unanswered, match=WAITS):
            await market.recourse.order(order_id, patience=timedelta(seconds=5)).send(
                "message", {"actor": {"role": "client", "id": "c-1"}, "comment": "Hello?", "command_id": "hello"}
            )
        found = [one async for one in Doctor(market.recourse).one(order_id)]
        assert [(one.kind, WAITS in one.says) for one in found if one.kind != "tasks_fail"] == [("newer_build", True)]
    async with rollout.next_build:
        await rollout.says(order_id, "At last.")

    assert (await market.handle(order_id).describe()).status is WorkflowExecutionStatus.RUNNING
    with pytest.raises(NeedsNewerBuild, match=WAITS):
        await rollout.state(order_id)


async def test_a_mistake_in_a_start_fails_it_at_once(rollout: Rollout) -> None:
    async with rollout.this_build:
        order_id = await rollout.begun(policy={"cases": {"survey": "by_mail"}})
        with pytest.raises(WorkflowFailureError) as failed:
            await rollout.market.handle(order_id).result()

    assert isinstance(failed.value.cause, ApplicationError)
    assert str(failed.value.cause) == ("bad_opening: The order cannot start: policy.cases.survey: is not a field here")


async def test_an_order_that_came_to_need_the_next_build_waits_for_it_and_is_found(rollout: Rollout) -> None:
    market = rollout.market
    async with rollout.next_build:
        order_id = await rollout.begun()
        assert (await market.by("client", order_id, "pause", seconds=86_400)).applied
    async with rollout.this_build:
        asking = asyncio.create_task(market.by("client", order_id, "message", comment="meanwhile"))
        assert WAITS in await rollout.until_a_task_fails(order_id)
        with pytest.raises(NeedsNewerBuild, match=WAITS):
            await market.recourse.order(order_id).show("client")
        found = [one async for one in Doctor(market.recourse).everything(full=True) if one.order_id == order_id]
        assert ("newer_build", True) in [(one.kind, WAITS in one.says) for one in found]
    async with rollout.next_build:
        assert (await asking).applied
        assert (await market.by("client", order_id, "pause", seconds=0)).applied

    record = await read_record(rollout.pool, order_id)
    assert [entry.content["command"] for entry in record] == ["pause", "message", "pause"]


async def test_a_command_that_the_next_build_took_is_waited_for(rollout: Rollout) -> None:
    market = rollout.market
    async with rollout.next_build:
        order_id = await rollout.begun()
        assert (await market.by("client", order_id, "pause", command_id="once")).applied
    async with rollout.this_build:
        again = asyncio.create_task(market.by("client", order_id, "pause", command_id="once"))
        assert WAITS in await rollout.until_a_task_fails(order_id)
    async with rollout.next_build:
        assert (await again).applied


async def test_a_clock_of_the_next_build_fires_when_that_build_is_back(rollout: Rollout) -> None:
    market = rollout.market
    async with rollout.next_build:
        order_id = await rollout.begun()
        assert (await market.by("client", order_id, "pause", seconds=2)).applied
    async with rollout.this_build:
        assert WAITS in await rollout.until_a_task_fails(order_id)
        assert len(await read_record(rollout.pool, order_id)) == 1
    async with rollout.next_build, asyncio.timeout(PATIENCE):
        while len(record := await read_record(rollout.pool, order_id)) < 2:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)

    assert record[1].content["command"] == "pause_ends"
