"""The views for analysis count as the pure rules count, order by order and to the last decimal.

Rules [R40, R60, R62, R67-R77].
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, get_args

import pytest

from recourse.database.facts import read_histories
from recourse.database.steps import record_step
from recourse.resolution.model.facts import Facts, facts
from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import PARTIES, How, Party
from recourse.resolution.shown.scores import COMPLETION_RATE, JOB_SUCCESS, scores
from tests.facts.lives import Life, live, policy_of
from tests.facts.stories import NAMES, played

DOCS = Path(__file__).parents[2] / "docs" / "analysis.md"
VIEWS = (
    "closed_orders",
    "completion_rate",
    "job_success",
    "reasons_by_week",
    "endings",
    "cases",
    "case_endings",
    "repeat_cancelers",
)


async def lived(pool: Any, seeds: range) -> list[Life]:
    """Many orders between a few parties, each written as it would be."""
    lives = []
    for seed in seeds:
        life = live(Random(seed), order_id=f"o-{seed}", client=f"c-{seed % 5}", freelancer=f"f-{seed % 7}")
        for step in life.steps:
            await record_step(pool, step)
        lives.append(life)
    return lives


async def rows(pool: Any, view: str) -> list[dict[str, Any]]:
    return [dict(row) for row in await pool.fetch(f"SELECT * FROM analysis.{view}")]


def decimal(score: float | None) -> Decimal | None:
    return None if score is None else Decimal(str(score))


def half_up(number: float, places: str) -> Decimal:
    return Decimal(number).quantize(Decimal(places), ROUND_HALF_UP)


def rates(closed: Iterable[Facts]) -> dict[str, dict[str, Decimal | None]]:
    """Each freelancer's scores by the pure calculators."""
    by: dict[tuple[str, str], list[Facts]] = defaultdict(list)
    for fact in closed:
        by[(fact.calculator, fact.freelancer)].append(fact)
    found: dict[str, dict[str, Decimal | None]] = {"completion_rate": {}, "job_success": {}}
    for calculator in (COMPLETION_RATE, JOB_SUCCESS):
        for (name, freelancer), own in by.items():
            if name == calculator.name:
                found[name][freelancer] = decimal(calculator.of(own))
    return found


async def test_every_view_counts_the_lives_of_orders_as_the_rules_do(pool: Any) -> None:
    lives = await lived(pool, range(100))
    closed = [fact for life in lives if (fact := facts(life.order))]
    assert len({fact.how for fact in closed}) >= 6

    assert sorted(
        (Facts(**row) for row in await rows(pool, "closed_orders")), key=lambda fact: fact.order_id
    ) == sorted(closed, key=lambda fact: fact.order_id)
    for name, expected in rates(closed).items():
        assert {row["freelancer"]: row[name] for row in await rows(pool, name)} == expected
        assert len(expected) == 7

    canceled = [fact for fact in closed if not fact.completed]
    weeks = Counter((monday(fact.closed_at), fact.policy, fact.initiator, fact.reason, fact.fault) for fact in canceled)
    assert {tuple(row.values())[:5]: row["cancellations"] for row in await rows(pool, "reasons_by_week")} == weeks

    by_policy = Counter(fact.policy for fact in closed)
    endings: dict[tuple[Any, ...], list[Facts]] = defaultdict(list)
    for fact in closed:
        endings[(fact.policy, fact.ending, fact.how, fact.exempt_because)].append(fact)
    found = {tuple(row.values())[:4]: row for row in await rows(pool, "endings")}
    assert set(found) == set(endings)
    for key, own in endings.items():
        row = found[key]
        assert row["orders"] == len(own)
        assert abs(row["share"] - half_up(100 * len(own) / by_policy[key[0]], "0.1")) <= Decimal("0.1")
        assert abs(row["paid_share"] - half_up(100 * sum(f.gross / f.price for f in own) / len(own), "0.1")) <= Decimal(
            "0.1"
        )
        hours = median((fact.closed_at - fact.ordered_at).total_seconds() / 3600 for fact in own)
        assert abs(row["median_hours"] - half_up(hours, "0.1")) <= Decimal("0.1")


