"""Reading: pages of orders, answers of orders that answer no more, addresses for mail, facts."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from recourse.database.facts import read_histories
from recourse.database.lists import list_orders
from recourse.database.orders import (
    read_answer,
    read_balances,
    read_export,
    read_notices,
    read_order,
    read_record,
    write_contacts,
)
from recourse.database.steps import record_step
from recourse.policies import load_policy
from recourse.resolution.model.terms import Histories
from tests.facts.lives import live


async def test_of_an_order_that_is_not_there_nothing_is_read(pool: Any) -> None:
    assert await read_order(pool, "o-none") is None
    assert await read_export(pool, "o-none", "operator", datetime.now(UTC)) is None
    assert await read_answer(pool, "o-none", "client:c-1", "id-1") is None
    assert await read_record(pool, "o-none") == []
    assert await read_notices(pool, "o-none") == []
    assert set((await read_balances(pool, "o-none")).values()) == {0}
    assert await list_orders(pool) == []


async def test_pages_of_orders_hold_each_order_once_in_order_of_its_id(pool: Any) -> None:
    for number in range(7):
        life = live(Random(number), order_id=f"o-{number}", moves=0, close=False)
        await record_step(pool, life.steps[0])
    found, after = [], ""
    while page := await list_orders(pool, after=after, limit=3):
        found += [row.order_id for row in page]
        after = found[-1]
    assert found == [f"o-{number}" for number in range(7)]


async def test_the_address_of_a_party_is_kept_and_replaced(pool: Any) -> None:
    await write_contacts(pool, "o-1", {"client": "old@example.org", "freelancer": "f@example.org"})
    await write_contacts(pool, "o-1", {"client": "new@example.org"})
    rows = await pool.fetch("SELECT role, email FROM contacts WHERE order_id = 'o-1' ORDER BY role")
    assert [tuple(row) for row in rows] == [("client", "new@example.org"), ("freelancer", "f@example.org")]


@pytest.mark.parametrize("policy", ["resolution_center", "upwork", "glimmer"])
async def test_an_order_can_be_opened_with_what_the_two_have_behind_them(pool: Any, policy: str) -> None:
    assert await read_histories(pool, "c-1", "f-1", load_policy(policy), datetime.now(UTC)) == Histories()
    for seed in range(12):
        life = live(Random(seed), load_policy(policy), order_id=f"o-{seed}")
        for step in life.steps:
            await record_step(pool, step)
    found = await read_histories(pool, "c-1", "f-1", load_policy(policy), datetime.now(UTC))
    assert (found.freelancer.completed > 0) == (policy != "glimmer")
    assert await read_histories(pool, "c-2", "f-2", load_policy(policy), datetime.now(UTC)) == Histories()


async def test_facts_that_a_newer_release_added_to_are_read(pool: Any) -> None:
    life = next(life for seed in range(100) if (life := live(Random(seed))).order.phase == "canceled")
    for step in life.steps:
        await record_step(pool, step)
    policy, early = load_policy("resolution_center"), life.order.terms.ordered_at
    known = await read_histories(pool, "c-1", "f-1", policy, datetime.now(UTC))
    view = await pool.fetchval("SELECT pg_get_viewdef('analysis.closed_orders'::regclass)")
    assert view.count(" AS debt\n") == 1
    grown = view.replace(" AS debt\n", " AS debt,\n    'phone'::text AS device\n")
    await pool.execute(f"CREATE OR REPLACE VIEW analysis.closed_orders AS {grown}")
    for column in ("how", "exempt_because", "lateness"):
        await pool.execute(f"ALTER TABLE facts DROP CONSTRAINT facts_{column}_check")
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE facts SET how = 'abandoned', exempt_because = 'strike', lateness = 'lost'")

    assert (await read_histories(pool, "c-1", "f-1", policy, datetime.now(UTC))).freelancer.bad == known.freelancer.bad
    assert await read_histories(pool, "c-1", "f-1", policy, early) == Histories()
