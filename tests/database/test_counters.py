"""Counters always equal what a count over all facts that stand would find, whoever wrote them and at once with whom."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from recourse import worker
from recourse.database.counting import count_facts
from recourse.database.facts import read_histories
from recourse.database.figures import read_figures
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.policies import load_policy
from recourse.resolution.model.facts import Facts
from recourse.resolution.model.terms import Histories
from recourse.resolution.shown import scores
from recourse.resolution.shown.scores import COMPLETION_RATE, JOB_SUCCESS, Calculator, Tally, histories
from tests.database.test_analysis import made_up
from tests.facts.lives import live
from tests.facts.stories import NAMES, played
from tests.patience import PATIENCE

MARCH = datetime(2025, 3, 3, tzinfo=UTC)
# The long way round: every closed order is counted, and the middle of all hours is found, to a tenth each.
COUNTED = {
    "endings": """
        SELECT
            policy, ending, how, exempt_because, count(*) AS orders,
            round(100 * count(*) / sum(count(*)) OVER (PARTITION BY policy), 1) AS share,
            round(100 * avg(gross::numeric / price), 1) AS paid_share,
            round(percentile_cont(0.5) WITHIN GROUP (
                ORDER BY round(extract(EPOCH FROM closed_at - ordered_at) / 360)
            )::numeric / 10, 1) AS median_hours
        FROM analysis.closed_orders
        GROUP BY policy, ending, how, exempt_because
    """,
    "reasons_by_week": """
        SELECT
            date_trunc('week', closed_at AT TIME ZONE 'UTC')::date AS week,
            policy, initiator, reason, fault, count(*) AS cancellations
        FROM analysis.closed_orders
        WHERE ending = 'canceled'
        GROUP BY 1, policy, initiator, reason, fault
    """,
}


def sums(closed: list[Facts], calculator: Calculator) -> dict[str, tuple[Tally, int, float | None]]:
    """Each freelancer's tally, how many were counted in no way, and the score, by the rules."""
    found = {}
    for freelancer in {one.freelancer for one in closed if one.calculator == calculator.name}:
        own = [one for one in closed if one.freelancer == freelancer and one.calculator == calculator.name]
        tally = sum((calculator.counts(one) for one in own), start=Tally())
        found[freelancer] = tally, len(own) - tally.counted, calculator.of(own)
    return found


async def standing(connection: Any) -> list[Facts]:
    return [Facts(**dict(row)) for row in await connection.fetch("SELECT * FROM analysis.closed_orders")]


