"""The database, or Temporal, is set back behind the other, and both are brought together again.

docs/runbooks/database-set-back.md, docs/runbooks/temporal-set-back.md
"""

from typing import Any

from tests.conftest import run_on
from tests.drills.conftest import CANCEL, PLANS, Plan, Site, come_this_far, lived_to_the_end
from tests.process.setting_back import held, without_clocks

LATER = Plan("opened later", (CANCEL,))


async def everything(site: Site, order_ids: list[str]) -> dict[str, Any]:
    """What the database holds of these orders."""
    async with site.connected() as marketplace:
        return {one: without_clocks(await held(marketplace.recourse.pool, one)) for one in order_ids}


async def test_a_database_set_back_by_minutes_gets_its_steps_hash_for_hash(site: Site, postgres_server: str) -> None:
    live = site.dsn.rpartition("/")[2]
    async with site.working() as marketplace:
        order_ids = [await come_this_far(site, marketplace, plan) for plan in PLANS]
    await run_on(postgres_server, f"CREATE DATABASE {live}_kept TEMPLATE {live}")
    async with site.working() as marketplace:
        for order_id in order_ids[::2]:
            await marketplace.by("client", order_id, "message", comment="Are you there?")
            await marketplace.by("freelancer", order_id, "message", comment="I am.")
        order_ids.append(await come_this_far(site, marketplace, LATER))
        await lived_to_the_end(marketplace, order_ids[1])
        order_ids.append(await come_this_far(site, marketplace, LATER))
        await site.all_is_told(marketplace, order_ids)
    before = await everything(site, order_ids)
    await run_on(postgres_server, f"DROP DATABASE {live} WITH (FORCE)", f"ALTER DATABASE {live}_kept RENAME TO {live}")

    async with site.working() as marketplace:
        found = await site.recourse("doctor", "--full", "--json")
        repaired = await site.recourse("order", "repair", "--all", "--yes")
        assert found.status == 1
        assert {one["kind"] for one in found.json["findings"]} == {"database_behind"}
        assert repaired.status == 0, repaired.output + repaired.error
        assert await everything(site, order_ids) == before
        await site.is_well(marketplace)
        for order_id in order_ids:
            if order_id != order_ids[1]:
                await lived_to_the_end(marketplace, order_id)
        await site.is_well(marketplace)
        await site.all_is_told(marketplace, order_ids)
        await site.all_is_paid(marketplace, order_ids)


async def test_a_temporal_that_is_older_than_the_database_goes_on_from_the_database(site: Site) -> None:
    async with site.working() as marketplace:
        order_ids = [await come_this_far(site, marketplace, plan) for plan in PLANS]

    async def meanwhile() -> None:
        async with site.working() as marketplace:
            for order_id in order_ids[::2]:
                await marketplace.by("client", order_id, "message", comment="Are you there?")
            order_ids.append(await come_this_far(site, marketplace, LATER))
            await lived_to_the_end(marketplace, order_ids[1])

    await site.as_temporal_was(meanwhile)
    async with site.working() as marketplace:
        found = await site.recourse("doctor", "--full", "--json")
        revived = await site.recourse("order", "revive", "--all", "--full", "--yes")
        assert {one["kind"] for one in found.json["findings"]} == {"orphaned", "temporal_behind"}
        assert revived.status == 0, revived.output + revived.error
        await site.is_well(marketplace)
        for order_id in order_ids:
            await lived_to_the_end(marketplace, order_id)
        await site.is_well(marketplace)
        await site.all_is_told(marketplace, order_ids)
        await site.all_is_paid(marketplace, order_ids)
