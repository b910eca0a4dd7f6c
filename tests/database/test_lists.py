"""Lists of orders: each filter finds what it says, by an index, and pages hold each row once."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.many_orders import fill
from bench.reads import KEY, reads
from recourse.database.lists import (
    ANY,
    ListedOrder,
    Wanted,
    list_orders,
    orders_due,
    orders_updated,
    orders_with_stuck_money,
    policies_in_use,
    undecided_cases,
)
from recourse.database.outbox import orders_with_undelivered, undelivered
from recourse.database.pool import connect
from recourse.database.steps import record_step
from tests.conftest import run_on
from tests.rules.given import Given, completed, reported

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
COUNT = 20_000


@pytest.fixture(scope="module")
async def many(postgres_server: str, migrated: str) -> AsyncIterator[Any]:
    """A database of many orders, which no test changes."""
    await run_on(postgres_server, "CREATE DATABASE recourse_lists TEMPLATE " + migrated)
    pool = await connect(postgres_server.rsplit("/", 1)[0] + "/recourse_lists")
    await fill(pool, COUNT, NOW)
    yield pool
    await pool.close()
    await run_on(postgres_server, "DROP DATABASE recourse_lists WITH (FORCE)")


class Explaining:
    """Stands where a pool is asked, and keeps how PostgreSQL would go about each question."""

    def __init__(self, pool: Any) -> None:
        self.pool, self.plans = pool, list[str]()

    async def fetch(self, query: str, *values: Any) -> Any:
        plan = await self.pool.fetchval(f"EXPLAIN (FORMAT JSON) {query}", *values)
        self.plans.append(plan if isinstance(plan, str) else json.dumps(plan))
        return await self.pool.fetch(query, *values)

    async def fetchrow(self, query: str, *values: Any) -> Any:
        return next(iter(await self.fetch(query, *values)), None)

    async def fetchval(self, query: str, *values: Any) -> Any:
        return next(iter(await self.fetchrow(query, *values) or ()), None)


COUNTERS = {"completion_counts", "success_counts", "ending_counts", "ending_tenths", "reason_counts"}
FEW = {"uncounted", "held_channels", "payments", "ledger_entries", "record_entries"}


def scanned_whole(plan: str) -> set[str]:
    """The tables that a plan reads from one end to the other."""
    found, waiting = set(), [json.loads(plan)[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan":
            found.add(node["Relation Name"])
    return found


@pytest.mark.parametrize("name", [name for name in reads(None, COUNT, NOW) if name != KEY])
async def test_every_read_goes_by_an_index(many: Any, name: str) -> None:
    explaining = Explaining(many)
    await reads(explaining, COUNT, NOW)[name]()
    assert explaining.plans
    # These are a few rows here, which are read whole whatever index they have.
    assert set().union(*map(scanned_whole, explaining.plans)) <= {*COUNTERS, *FEW}


@pytest.mark.parametrize(
    ("wanted", "condition"),
    [
        (Wanted(phase="delivered"), "phase = 'delivered'"),
        (Wanted(policy="glimmer", phase="in_progress"), "policy = 'glimmer' AND phase = 'in_progress'"),
        (Wanted(client="c-8"), "client = 'c-8'"),
        (Wanted(freelancer="f-8"), "freelancer = 'f-8'"),
        (Wanted(settlement="held"), "settlement = 'held'"),
        (Wanted(settlement="retrying"), "settlement = 'retrying'"),
        (Wanted(how="ruling"), "how = 'ruling'"),
        (ANY, "order_id < 'o-000000500'"),
    ],
)
async def test_a_filter_finds_all_that_it_says_each_once_page_by_page(
    many: Any, wanted: Wanted, condition: str
) -> None:
    expected = [row[0] for row in await many.fetch(f"SELECT order_id FROM orders WHERE {condition} ORDER BY 1")]
    found, after = list[str](), ""
    while len(found) < len(expected) and (page := await list_orders(many, wanted, after=after, limit=301)):
        found += [row.order_id for row in page]
        after = found[-1]
    assert found[: len(expected)] == expected
    assert expected or wanted.settlement == "retrying"


async def test_what_is_due_comes_first_due_first_page_by_page(many: Any) -> None:
    before = NOW + timedelta(days=4)
    expected = await many.fetch(
        "SELECT order_id FROM orders WHERE due_at < $1 AND closed_at IS NULL ORDER BY due_at, order_id", before
    )
    found, after = list[ListedOrder](), None
    while page := await orders_due(many, "due_at", before, after=after, limit=301):
        found += page
        due_at = found[-1].due_at
        assert due_at
        after = due_at, found[-1].order_id
    assert [row.order_id for row in found] == [row["order_id"] for row in expected]
    assert len(found) > 301


async def test_what_changed_since_comes_in_the_order_of_its_changes_page_by_page(many: Any) -> None:
    since, before = NOW - timedelta(days=30), NOW + timedelta(days=4)
    for condition, filters in (
        ("true", {}),
        ("policy = 'glimmer'", {"wanted": Wanted(policy="glimmer")}),
        ("due_at < $2 AND closed_at IS NULL", {"due_before": before}),
    ):
        expected = await many.fetch(
            f"SELECT order_id FROM orders WHERE updated_at > $1 AND {condition} ORDER BY updated_at, order_id",
            *((since, before) if "$2" in condition else (since,)),
        )
        found, after = list[ListedOrder](), None
        while page := await orders_updated(many, since, after=after, limit=301, **filters):
            found += page
            after = found[-1].updated_at, found[-1].order_id
        assert [row.order_id for row in found] == [row["order_id"] for row in expected]
        assert len(found) > 30


async def test_an_order_whose_clock_was_due_and_did_not_fire_is_stuck(many: Any) -> None:
    later = NOW + timedelta(hours=15)
    found = await orders_due(many, "next_clock_at", later, limit=COUNT)
    expected = await many.fetchval("SELECT count(*) FROM orders WHERE next_clock_at < $1", later)
    assert len(found) == expected > 0
    assert len(await orders_due(many, "next_clock_at", later, Wanted(policy="upwork"), limit=COUNT)) < expected


async def test_cases_are_found_by_policy_by_turn_and_by_what_is_overdue(many: Any) -> None:
    everything = await undecided_cases(many, limit=COUNT)
    assert len(await undecided_cases(many, policy="glimmer", limit=COUNT)) == len(everything) > 50
    assert await undecided_cases(many, policy="upwork") == []
    assert {row.turn for row in everything} == {"operator", "both"}
    assert {row.turn for row in await undecided_cases(many, turn="operator", limit=COUNT)} == {"operator"}
    middle = everything[len(everything) // 2].due_at
    due = await undecided_cases(many, due_by=middle, limit=COUNT)
    assert due == [row for row in everything if row.due_at <= middle]


async def test_the_policies_in_use_are_those_that_orders_have(many: Any, pool: Any) -> None:
    expected = [row[0] for row in await many.fetch("SELECT DISTINCT policy FROM orders ORDER BY 1")]
    assert await policies_in_use(many) == expected
    assert len(expected) > 1
    assert await policies_in_use(pool) == []


async def test_the_outbox_has_what_was_tried_and_not_taken_page_by_page(many: Any) -> None:
    everything = await undelivered(many, limit=COUNT)
    assert len(everything) == COUNT // 1000
    assert {row.last_error for row in everything} == {"webhook: the receiver answered 503"}
    last = everything[4]
    rest = await undelivered(many, after=last.place, limit=COUNT)
    assert rest == everything[5:]
    of_one = await undelivered(many, order_id=last.order_id)
    assert [row.order_id for row in of_one] == [last.order_id]
    assert await orders_with_undelivered(many) == sorted(row.order_id for row in everything)


async def test_stuck_money_is_what_is_blocked_came_back_or_is_disputed_each_order_once_page_by_page(pool: Any) -> None:
    blocked = Given(order_id="s-1", provider="bank")
    blocked.never_paid = {"refund"}
    refund = {"kind": "partial_refund", "amount": 1_000, "comment": "A part is late."}
    blocked.freelancer("request", **refund)
    blocked.client("accept")
    paid_again = blocked.fork()
    stuck = [
        reported(completed(order_id="s-0"), "returned", leg="1.payout"),
        blocked,
        reported(Given(order_id="s-2"), "chargeback_opened", amount=4_000),
        reported(completed(order_id="s-3", provider="bank"), "returned", leg="1.fee"),
    ]
    reported(stuck[3], "chargeback_opened", amount=1)
    over = reported(reported(Given(order_id="s-4"), "chargeback_opened", amount=5), "chargeback_closed", outcome="won")
    for given in (*stuck, over, completed(order_id="s-5", provider="bank")):
        for step in given.steps:
            await record_step(pool, step)
    assert await orders_with_stuck_money(pool) == ["s-0", "s-1", "s-2", "s-3"]
    assert await orders_with_stuck_money(pool, after="s-0", limit=2) == ["s-1", "s-2"]
    paid_again.never_paid = set()
    for step in paid_again.operator("retry_payment", leg="1.refund").steps:
        await record_step(pool, step)
    assert await orders_with_stuck_money(pool) == ["s-0", "s-2", "s-3"]
