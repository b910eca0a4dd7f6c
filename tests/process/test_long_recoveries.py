"""A long order, which went on from run to run, is revived and repaired like any other."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from temporalio.client import WorkflowHandle

from recourse.starter.recovering import Recovery
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace, working
from tests.process.setting_back import held, set_back, without_clocks
from tests.process.test_long_histories import CLIENT, comments, marketplace, runs, short_histories

__all__ = ["marketplace", "short_histories"]


async def test_what_a_database_lost_is_found_in_earlier_runs(marketplace: Marketplace) -> None:
    pool, order_id = marketplace.recourse.pool, await marketplace.order()
    for number in range(10):
        await marketplace.by("client", order_id, "message", comment=f"{number}")
    before: Any = await held(pool, order_id)
    for number in range(40):
        await marketplace.by("client", order_id, "message", comment=f"later {number}")
    after = await held(pool, order_id)
    await set_back(pool, order_id, before)
    recovery = Recovery(marketplace.recourse)

    found = await recovery.examine(order_id)
    done = await recovery.repair(order_id)

    assert len(await runs(marketplace.client, order_id)) > 2
    assert (found.state, done.written) == ("database_behind", 40)
    assert without_clocks(await held(pool, order_id)) == without_clocks(after)
    assert (await marketplace.by("client", order_id, "message", comment="It goes on.")).applied


async def test_a_flood_that_a_lost_run_had_not_decided_is_decided_once_each(short_histories: str, pool: Any) -> None:
    async with working(short_histories, pool) as lost:
        order_id = await lost.order()
        await lost.by("client", order_id, "message", comment="first")
        await _flood(lost.handle(order_id), range(75))
    # The worker has ended in the midst of it, and decides nothing any more.
    await _flood(lost.handle(order_id), range(75, 150))
    await lost.handle(order_id).terminate()

    async with working(short_histories, pool) as marketplace:
        await Recovery(marketplace.recourse).revive(order_id)
        async with asyncio.timeout(PATIENCE):
            while len(await comments(marketplace, order_id)) < 151:  # noqa: ASYNC110 - they are in the database
                await asyncio.sleep(0.05)
        await marketplace.by("client", order_id, "message", comment="last")

        told = Counter(await comments(marketplace, order_id))
        assert told == Counter(["first", *(f"{n}" for n in range(150)), "last"])


async def _flood(handle: WorkflowHandle[Any, Any], numbers: Iterable[int]) -> None:
    async with asyncio.TaskGroup() as sending:
        for number in numbers:
            sending.create_task(handle.signal("message", {"actor": CLIENT, "comment": f"{number}"}))