def monday(at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


async def test_every_case_is_told_from_its_opening_to_its_end(pool: Any) -> None:
    lives = await lived(pool, range(80))
    expected: dict[tuple[str, int], dict[str, Any]] = {}
    for life in lives:
        number = 0
        for entry in life.entries:
            for event in entry.content.get("events", ()):
                number += event["event"] == "case_opened"
                case = (
                    expected.setdefault((life.order.terms.order_id, number), dict.fromkeys(CASE, 0)) if number else {}
                )
                match event["event"]:
                    case "case_opened":
                        case |= {"opened_at": entry.at, "opened_by": event["by"]}
                        case |= dict.fromkeys(("ended_at", "ended_because", "ended_by"))
                    case "case_closed":
                        case |= {"ended_at": entry.at, "ended_because": event["because"], "ended_by": event["by"]}
                    case "proposal_made" | "appeal_opened" | "case_reminded":
                        case[COUNTED[event["event"]]] += 1
                    case "ruling_made" if event["operator"] is not None:
                        case["rulings"] += 1
    found = await rows(pool, "cases")
    assert len(found) == len(expected) > 12
    for row in found:
        case = expected[(row["order_id"], row["case_number"])]
        assert {name: row[name] for name in CASE} == {name: case[name] for name in CASE}
    ended = Counter((row["policy"], row["ended_because"], row["ended_by"]) for row in found)
    assert {tuple(row.values())[:3]: row["cases"] for row in await rows(pool, "case_endings")} == ended


COUNTED = {"proposal_made": "proposals", "appeal_opened": "appeals", "case_reminded": "reminders"}
CASE = (
    "opened_at",
    "opened_by",
    "ended_at",
    "ended_because",
    "ended_by",
    "proposals",
    "rulings",
    "appeals",
    "reminders",
)


async def test_an_order_opened_with_the_history_of_the_database_scores_as_the_views_do(pool: Any) -> None:
    random = Random(5)
    compared = Counter[str]()
    for number in range(120):
        ordered_at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=120 * number)
        client, freelancer, policy = f"c-{number % 2}", f"f-{number % 3}", policy_of(random)
        known = await read_histories(pool, client, freelancer, policy, ordered_at)
        life = live(
            Random(number),
            policy,
            order_id=f"o-{number}",
            client=client,
            freelancer=freelancer,
            ordered_at=ordered_at,
            histories=known,
        )
        for step in life.steps:
            await record_step(pool, step)
        for name, score in scores(life.order).get("freelancer", {}).items():
            if not life.order.closed:
                continue
            row = await pool.fetchval(f"SELECT {name} FROM analysis.{name} WHERE freelancer = $1", freelancer)
            assert row == decimal(score)
            compared[name] += 1
    assert compared["completion_rate"] > 30
    assert compared["job_success"] > 15


def made_up(random: Random, number: int, freelancer: str, closed_at: datetime, party: str = "c-1") -> Facts:
    """The facts of some closed order, whatever led to them."""
    completed = random.random() < 0.5
    how = None if completed else random.choice(get_args(How))
    return Facts(
        order_id=f"o-{number}",
        policy="made up",
        client=party,
        freelancer=freelancer,
        currency="USD",
        price=100,
        ordered_at=closed_at - timedelta(days=3),
        closed_at=closed_at,
        ending="completed" if completed else "canceled",
        how=how,
        initiator=None if completed else random.choice(("client", "client", "freelancer", "freelancer", "system")),
        reason=None,
        fault="none" if completed else random.choice(("none", "none", "client", "freelancer")),
        exempt=not completed and random.random() < 0.3,
        exempt_because=None,
        gross=random.choice((0, 0, 50, 100)),
        lateness="on_time",
        delivered=True,
        communicated=False,
        explained=False,
        client_public=None,
        client_private=random.choice((None, None, "positive", "negative")),
        freelancer_public=None,
        calculator=random.choice(("completion_rate", "job_success", "job_success", "none")),
        unpaid_silent=random.choice(("counted", "excluded")),
        repeat_count=random.choice((0, 1, 2, 3, 3)),
        repeat_within_seconds=random.choice((0, 3600, 86_400, 5_184_000)),
    )


async def keep(connection: Any, made: list[Facts]) -> None:
    """Put facts into their table as they are, with as much of an order as they hang on."""
    await connection.execute("ALTER TABLE facts DROP CONSTRAINT IF EXISTS facts_order_id_fkey")
    names = list(Facts.model_fields)
    records = [(1, *(getattr(fact, name) for name in names)) for fact in made]
    await connection.copy_records_to_table("facts", records=records, columns=["step", *names])
    await connection.execute(
        "INSERT INTO uncounted (order_id, step, freelancer) SELECT order_id, 1, freelancer FROM facts"
    )


async def test_scores_of_thousands_of_orders_agree_to_the_last_decimal(pool: Any) -> None:
    random = Random(40)
    made: list[Facts] = []
    for freelancer in range(400):
        for _ in range(random.choice((1, 2, 3, 7, 8, 16, 40, 90))):
            made.append(made_up(random, len(made), f"f-{freelancer}", datetime(2025, 3, 3, tzinfo=UTC)))
    async with pool.acquire() as connection:
        await keep(connection, made)
    for name, expected in rates(made).items():
        found = {row["freelancer"]: row[name] for row in await rows(pool, name)}
        assert found == expected
        assert len({score for score in found.values() if score is not None}) > 30