async def check(pool: Any) -> list[Facts]:
    """Every counter against all facts; returns these."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        closed = await standing(connection)
        for view, query in COUNTED.items():
            rows = sorted(map(tuple, await connection.fetch(f"SELECT * FROM analysis.{view}")), key=str)
            assert rows == sorted(map(tuple, await connection.fetch(query)), key=str), view
        rows = await connection.fetch("SELECT * FROM analysis.completion_rate")
        assert {r["freelancer"]: (r["completed"], r["completed"] + r["canceled"], r["exempt"]) for r in rows} == {
            who: (tally.good, tally.counted, out) for who, (tally, out, _) in sums(closed, COMPLETION_RATE).items()
        }
        rows = await connection.fetch("SELECT * FROM analysis.job_success")
        assert {r["freelancer"]: (r["good"], r["bad"], r["neither"], r["left_out"]) for r in rows} == {
            who: (tally.good, tally.bad, tally.counted - tally.good - tally.bad, out)
            for who, (tally, out, _) in sums(closed, JOB_SUCCESS).items()
        }
        for view, calculator in (("completion_rate", COMPLETION_RATE), ("job_success", JOB_SUCCESS)):
            rows = await connection.fetch(f"SELECT freelancer, {view}::float8 AS score FROM analysis.{view}")
            expected = {who: score for who, (_, _, score) in sums(closed, calculator).items()}
            assert {row["freelancer"]: row["score"] for row in rows} == expected
    return closed


def freelancer(number: int) -> str:
    return f"f-{number % 7}"


def changed(random: Random, number: int, before: Facts | None) -> Facts | None:
    """What stands next of an order: nothing (reopened), the same with a review, exempt, or another end of it."""
    if before is None or random.random() < 0.3:
        fact = made_up(random, number, freelancer(number), MARCH + timedelta(hours=random.randrange(900)))
        policy, reason = random.choice(("one", "two")), random.choice((None, "late", "ill"))
        return fact.model_copy(
            update={
                "policy": before.policy if before else policy,
                "calculator": before.calculator if before else fact.calculator,
                "client": f"c-{number % 5}",
                "ordered_at": fact.closed_at
                - timedelta(seconds=random.choice((0, 359, 10_000, random.randrange(10**6)))),
                "reason": None if fact.completed else reason,
            }
        )
    return random.choice(
        (
            None,
            before.model_copy(update={"client_private": random.choice(("positive", "negative"))}),
            before.model_copy(update={"client_public": "positive"}),
            before.model_copy(update={"exempt": True, "exempt_because": "operator"}),
            before.model_copy(update={"fault": "client"}),
        )
    )


async def write(pool: Any, number: int, step: int, fact: Facts | None) -> None:
    """As a step does, at once."""
    whole = {"ending": "reopened"} if fact is None else fact.model_dump(mode="json")
    await pool.execute(
        "WITH written AS ("
        "INSERT INTO facts SELECT f.* FROM jsonb_populate_record(NULL::facts, $1::jsonb) AS f RETURNING order_id, step"
        ") INSERT INTO uncounted (order_id, step, freelancer) SELECT order_id, step, $2 FROM written",
        {**whole, "order_id": f"o-{number}", "step": step},
        freelancer(number),
    )


async def lead(
    pool: Any, seed: int, numbers: range, first: int = 1, stands: dict[int, Facts | None] | None = None
) -> Any:
    """Some orders through random changes, one after the other; returns what stands."""
    random, now = Random(seed), stands if stands is not None else dict[int, Facts | None]()
    for step in range(first, first + 5):
        for number in random.sample(numbers, len(numbers)):
            now[number] = changed(random, number, now.get(number))
            await write(pool, number, step, now[number])
    return now


async def without_orders(pool: Any) -> None:
    await pool.execute("ALTER TABLE facts DROP CONSTRAINT facts_order_id_fkey")


async def test_they_follow_orders_that_close_reopen_are_ruled_again_exempted_and_reviewed_at_once(pool: Any) -> None:
    await without_orders(pool)
    crowd = [range(start, start + 20) for start in range(0, 160, 20)]
    found = await asyncio.gather(*(lead(pool, seed, numbers) for seed, numbers in enumerate(crowd)))
    expected = [fact for part in found for fact in part.values() if fact]
    closed = await check(pool)
    assert sorted(closed, key=lambda one: one.order_id) == sorted(expected, key=lambda one: one.order_id)
    assert 60 < len(closed) < 160


async def test_they_follow_the_lives_of_orders_as_workers_write_them(pool: Any) -> None:
    lives = [live(Random(seed), order_id=f"o-{seed}", freelancer=f"f-{seed % 3}") for seed in range(60)]
    lives += [await played(name, order_id=name) for name in NAMES if name.startswith(("s18", "s24", "s104"))]

    async def written(life: Any) -> None:
        for step in life.steps:
            await record_step(pool, step)

    await asyncio.gather(*map(written, lives))
    assert len(await check(pool)) > 40


async def test_where_all_is_taken_back_nothing_is_shown(pool: Any) -> None:
    await without_orders(pool)
    for number in range(20):
        await write(pool, number, 1, changed(Random(number), number, None))
    await check(pool)
    for number in range(20):
        await write(pool, number, 2, None)
    assert await check(pool) == []


@pytest.fixture
async def queue(pool: Any) -> list[Facts]:
    """What stands of orders whose facts wait in the queue, all of them."""
    await without_orders(pool)
    stands = await lead(pool, 1, range(80))
    assert await waiting(pool) > 200
    return [fact for fact in stands.values() if fact]


async def waiting(pool: Any) -> int:
    found: int = await pool.fetchval("SELECT count(*) FROM uncounted")
    return found


async def test_what_is_shown_is_the_same_before_between_and_after_counting(pool: Any, queue: list[Facts]) -> None:
    rows = await pool.fetchval("SELECT count(*) FROM completion_counts")
    assert rows == 0
    assert len(await check(pool)) == len(queue)
    while await pool.fetchval("SELECT count_facts(37)"):
        assert len(await check(pool)) == len(queue)
    assert await waiting(pool) == 0
    assert await pool.fetchval("SELECT sum(orders) FROM ending_counts") == len(queue)


async def test_many_who_count_while_orders_go_on_count_each_once(dsn: str) -> None:
    pools = [await connect(dsn, most=4) for _ in range(3)]
    await without_orders(pools[0])
    over = asyncio.Event()

    async def keep_counting(pool: Any) -> None:
        while not over.is_set():
            await pool.fetchval("SELECT count_facts(5)")

    async def write_all() -> None:
        await asyncio.gather(*(lead(pools[0], seed, range(20 * seed, 20 * seed + 20)) for seed in range(4)))
        over.set()

    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(write_all(), *(keep_counting(pool) for pool in pools[1:] * 2))
            await count_facts(pools[0])
        assert await waiting(pools[0]) == 0
        assert len(await check(pools[0])) > 30
    finally:
        for pool in pools:
            await pool.close()


async def test_a_count_that_is_cut_off_leaves_all_in_the_queue(pool: Any, queue: list[Facts]) -> None:
    before = await waiting(pool)
    async with pool.acquire() as connection:
        cut = connection.transaction()
        await cut.start()
        assert await connection.fetchval("SELECT count_facts(100)") == 100
        # Meanwhile nobody else counts, and nobody waits.
        assert await count_facts(pool) == 0
        await cut.rollback()
    assert await waiting(pool) == before
    assert await count_facts(pool) == before
    assert len(await check(pool)) == len(queue)


async def test_a_step_waits_for_no_counter(pool: Any) -> None:
    """Not even where somebody has locked all of them."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK completion_counts, success_counts, ending_counts, ending_tenths, reason_counts")
        life = live(Random(4), order_id="o-4")
        async with asyncio.timeout(PATIENCE):
            for step in life.steps:
                await record_step(pool, step)
    assert await waiting(pool) == sum(step.reopened or step.facts is not None for step in life.steps) > 0


