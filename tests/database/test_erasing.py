"""Erasing in the database: nothing of the words is left, and the record is the same chain as before."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, get_args

import asyncpg
import pytest
from pydantic import BaseModel

from recourse.cli.records import verify_file
from recourse.database.orders import read_answered, read_export, read_notices, read_order, read_record, write_contacts
from recourse.database.recovering import ledgers
from recourse.database.steps import OrderIdTaken, record_step
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.events import Event
from recourse.resolution.model.notice import NoticeBody
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.record import verify
from recourse.resolution.model.terms import Terms
from tests.database.tables import TABLES
from tests.facts.lives import READERS, Life, live

EVERYBODY = ["client", "freelancer", "operator"]
# Texts that are no words of a person: ids, codes, hashes, the kind of a file, which goes with its title, and what a
# payment provider says.
STAYS = {"command_id", "id", "order_id", "operator", "reason", "sha256", "kind", "record_hash", "currency"}
STAYS |= {"leg", "legs", "blocked", "reference", "former", "for_", "taken_by", "imported"}
# What was agreed stays as long as the order, and the account that its money goes to: it may come back, or be disputed.
STAYS |= {"client", "freelancer", "group", "payment", "destination"}
# Temporal has it, too, where nothing is erased: nothing personal goes there (docs/extending.md).
STAYS |= {"search"}
ERASE = "SELECT erase_order($1, $2, $3, 'asked for it', 'Art. 17(1)(b) GDPR')"


async def written(pool: Any, seed: int, **how: Any) -> Life:
    """An order with a random life that is over, in the database."""
    life = live(Random(seed), order_id=f"o-{seed}", **how)
    for step in life.steps:
        await record_step(pool, step)
    # Whether it is over by our clock is nobody's business here.
    await pool.execute("UPDATE orders SET next_clock = NULL, next_clock_at = NULL WHERE order_id = $1", f"o-{seed}")
    return life


async def dump(pool: Any) -> str:
    """Everything that the tables hold, as one text."""
    tables = [row[0] for row in await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    rows = [row[0] for table in tables for row in await pool.fetch(f"SELECT t::text FROM {table} AS t")]
    return "\n".join(rows).replace('""', '"').replace('\\"', '"').replace("\\\\", "\\")


def markers(life: Life, *roles: str) -> set[str]:
    """How each text begins that these roles wrote: what, in which order, the how many-th."""
    return {
        text[: text.rindex("-") + 1] for sent in life.sent if sent.role in roles for text in sent.open + sent.private
    }


async def test_what_a_party_wrote_is_gone_and_the_rest_is_as_it_was(pool: Any) -> None:
    for seed in range(8):
        await _erase_one_side(pool, seed, await written(pool, seed))


async def _erase_one_side(pool: Any, seed: int, life: Life) -> None:
    own, others = markers(life, "client"), markers(life, "freelancer", "operator")
    before = {reader: await read_export(pool, f"o-{seed}", reader, datetime.now(UTC)) for reader in READERS}
    there = await dump(pool)
    missed = {text for text in others if text not in there}
    erased = await pool.fetchval(ERASE, f"o-{seed}", "texts", ["client"])
    after = await dump(pool)
    assert [text for text in own if text in after] == []
    assert [text for text in others - missed if text not in after] == []
    assert (erased > 0) == any(text in there for text in own)
    for reader in READERS:
        export, earlier = await read_export(pool, f"o-{seed}", reader, datetime.now(UTC)), before[reader]
        assert export is not None
        assert earlier is not None
        assert verify(export, earlier["head"]) == []
        assert verify(earlier, export["head"]) == []
        assert [entry["hash"] for entry in export["entries"]] == [entry["hash"] for entry in earlier["entries"]]
    assert await pool.fetchval(ERASE, f"o-{seed}", "texts", ["client"]) == 0
    assert await pool.fetchval("SELECT count(*) FROM erased_orders WHERE order_id = $1", f"o-{seed}") == 2


async def test_an_order_without_words_reads_and_adds_up_as_before(pool: Any) -> None:
    for seed in range(12, 20):
        await _erase_everybody(pool, seed, await written(pool, seed))


async def _erase_everybody(pool: Any, seed: int, life: Life) -> None:
    balances = [row async for page in ledgers(pool) for row in page]
    columns = [dict(row) for row in await pool.fetch("SELECT * FROM orders")]
    for whose in (["freelancer"], EVERYBODY):
        await pool.execute(ERASE, f"o-{seed}", "texts", whose)
    assert [text for text in markers(life, *EVERYBODY, "nobody") if text in await dump(pool)] == []
    assert [row async for page in ledgers(pool) for row in page] == balances
    assert [dict(row) for row in await pool.fetch("SELECT * FROM orders")] == columns
    stored = await read_order(pool, f"o-{seed}")
    assert stored
    assert stored.order.record_hash == life.order.record_hash
    blank = {"opening", "request", "declined", "case", "feedback", "needs"}
    assert stored.order.model_dump(exclude=blank) == life.order.model_dump(exclude=blank)
    record = await read_record(pool, f"o-{seed}")
    assert [entry.parsed.at for entry in record] == [entry.parsed.at for entry in life.entries]
    told = [event.event for entry in record for event in getattr(entry.parsed, "events", ())]
    assert told == [event.event for entry in life.entries for event in getattr(entry.parsed, "events", ())]
    assert len(await read_notices(pool, f"o-{seed}")) == sum(len(step.notices) for step in life.steps)


async def test_the_salt_of_what_is_erased_is_nowhere(pool: Any) -> None:
    life = await written(pool, 3)
    secret = life.opening.record_salt
    salts = [
        json.dumps(entry) for entry in (await read_export(pool, "o-3", "operator", datetime.now(UTC)) or {})["entries"]
    ]
    await pool.execute(ERASE, "o-3", "texts", EVERYBODY)
    left = await dump(pool)
    assert secret not in left
    for entry, stored in zip(map(json.loads, salts), await read_record(pool, "o-3"), strict=True):
        for name, field in entry["fields"].items():
            assert (field["salt"] in left) == (name not in (stored.erased or {}))


async def test_a_repeated_command_gets_its_answer_though_its_words_are_erased(pool: Any) -> None:
    life = await written(pool, 5)
    await pool.execute(ERASE, "o-5", "texts", EVERYBODY)
    for answer in (step.answer for step in life.steps if step.answer):
        found = await read_answered(pool, "o-5", answer.sender, answer.command_id)
        assert found
        assert found.outcome.status == answer.outcome.status
        assert found.outcome.entry == answer.outcome.entry


async def test_a_lost_attempt_of_the_order_brings_no_words_back(pool: Any) -> None:
    life = await written(pool, 7)
    await pool.execute(ERASE, "o-7", "texts", EVERYBODY)
    before = await dump(pool)
    with pytest.raises(OrderIdTaken):
        await record_step(pool, life.steps[-1])
    assert await dump(pool) == before


async def test_an_entry_that_somebody_changed_is_not_erased(pool: Any) -> None:
    await written(pool, 3)
    await pool.execute("ALTER TABLE record_entries DISABLE TRIGGER record_only_grows")
    await pool.execute(
        """UPDATE record_entries SET content = content || '{"to": "canceled", "from": "delivered"}' WHERE number = 1"""
    )
    with pytest.raises(asyncpg.PostgresError, match="entry 1 of order o-3 does not fit its hash"):
        await pool.execute(ERASE, "o-3", "texts", EVERYBODY)


async def test_nothing_goes_while_an_order_is_open_or_a_hold_stands_but_an_address_may(pool: Any) -> None:
    life = live(Random(1), order_id="o-1", close=False)
    for step in life.steps:
        await record_step(pool, step)
    await write_contacts(pool, "o-1", {"client": "c@example.org", "freelancer": "f@example.org"})
    if life.order.closed_at is None:
        for what in ("texts", "addresses", "notices", "order"):
            with pytest.raises(asyncpg.PostgresError, match="o-1 is not over"):
                await pool.execute(ERASE, "o-1", what, EVERYBODY)
    await pool.execute("INSERT INTO legal_holds (role, party, reason) VALUES ('client', 'c-1', 'a lawsuit')")
    with pytest.raises(asyncpg.PostgresError, match="o-1 is under a legal hold"):
        await pool.execute(ERASE, "o-1", "contacts", ["client"])
    await pool.execute("UPDATE legal_holds SET lifted_at = now()")
    assert await pool.fetchval(ERASE, "o-1", "contacts", ["client"]) == 1
    assert "f@example.org" in await dump(pool)
    assert "c@example.org" not in await dump(pool)


async def test_evidence_addresses_and_notices_may_go_before_the_words(
    pool: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = {"title": "Chat", "kind": "file", "sha256": "0" * 64, "address": "https://files.example/QADDRESSQ"}
    life = live(Random(2), order_id="o-2", moves=2, close=False)
    now = datetime(2025, 6, 1, tzinfo=UTC)
    message = read_message(
        "add_evidence", {"actor": {"role": "client", "id": "c-1"}, "command_id": "e", **evidence}, "x"
    )
    step = life.engine.apply(life.engine.decide(message, now))
    assert step
    for one in [*life.steps, step]:
        await record_step(pool, one)
    await pool.execute("UPDATE orders SET closed_at = now(), next_clock_at = NULL")
    assert await pool.fetchval(ERASE, "o-2", "addresses", EVERYBODY) == 1
    left = await dump(pool)
    assert "QADDRESSQ" not in left
    assert '"title": "Chat"' in left
    file = tmp_path / "record.json"
    file.write_text(json.dumps(await read_export(pool, "o-2", "client", datetime.now(UTC))), encoding="utf-8")
    assert verify_file(file) == 0
    assert "It is consistent in itself. " in (said := capsys.readouterr().out)
    assert "Words of 1 were erased; nothing proves what these still say." in said
    await pool.execute(ERASE, "o-2", "notices", EVERYBODY)
    assert await read_notices(pool, "o-2") == []


async def test_of_a_deleted_order_nothing_is_left_but_that_it_was_deleted(pool: Any) -> None:
    await written(pool, 4)
    kept = await written(pool, 6)
    await write_contacts(pool, "o-4", {"client": "c@example.org"})
    await pool.execute(
        "INSERT INTO payments (key, order_id, number, leg, turn, amount, currency, provider, status) "
        "VALUES ('k', 'o-4', 1, 'fee', 1, 1, 'USD', 'bank', 'done')"
    )
    await pool.execute("INSERT INTO record_heads (position, order_id, entries, head) VALUES (0, 'o-4', 1, 'hash')")
    with pytest.raises(asyncpg.PostgresError, match="o-4 is not in the statistics yet"):
        await pool.execute(ERASE, "o-4", "order", EVERYBODY)
    await pool.execute("SELECT count_facts(1000)")
    counters = await pool.fetch("SELECT * FROM ending_counts")
    await pool.execute(ERASE, "o-4", "order", EVERYBODY)
    tables = await pool.fetch(
        "SELECT table_name FROM information_schema.columns JOIN pg_tables ON tablename = table_name "
        "WHERE column_name = 'order_id' AND schemaname = 'public' "
        "AND table_name NOT IN ('erased_orders', 'changes', 'record_heads')"
    )
    assert {*TABLES} - {"changes"} <= {row[0] for row in tables} | {"deliveries"}
    for (table,) in tables:
        assert await pool.fetchval(f"SELECT count(*) FROM {table} WHERE order_id = 'o-4'") == 0, table
    assert await pool.fetchval("SELECT count(*) FROM deliveries WHERE notice_id LIKE 'o-4%'") == 0
    assert await pool.fetchval("SELECT what FROM erased_orders") == "order"
    assert await read_record(pool, "o-6") == kept.entries
    assert await pool.fetch("SELECT * FROM ending_counts") == counters


async def test_a_reason_that_is_no_code_of_the_policy_is_what_somebody_wrote(pool: Any) -> None:
    said = {"reason": "other", "request": [{"reason": "she is ill", "amount": 5}, {"reason": None}], "comment": None}
    left = {"reason": "other", "request": [{"reason": "[erased]", "amount": 5}, {"reason": None}], "comment": None}
    assert await pool.fetchval("SELECT without_words($1, words_of('texts'), '{other}')", said) == left


def parts(annotation: Any) -> Iterator[Any]:
    """The types that a type is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def texts_in(annotation: Any, seen: set[Any]) -> Iterator[str]:
    """The names of all fields, at every depth, that hold any text."""
    for model in parts(annotation):
        if isinstance(model, type) and issubclass(model, BaseModel) and model not in seen:
            seen.add(model)
            for name, field in model.model_fields.items():
                if str in parts(field.annotation):
                    yield name
                yield from texts_in(field.annotation, seen)


async def test_no_field_that_holds_words_is_forgotten(pool: Any) -> None:
    erased = set(await pool.fetchval("SELECT words_of('texts')"))
    for root in (*COMMANDS.values(), Event, Order, NoticeBody, Terms):
        unknown = set(texts_in(root, {Opening})) - erased - STAYS
        assert unknown == set(), f"{root}: are these words of a person? Then words_of in a new migration has them"
    assert erased <= {name for root in (*COMMANDS.values(), Event) for name in texts_in(root, set())}