@pytest.mark.parametrize(
    ("completed", "canceled", "rate"),
    [(1, 799, "0.13"), (1, 1599, "0.06"), (3, 797, "0.38"), (1, 2, "33.33"), (2, 1, "66.67")],
)
async def test_halves_go_up(pool: Any, completed: int, canceled: int, rate: str) -> None:
    made = []
    for number in range(completed + canceled):
        fact = made_up(Random(1), number, "f-1", datetime(2025, 3, 3, tzinfo=UTC))
        ending = "completed" if number < completed else "canceled"
        made.append(fact.model_copy(update={"ending": ending, "exempt": False, "calculator": "completion_rate"}))
    async with pool.acquire() as connection:
        await keep(connection, made)
    assert (await rows(pool, "completion_rate"))[0]["completion_rate"] == Decimal(rate)
    assert decimal(COMPLETION_RATE.of(made)) == Decimal(rate)


def marked(made: list[Facts], now: datetime) -> set[tuple[str, str]]:
    """Whoever has the mark now, by the rule's own words."""
    found: set[tuple[str, str]] = set()
    for party in PARTIES:
        for who in {fact.party(party) for fact in made}:
            counting = [
                fact
                for fact in made
                if fact.party(party) == who and fact.counts_against(party) and fact.closed_at <= now
            ]
            for fact in counting:
                since = now - timedelta(seconds=fact.repeat_within_seconds)
                recent = [one for one in counting if one.closed_at > since]
                if fact in recent and 0 < fact.repeat_count <= len(recent):
                    found.add((party, who))
    return found


async def test_the_mark_is_set_by_as_many_cancellations_within_the_time_as_the_policy_says(pool: Any) -> None:
    async with pool.acquire() as connection, connection.transaction():
        now: datetime = await connection.fetchval("SELECT now()")
        random, made = Random(60), []
        ages = [timedelta(0), timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=60)]
        for number in range(600):
            # At the edges of every window, and just inside and outside of them; some are still to come.
            age = random.choice(ages) + random.choice((-1, 0, 1)) * timedelta(microseconds=random.choice((0, 1)))
            made.append(made_up(random, number, f"f-{number % 90}", now - age, party=f"c-{number % 70}"))
        await keep(connection, made)
        found = await connection.fetch("SELECT * FROM analysis.repeat_cancelers")
    assert {(row["role"], row["party"]) for row in found} == marked(made, now)
    assert 10 < len(found) < 150
    for row in found:
        party: Party = "client" if row["role"] == "client" else "freelancer"
        own = [one for one in made if one.party(party) == row["party"] and one.counts_against(party)]
        assert 0 < row["cancellations"] <= len(own)
        assert row["first_at"] <= row["last_at"] <= now


async def test_undone_reruled_exempted_and_reviewed_orders_count_as_they_stand_now(pool: Any) -> None:
    changes = Counter[str]()
    for name in NAMES:
        life = await played(name, order_id=name)
        for step in life.steps:
            await record_step(pool, step)
            order = Order.model_validate(life.whole(step.number))
            row = await pool.fetchrow("SELECT * FROM analysis.closed_orders WHERE order_id = $1", name)
            assert (Facts(**dict(row)) if row else None) == facts(order)
            changes["reopened"] += step.reopened
            changes["exempted"] += step.facts is not None and step.facts.exempt_because == "new_order"
            changes["reviewed"] += step.facts is not None and step.facts.client_private is not None
        kept = await pool.fetchval("SELECT count(*) FROM facts WHERE order_id = $1", name)
        assert kept == sum(step.reopened or step.facts is not None for step in life.steps)
        changes["changed"] += kept > 1
    assert min(changes.values()) > 0
    assert set(changes) == {"reopened", "exempted", "reviewed", "changed"}


async def test_every_view_and_every_column_is_documented(pool: Any) -> None:
    text = DOCS.read_text(encoding="utf-8")
    found = await pool.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'analysis'"
    )
    assert {row["table_name"] for row in found} == set(VIEWS)
    for view in VIEWS:
        assert f"### `analysis.{view}`" in text
        section = text.split(f"### `analysis.{view}`")[1].split("\n### ")[0].split("\n## ")[0]
        columns = {row["column_name"] for row in found if row["table_name"] == view}
        named = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        assert named == columns, view