async def test_a_worker_counts_the_queue_again_after_it_could_not(
    pool: Any, queue: list[Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "COUNTS_EVERY", 0.01)
    await pool.execute("ALTER FUNCTION count_facts(bigint) RENAME TO lost")
    with capture_logs() as logs:
        counting = asyncio.create_task(worker.keep_counting(pool))
        async with asyncio.timeout(PATIENCE):
            while not logs:  # noqa: ASYNC110 - what it waits for is on the server
                await asyncio.sleep(0)
            assert logs[0]["event"] == "closed orders were not counted"
            await pool.execute("ALTER FUNCTION lost(bigint) RENAME TO count_facts")
            while await waiting(pool):  # noqa: ASYNC110 - what it waits for is on the server
                await asyncio.sleep(0)
        counting.cancel()
    assert len(await check(pool)) == len(queue)


async def test_scores_come_in_their_order_from_an_index_though_some_are_queued(pool: Any, queue: list[Facts]) -> None:
    await pool.execute(
        "INSERT INTO completion_counts SELECT 'g-' || n, n % 50, n % 7, 0 FROM generate_series(1, 20000) AS n"
    )
    await pool.execute("ANALYZE completion_counts, uncounted")
    query = "SELECT * FROM analysis.completion_rate ORDER BY completion_rate, freelancer LIMIT 50"
    plan = "\n".join(row[0] for row in await pool.fetch(f"EXPLAIN {query}"))
    assert "Index Scan using completion_counts_by_rate" in plan
    found = [(row["completion_rate"], row["freelancer"]) for row in await pool.fetch(query)]
    assert found == sorted(found)


async def test_how_far_behind_they_are_is_a_figure(pool: Any, queue: list[Facts]) -> None:
    await pool.execute("UPDATE uncounted SET since = since - interval '1 hour' WHERE step = 2")
    assert 3600 <= (await read_figures(pool))["recourse_statistics_behind_seconds"] < 4200
    await count_facts(pool)
    assert (await read_figures(pool))["recourse_statistics_behind_seconds"] == 0


async def test_who_writes_facts_cannot_write_counters(dsn: str) -> None:
    connection = await asyncpg.connect(f"{dsn}?role=recourse_app")
    for table in ("completion_counts", "success_counts", "ending_counts", "ending_tenths", "reason_counts"):
        for statement in (f"DELETE FROM {table}", f"INSERT INTO {table} DEFAULT VALUES", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("calculator", ["none", "completion_rate", "job_success", "price"])
async def test_what_two_have_behind_them_is_what_all_their_closed_orders_say(
    pool: Any, calculator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = Calculator("price", counts=lambda one: Tally(good=one.gross, counted=one.price))
    monkeypatch.setitem(scores._CALCULATORS, "price", price)
    await without_orders(pool)
    await lead(pool, 7, range(150))
    await pool.execute(
        "INSERT INTO facts SELECT r.* FROM analysis.closed_orders AS c, jsonb_populate_record(NULL::facts, "
        "to_jsonb(c) || jsonb_build_object('step', 1, 'order_id', c.order_id || '-p', 'calculator', 'price')) AS r"
    )
    closed = await standing(pool)
    random, seen = Random(8), set[Histories]()
    for _ in range(60):
        within = random.choice(("1h", "5d", "60d"))
        policy = load_policy("upwork", {"scores.calculator": calculator, "flags.repeat_canceler.within": within})
        client, freelancer = f"c-{random.randrange(6)}", f"f-{random.randrange(8)}"
        # In the middle of what there is, to the very instant at which an order closed, and after all.
        at = random.choice((random.choice(closed).closed_at, MARCH + timedelta(hours=random.randrange(1_000))))
        found = await read_histories(pool, client, freelancer, policy, at)
        assert found == histories(closed, client, freelancer, policy, at)
        seen.add(found)
    assert len(seen) > 8
