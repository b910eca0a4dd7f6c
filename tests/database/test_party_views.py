"""The party_ views say what the rules say to each party, and nothing else can be got out of them."""

import json
from random import Random
from typing import Any

import asyncpg

from recourse.database.steps import record_step
from recourse.resolution.model.record import may_see
from recourse.resolution.model.vocabulary import PARTIES, Party
from recourse.resolution.shown.views import view
from recourse.verify_record import PRIVATE
from tests.facts.lives import Life, live


async def written(pool: Any, seeds: range, moves: int = 10) -> list[Life]:
    lives = [live(Random(seed), order_id=f"o-{seed}", moves=moves) for seed in seeds]
    for life in lives:
        for step in life.steps:
            await record_step(pool, step)
    return lives


def said_to(life: Life, party: Party) -> dict[str, Any]:
    """What a row of party_orders must say, from the page of the order that the rules make."""
    order = life.order
    page = view(order, party, order.decided_at).model_dump()
    resolution, request, case = page["resolution"] or {}, page["request"] or {}, page["case"] or {}
    own = ("order_id", "policy", "client", "freelancer", "currency", "price", "service_fee", "phase", "settlement")
    ended = ("how", "initiator", "reason", "fault", "exempt", "exempt_because")
    return {
        **{name: page[name] for name in (*own, "ordered_at", "due_at", "closed_at", "record_length")},
        **{name: resolution.get(name) for name in ended},
        "role": party,
        "party": page[party],
        "request_kind": request.get("kind"),
        "request_status": request.get("status"),
        "answer_due_at": request.get("answer_due_at"),
        "case_stage": case.get("stage"),
        "case_due_at": case.get("due_at"),
        "turn": page["turn"]["who"],
        "turn_until": page["turn"]["until"],
        "paid_to_client": page["money"]["client"],
        "paid_to_freelancer": page["money"]["freelancer"],
        "paid_to_platform": page["money"]["platform"],
        "held": page["money"]["held"],
        "contested": page["money"]["contested"],
    }


async def test_each_party_reads_of_its_orders_what_its_page_says(pool: Any) -> None:
    lives = [*await written(pool, range(60)), *await written(pool, range(100, 110), moves=0)]
    rows = await pool.fetch("SELECT * FROM party_orders")
    found = {(row["order_id"], row["role"]): dict(row) for row in rows}
    assert len(rows) == 2 * len(lives)
    for life in lives:
        for party in PARTIES:
            assert found[(life.order.terms.order_id, party)] == said_to(life, party)


async def test_each_party_reads_of_the_record_what_it_may_see(pool: Any) -> None:
    for life in await written(pool, range(80)):
        for party in PARTIES:
            rows = await pool.fetch(
                "SELECT * FROM party_record WHERE order_id = $1 AND role = $2 ORDER BY position",
                life.order.terms.order_id,
                party,
            )
            seen = [entry for entry in life.entries if may_see(entry.parsed, party)]
            expected = [{name: said for name, said in entry.content.items() if name != PRIVATE} for entry in seen]
            assert [row["content"] for row in rows] == expected
            assert [row["position"] for row in rows] == list(range(1, len(seen) + 1))
            assert {row["party"] for row in rows} <= {life.order.party(party)}
            told = [notice for step in life.steps for notice in step.notices if notice.to == party]
            notices = await pool.fetch(
                "SELECT id FROM party_notices WHERE order_id = $1 AND role = $2", life.order.terms.order_id, party
            )
            assert {row["id"] for row in notices} == {notice.id for notice in told}


async def test_no_text_reaches_a_party_that_is_not_meant_for_it(pool: Any) -> None:
    for life in await written(pool, range(60)):
        for party in PARTIES:
            read = ""
            for name in ("party_orders", "party_record", "party_notices"):
                rows = await pool.fetch(
                    f"SELECT to_jsonb(v) AS row FROM {name} AS v WHERE order_id = $1 AND role = $2",
                    life.order.terms.order_id,
                    party,
                )
                read += json.dumps([row["row"] for row in rows], ensure_ascii=False)
            assert life.opening.record_salt not in read
            for sent in life.sent:
                allowed = sent.may_be_read_by(party)
                for text in {*sent.open, *sent.private} - set(allowed):
                    assert json.dumps(text, ensure_ascii=False)[1:-1] not in read


async def test_private_feedback_moves_nothing_in_the_other_partys_views(pool: Any) -> None:
    moments = 0
    for life in (live(Random(seed), order_id=f"o-{seed}") for seed in range(80)):
        for step in life.steps:
            before = await as_the_freelancer_reads(pool, life)
            await record_step(pool, step)
            content = step.entry.content if step.entry else {}
            if content.get("confidential") and content["actor"]["role"] == "client":
                moments += 1
                assert await as_the_freelancer_reads(pool, life) == before
    assert moments > 5


async def as_the_freelancer_reads(pool: Any, life: Life) -> list[Any]:
    return [
        sorted(
            (
                dict(row)
                for row in await pool.fetch(
                    f"SELECT * FROM {name} WHERE order_id = $1 AND role = 'freelancer'", life.order.terms.order_id
                )
            ),
            key=str,
        )
        for name in ("party_orders", "party_record", "party_notices")
    ]


async def test_no_function_in_a_condition_sees_what_a_view_leaves_out(dsn: str, pool: Any) -> None:
    lives = await written(pool, range(40))
    heard: list[str] = []
    reader = await asyncpg.connect(dsn)
    try:
        reader.add_log_listener(lambda _, message: heard.append(str(message)))
        await reader.execute("SET ROLE recourse_reader")
        await reader.execute(
            "CREATE FUNCTION pg_temp.overhear(anything text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS "
            "$$ BEGIN RAISE NOTICE '%', anything; RETURN true; END $$"
        )
        for name, what in (
            ("party_record", "content::text"),
            ("party_orders", "v::text"),
            ("party_notices", "id"),
            ("party_notices", "body::text"),
        ):
            await reader.execute(f"SELECT 1 FROM {name} AS v WHERE pg_temp.overhear({what}) AND role = 'freelancer'")
    finally:
        await reader.close()
    overheard = "\n".join(line.removeprefix("PostgresLogMessage: ") for line in heard) + "\n"
    assert "in_progress" in overheard
    told = [notice for life in lives for step in life.steps for notice in step.notices]
    assert [notice.id for notice in told if notice.to == "operator" and f"{notice.id}\n" in overheard] == []
    assert [notice.id for notice in told if notice.to != "operator" and f"{notice.id}\n" in overheard]
    for life in lives:
        assert life.opening.record_salt not in overheard
        for sent in life.sent:
            for text in {*sent.open, *sent.private} - set(sent.may_be_read_by("freelancer")):
                assert text.split()[0] not in overheard


async def test_a_partys_own_rows_are_found_without_reading_everybodys(pool: Any) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        for name in ("party_orders", "party_record", "party_notices"):
            plan = await connection.fetch(f"EXPLAIN SELECT * FROM {name} WHERE role = 'client' AND party = 'c-1'")
            text = "\n".join(row[0] for row in plan)
            assert "orders_by_client" in text, text
            assert "Seq Scan" not in text, text
