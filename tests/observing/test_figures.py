"""The facts of the database as they are scraped: what they count, by which index, and what is said when it is away."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from recourse.database.figures import FIGURES, read_figures
from recourse.database.pool import connect
from recourse.database.reconciling import note_reconciled
from recourse.database.reports import note_untaken
from recourse.web.figures import KEPT, Collector
from tests.http.lines import line

PLAIN = {
    "policy": "resolution_center",
    "client": "c",
    "freelancer": "f",
    "currency": "EUR",
    "price": 100,
    "service_fee": 0,
    "phase": "in_progress",
    "settlement": "none",
    "ordered_at": datetime(2026, 3, 4, tzinfo=UTC),
    "turn": "nobody",
}


async def add_order(pool: Any, order_id: str, **columns: Any) -> None:
    """A row as the projection of an order leaves it."""
    row = {**PLAIN, "order_id": order_id, **columns}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await pool.execute("INSERT INTO order_states VALUES ($1, 0, 'salt', '{}')", order_id)
    await pool.execute(f"INSERT INTO orders ({', '.join(row)}) VALUES ({places})", *row.values())


async def add_notice(pool: Any, order_id: str, line: int, written: datetime, **delivery: Any) -> None:
    """A notice that was sent."""
    await pool.execute(
        "INSERT INTO notices (id, order_id, step, line, receiver, name, at, body, written_at) "
        "VALUES ($1, $2, 0, $3, 'client', 'n', $4, '{}', $4)",
        *(f"{order_id}-{line}", order_id, line, written),
    )
    row = {"notice_id": f"{order_id}-{line}", "channel": "webhook", "attempts": 1, **delivery}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await pool.execute(f"INSERT INTO deliveries ({', '.join(row)}) VALUES ({places})", *row.values())


async def test_of_an_empty_database_every_figure_is_zero(pool: Any) -> None:
    found = await read_figures(pool)
    assert set(found) == {figure.name for figure in FIGURES}
    assert set(found.values()) == {0}


async def test_each_figure_counts_what_it_says(pool: Any) -> None:
    now = datetime.now(UTC)
    past, future = now - timedelta(hours=1), now + timedelta(hours=1)
    await add_order(pool, "plain")
    await add_order(pool, "asked", request_status="open", next_clock_at=future)
    await add_order(pool, "late", case_stage="ruling", case_due_at=past, next_clock_at=now - timedelta(minutes=2))
    await add_order(pool, "early", case_stage="appeal", case_due_at=future)
    await add_order(pool, "judged", case_stage="closed", case_due_at=past)
    await add_order(pool, "stuck", next_clock_at=past)
    await add_order(pool, "held", settlement="held")
    await add_order(pool, "unpaid", closed_at=past, settlement="retrying")
    await add_notice(pool, "plain", 0, now - timedelta(days=8))
    await add_notice(pool, "plain", 1, now - timedelta(minutes=30))
    await add_notice(pool, "plain", 2, now - timedelta(days=1), delivered_at=now)
    await pool.execute("INSERT INTO held_channels VALUES ('webhook', 'a', now(), NULL), ('mail', 'b', now(), now())")
    for number, status in enumerate(("blocked", "returned", "returned", "done", "waiting", "void")):
        await pool.execute(
            "INSERT INTO payments (key, order_id, number, leg, turn, amount, currency, provider, status) "
            "VALUES ($1, 'plain', $2, 'refund', 1, 5, 'EUR', 'bank', $3)",
            *(f"k-{number}", number, status),
        )
    await note_reconciled(pool, "bank", since=past, compared=9, differences=2)
    await note_reconciled(pool, "cards", since=past, compared=9, differences=1)
    await pool.execute("UPDATE reconciliations SET ran_at = now() - interval '1 hour' WHERE provider = 'cards'")
    await note_untaken(pool, "bank", "evt-1", order_id="o", event="returned", reason="no_such_order")
    await note_untaken(pool, "bank", "evt-2", order_id="o", event="returned", reason="no_such_order")
    await pool.execute("UPDATE untaken_reports SET last_at = now() - interval '25 hours' WHERE event_id = 'evt-2'")
    found = await read_figures(pool)
    age = found.pop("recourse_oldest_undelivered_notice_seconds")
    assert 1800 <= age < 2400
    assert 3600 <= found.pop("recourse_oldest_reconciliation_seconds") < 4200
    assert found == {
        "recourse_open_orders": 7,
        "recourse_open_requests": 1,
        "recourse_open_cases": 2,
        "recourse_overdue_cases": 1,
        "recourse_stuck_orders": 1,
        "recourse_held_settlements": 1,
        "recourse_failing_settlements": 1,
        "recourse_blocked_payments": 1,
        "recourse_returned_payments": 2,
        "recourse_payment_differences": 3,
        "recourse_untaken_reports": 1,
        "recourse_undelivered_notices": 2,
        "recourse_statistics_behind_seconds": 0,
        "recourse_disabled_channels": 1,
    }


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
async def test_no_figure_reads_a_whole_table(pool: Any, figure: Any) -> None:
    async with pool.acquire() as connection, connection.transaction():
        # A small table is read whole because that is cheaper; what a large one would need is an index.
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {figure.sql}"))
    assert re.search("Index|Bitmap", plan), plan
    assert "Seq Scan" not in plan


async def test_the_database_is_asked_again_only_after_some_seconds(pool: Any) -> None:
    now = 0.0
    collector = Collector(pool, lambda: now)
    assert "recourse_open_orders 0\n" in await collector.text()
    await add_order(pool, "one")
    now = KEPT - 0.1
    assert "recourse_open_orders 0\n" in await collector.text()
    now = KEPT
    assert "recourse_open_orders 1\n" in await collector.text()


async def test_a_database_that_is_away_is_said_to_be_and_no_old_figure_is_shown(dsn: str) -> None:
    now, parts = 0.0, urlsplit(dsn)
    async with line(str(parts.hostname), parts.port or 5432) as between:
        far = await connect(parts._replace(netloc=f"{parts.username}@127.0.0.1:{between.port}").geturl())
        collector = Collector(far, lambda: now)
        assert "recourse_database_up 1\n" in await collector.text()
        await between.cut()
        now = KEPT
        text = await collector.text()
        assert "recourse_database_up 0\n" in text
        assert "recourse_open_orders" not in text
        await between.mend()
        now = 2 * KEPT
        assert "recourse_database_up 1\n" in await collector.text()
        await far.close()
