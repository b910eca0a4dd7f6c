"""Orders in every phase lose their workflows, are revived, and live to their ends; docs/runbooks/orders-orphaned.md."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from recourse.local.temporal import LocalTemporal, find_program
from recourse.runtime.temporal_connection import connect
from tests.drills.conftest import PLANS, Site, come_this_far, lived_to_the_end
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

RUNNING = "WorkflowType = 'Order' AND ExecutionStatus = 'Running'"


async def end_well(site: Site, marketplace: Marketplace, order_ids: list[str]) -> None:
    """All that is asked of a drill: every order lives to its end, and nobody pays or hears anything twice."""
    await site.is_well(marketplace)
    for order_id in order_ids:
        await lived_to_the_end(marketplace, order_id)
    await site.is_well(marketplace)
    await site.all_is_told(marketplace, order_ids)
    await site.all_is_paid(marketplace, order_ids)


async def test_twenty_orders_in_every_phase_are_terminated_and_revived(site: Site) -> None:
    async with site.working() as marketplace:
        plans = [*PLANS, *PLANS][:20]
        order_ids = [await come_this_far(site, marketplace, plan) for plan in plans]
        for order_id in order_ids:
            await marketplace.handle(order_id).terminate()
        await none_is_listed(marketplace.client)

        found = await site.recourse("doctor", "--json")
        revived = await site.recourse("order", "revive", "--all", "--yes")

        assert found.status == 1, found.error
        assert {one["order_id"] for one in found.json["findings"]} == set(order_ids)
        assert revived.status == 0, revived.error
        await end_well(site, marketplace, order_ids)


async def test_temporal_is_wiped_and_every_order_is_revived(site: Site) -> None:
    async with site.working() as marketplace:
        order_ids = [await come_this_far(site, marketplace, plan) for plan in PLANS]
    await site.wipe_temporal()

    async with site.working() as marketplace:
        revived = await site.recourse("order", "revive", "--all", "--yes", "--json")
        assert {one["order_id"] for one in revived.json} == set(order_ids)
        await end_well(site, marketplace, order_ids)


async def test_orders_move_to_another_temporal_while_they_are_open(site: Site, tmp_path: Path) -> None:
    async with site.working() as marketplace:
        order_ids = [await come_this_far(site, marketplace, plan) for plan in PLANS]
    (tmp_path / "new").mkdir()
    former, site.temporal = site.temporal, LocalTemporal(await find_program(), tmp_path / "new")
    await site.temporal.start()
    try:
        async with site.working() as marketplace:
            assert (await site.recourse("order", "revive", "--all", "--yes")).status == 0
            await end_well(site, marketplace, order_ids)
        await ended_on(former)
    finally:
        await site.temporal.stop()
        site.temporal = former


async def ended_on(former: LocalTemporal) -> None:
    """End every workflow that the Temporal before still has, as the runbook says."""
    words = ("workflow", "terminate", "--query", RUNNING, "--reason", "moved", "--yes", "--address", former.address)
    ending = await asyncio.create_subprocess_exec(await find_program(), *words, stdout=asyncio.subprocess.DEVNULL)
    assert await ending.wait() == 0
    await none_is_listed(await connect(target_host=former.address))


async def none_is_listed(client: Client) -> None:
    """Wait until Temporal's list, which follows a little later, has no running order any more."""
    async with asyncio.timeout(PATIENCE):
        while (await client.count_workflows(RUNNING)).count:  # noqa: ASYNC110 - they are on the server
            await asyncio.sleep(0.1)
