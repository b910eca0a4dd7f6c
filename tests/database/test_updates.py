"""A step touches few indexes: the state changes on its page, and what lists show only where it is another."""

import asyncio
from random import Random
from typing import Any

import asyncpg
import pytest

from recourse.database.pool import connect
from recourse.database.steps import record_step
from tests.facts.lives import live
from tests.facts.stories import played
from tests.patience import PATIENCE

STATS = "SELECT n_tup_upd AS all, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = $1"
STORIES = ("s03a-silence-on-clients-request", "s18a-undo-inside-the-window", "s22a-appeal", "s63-messages-and-evidence")


async def counted(dsn: str, table: str, updates: int) -> dict[str, int]:
    """The updates of a table, once PostgreSQL has counted as many."""
    server = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(PATIENCE):
            while (  # noqa: ASYNC110 - what it waits for is on the server
                found := dict(await server.fetchrow(STATS, table) or {"all": 0})
            )["all"] < updates:
                await asyncio.sleep(0.05)
        return found
    finally:
        await server.close()


@pytest.mark.parametrize("of", ["stories", "random lives"])
async def test_every_change_of_where_an_order_stands_is_hot_and_lists_change_only_where_they_must(
    dsn: str, of: str
) -> None:
    lives = (
        [await played(name, order_id=f"{name}-{number}") for name in STORIES for number in range(5)]
        if of == "stories"
        else [live(Random(seed), order_id=f"o-{seed}") for seed in range(30)]
    )
    pool = await connect(dsn, most=1)
    # Turn by turn, as many orders go on at the same time and share pages.
    for number in range(max(len(life.steps) for life in lives)):
        for life in lives:
            if number < len(life.steps):
                await record_step(pool, life.steps[number])
    await pool.close()

    updates = sum(len(life.steps) - 1 for life in lives)
    states = await counted(dsn, "order_states", updates)
    assert states["all"] == updates
    # Some states are so large that two of them fill a page.
    assert states["hot"] >= 0.95 * updates
    shown = sum(
        before.summary != after.summary
        for life in lives
        for before, after in zip(life.steps, life.steps[1:], strict=False)
    )
    assert (await counted(dsn, "orders", shown))["all"] == shown < updates


async def test_where_an_order_stands_has_no_index_but_its_key(pool: Any) -> None:
    found = await pool.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'order_states'")
    assert [row["indexname"] for row in found] == ["order_states_pkey"]


async def test_what_an_order_was_opened_with_is_written_once(pool: Any) -> None:
    life = live(Random(4), order_id="o-4")
    for step in life.steps:
        await record_step(pool, step)
    assert [step.number for step in life.steps if step.opening is not None] == [0]
    assert await pool.fetchval("SELECT opening FROM openings") == life.opening.model_dump(mode="json")
    assert await pool.fetchval("SELECT state ? 'opening' FROM order_states") is False
