"""`recourse doctor`: what it finds where database and Temporal disagree, and that it finds nothing where they agree."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import workflow

from recourse.errors import TemporalUnreachable
from recourse.local.temporal import LocalTemporal, find_program
from recourse.resolution.model.order import Opening
from recourse.runtime.names import ORDER
from recourse.starter.client import Recourse
from recourse.starter.doctor import Ailment, Doctor, count_orphaned, suspects
from recourse.web.figures import KEPT, ORPHANED, Collector, Orphans
from recourse.workflows.carried import Carried
from recourse.workflows.order import OrderWorkflow
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace, working
from tests.process.setting_back import held, set_back

AT_THE_FIRST_FAILURE = {"system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "1"}


@workflow.defn(name=ORDER)
class Faulty(OrderWorkflow):
    """An order that meets a fault of ours."""

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """Fails."""
        raise RuntimeError("a fault of ours")


async def found(recourse: Recourse, *, full: bool = False) -> dict[tuple[str | None, str], Ailment]:
    """What is wrong, by order and kind."""
    return {(one.order_id, one.kind): one async for one in Doctor(recourse).everything(full=full)}


async def test_nothing_is_wrong_where_database_and_temporal_agree(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "request", kind="cancel")
    over = await marketplace.order(changes={"order.reachable_after": "0h"}, requirements="awaited")
    await marketplace.by("client", over, "request", kind="cancel")
    await marketplace.handle(over).result()
    # It waits to begin, so the database does not have it.
    terms = marketplace.terms()
    await marketplace.recourse.start(
        terms, (await marketplace.recourse.order(order_id).state()).policy, start_delay=timedelta(1)
    )

    assert await found(marketplace.recourse) == {}
    assert await found(marketplace.recourse, full=True) == {}
    assert [one async for one in Doctor(marketplace.recourse).one(order_id)] == []


async def test_each_thing_that_is_wrong_is_found_with_what_puts_it_right(marketplace: Marketplace) -> None:
    pool = marketplace.recourse.pool
    # A message moves no clock of these.
    lost, behind, unknown, quiet = [await marketplace.order(changes={"order.dormant_after": "never"}) for _ in range(4)]
    for order_id in (lost, behind, unknown, quiet):
        await marketplace.by("client", order_id, "message", comment="Hello")
    nothing = await held(pool, unknown)
    await marketplace.handle(lost).terminate()
    for order_id, command in ((behind, {"command": "request", "kind": "cancel"}), (quiet, {"command": "message"})):
        before = await held(pool, order_id)
        fields: dict[str, Any] = {**command, "comment": "So."}
        await marketplace.by("client", order_id, fields.pop("command"), **fields)
        await set_back(pool, order_id, before)
    await set_back(pool, unknown, {table: [] for table in nothing})

    usual, full = await found(marketplace.recourse), await found(marketplace.recourse, full=True)

    # What only somebody wrote shows in no list.
    assert set(usual) == {(lost, "orphaned"), (behind, "database_behind"), (unknown, "database_behind")}
    assert set(full) == {*usual, (quiet, "database_behind")}
    assert full[lost, "orphaned"].do == f"recourse order revive {lost}"
    assert full[unknown, "database_behind"].do == f"recourse order repair {unknown}"
    assert "terminated" in full[lost, "orphaned"].says
    assert lost in {order_id async for order_id in suspects(marketplace.recourse, open_only=True)}


async def test_money_records_clocks_and_notices_are_looked_at(marketplace: Marketplace) -> None:
    pool = marketplace.recourse.pool
    rich, forged, stuck, untold = [await marketplace.order() for _ in range(4)]
    for order_id in (rich, forged, stuck, untold):
        await marketplace.by("client", order_id, "message", comment="Hello")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE ledger_entries SET amount = 1 WHERE order_id = $1 AND account = 'escrow'", rich
        )
        await connection.execute(
            'UPDATE record_entries SET content = content || \'{"from": "x"}\' WHERE order_id = $1', forged
        )
        await connection.execute("UPDATE orders SET next_clock_at = now() - interval '1h' WHERE order_id = $1", stuck)
        await connection.execute(
            "INSERT INTO deliveries (notice_id, channel, attempts, last_error) "
            "SELECT id, 'webhook', 3, '500' FROM notices WHERE order_id = $1",
            untold,
        )

    all_found = await found(marketplace.recourse, full=True)

    assert set(all_found) == {(rich, "ledger"), (forged, "record"), (stuck, "stuck"), (untold, "not_delivered")}
    assert "1 for escrow" in all_found[rich, "ledger"].says
    assert all_found[untold, "not_delivered"].do == f"recourse outbox retry {untold}"
    assert [one.kind async for one in Doctor(marketplace.recourse).one(forged)] == ["record"]


async def test_a_queue_without_a_worker_and_a_schema_that_is_not_up_to_date(marketplace: Marketplace) -> None:
    nobody = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=f"nobody-{marketplace.queue}")
    assert set(await found(nobody)) == {(None, "no_worker")}
    await marketplace.recourse.pool.execute("DELETE FROM migrations WHERE name LIKE '0005%'")
    assert [one.kind async for one in Doctor(nobody).everything()] == ["schema"]


async def test_open_orders_without_a_workflow_are_counted_and_no_number_is_shown_where_nobody_can_tell(
    marketplace: Marketplace,
) -> None:
    recourse = marketplace.recourse
    lost, led = await marketplace.order(), await marketplace.order()
    for order_id in (lost, led):
        await marketplace.by("client", order_id, "message", comment="Hello")
    await marketplace.handle(lost).terminate()
    orphans = Orphans(lambda: count_orphaned(recourse))
    now = 0.0
    collector = Collector(recourse.pool, lambda: now, orphans)

    assert ORPHANED not in await collector.text()
    await orphans.look()
    now = KEPT
    assert f"{ORPHANED} 1\n" in await collector.text()

    async def away() -> int:
        raise TemporalUnreachable("nobody answers")

    gone = Orphans(away)
    gone.found = 1
    await gone.look()
    assert gone.found is None


async def test_an_order_whose_task_fails_again_and_again(tmp_path: Path, pool: Any) -> None:
    server = LocalTemporal(await find_program(), tmp_path, settings=AT_THE_FIRST_FAILURE)
    await server.start()
    try:
        async with working(server.address, pool, workflows=[Faulty]) as marketplace:
            order_id = await marketplace.order()
            doctor = Doctor(marketplace.recourse)
            async with asyncio.timeout(PATIENCE):
                failing: list[Ailment] = []
                while not failing:
                    failing = [one async for one in doctor.everything() if one.kind == "tasks_fail"]
        assert [(one.order_id, one.do) for one in failing] == [(order_id, "docs/runbooks/tasks-fail.md")]
    finally:
        await server.stop()


async def test_a_task_queue_may_have_any_name(marketplace: Marketplace) -> None:
    for name in ("o'hara", 'a "b"', "a\\'b", "\\"):
        odd = Recourse(marketplace.client, marketplace.recourse.pool, task_queue=name)
        assert set(await found(odd)) == {(None, "no_worker")}
