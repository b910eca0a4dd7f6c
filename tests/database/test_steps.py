"""A step is written whole, once, in its turn, and what only grows only grows."""

import asyncio
import json
from collections import Counter
from random import Random
from typing import Any

import asyncpg
import pytest

from recourse.database import steps
from recourse.database.orders import read_answer, read_balances, read_export, read_notices, read_order, read_record
from recourse.database.pool import connect
from recourse.database.steps import OrderIdTaken, StepOutOfOrder, record_step
from recourse.resolution.model.data_version import DATA_VERSION, NeedsNewerBuild
from recourse.resolution.model.record import verify
from recourse.resolution.model.step import Answer, LedgerLine, Step
from recourse.resolution.shown.summary import summary
from tests.database.tables import everything
from tests.facts.lives import READERS, Life, live
from tests.patience import PATIENCE

NEWER = DATA_VERSION + 1


@pytest.fixture
def life() -> Life:
    """An order that was canceled, with feedback and money moved."""
    return next(
        found
        for found in (live(Random(seed)) for seed in range(100))
        if found.order.phase == "canceled" and found.order.feedback and found.order.moved.total
    )


async def written(pool: Any, life: Life) -> None:
    for step in life.steps:
        assert await record_step(pool, step) is None


async def test_what_was_written_is_what_is_read(pool: Any) -> None:
    for seed in range(40):
        life = live(Random(seed), order_id=f"o-{seed}")
        await written(pool, life)
        order_id, order = life.order.terms.order_id, life.order
        stored = await read_order(pool, order_id)
        assert stored is not None
        # How often a failing payment was tried again in vain leaves no step.
        assert stored.order == type(order).model_validate(life.whole(-1))
        assert stored.step == len(life.steps) - 1
        assert await read_record(pool, order_id) == life.entries
        assert await read_notices(pool, order_id) == [notice for step in life.steps for notice in step.notices]
        balances = await read_balances(pool, order_id)
        paid_in = order.terms.price + order.terms.service_fee
        moved = order.moved
        assert balances == {
            "client": moved.client - paid_in,
            "freelancer": moved.freelancer,
            "platform": moved.platform,
            "escrow": paid_in - moved.total,
            "contested": moved.contested,
        }
        for reader in READERS:
            document = await read_export(pool, order_id, reader, order.decided_at)
            assert verify(document, head=order.record_hash) == []
        for answer in (step.answer for step in life.steps if step.answer):
            assert await read_answer(pool, order_id, answer.sender, answer.command_id) == answer.outcome


async def test_the_listed_columns_are_those_of_the_last_step(pool: Any) -> None:
    for seed in range(20):
        life = live(Random(seed), order_id=f"o-{seed}")
        await written(pool, life)
        row = dict(await pool.fetchrow("SELECT * FROM orders WHERE order_id = $1", f"o-{seed}"))
        expected = life.steps[-1].summary.model_dump()
        assert {name: row[name] for name in expected} == expected
        assert summary(life.order).phase == row["phase"]


async def test_a_step_that_is_there_changes_nothing(pool: Any, life: Life) -> None:
    for step in life.steps:
        assert await record_step(pool, step) is None
        before = await everything(pool)
        assert await record_step(pool, step) is None
        assert await everything(pool) == before


async def test_a_step_of_the_past_is_answered_with_what_is_there(pool: Any, life: Life) -> None:
    await written(pool, life)
    before = await everything(pool)
    for step in life.steps[:-1]:
        adopted = await record_step(pool, step)
        assert adopted is not None
        assert (adopted.step, adopted.order) == (life.steps[-1].number, life.whole(-1))
        given = [later.answer for later in life.steps if later.answer and later.number >= step.number]
        answers = adopted.answers or ()
        assert [Answer(**answer.model_dump(exclude={"fingerprint", "step"})) for answer in answers] == given
        assert all(
            answer.fingerprint == life.engine.answers[answer.sender, answer.command_id].fingerprint
            for answer in answers
        )
    assert await everything(pool) == before


async def test_a_step_before_its_turn_is_refused_and_writes_nothing(pool: Any, life: Life) -> None:
    with pytest.raises(StepOutOfOrder, match="Order o-1 is not in the database, step 1 cannot follow"):
        await record_step(pool, life.steps[1])
    assert await pool.fetchval("SELECT count(*) FROM orders") == 0
    await record_step(pool, life.steps[0])
    before = await everything(pool)
    with pytest.raises(StepOutOfOrder, match="Order o-1 is at step 0 in the database, step 2 cannot follow"):
        await record_step(pool, life.steps[2])
    assert await everything(pool) == before


async def test_many_who_write_the_same_step_at_once_write_it_once(dsn: str, life: Life) -> None:
    pools = [await connect(dsn, most=4) for _ in range(2)]
    try:
        for step in life.steps:
            found = await asyncio.gather(*(record_step(pools[number % 2], step) for number in range(8)))
            assert found == [None] * 8
        assert await read_record(pools[0], "o-1") == life.entries
    finally:
        for pool in pools:
            await pool.close()


async def test_the_steps_of_one_order_may_arrive_in_any_order_when_they_are_tried_again(dsn: str, life: Life) -> None:
    pool = await connect(dsn)

    async def until_written(step: Step) -> None:
        while True:
            try:
                await record_step(pool, step)
                return
            except StepOutOfOrder:
                await asyncio.sleep(0)

    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(until_written(step) for step in reversed(life.steps)))
        assert await read_record(pool, "o-1") == life.entries
    finally:
        await pool.close()


@pytest.mark.parametrize("written", [1, 2])
async def test_another_order_of_the_same_id_is_never_mixed_into_this_one(pool: Any, life: Life, written: int) -> None:
    other = live(Random(999))
    for step in life.steps[:written]:
        await record_step(pool, step)
    before = await everything(pool)
    for step in other.steps:
        with pytest.raises((OrderIdTaken, StepOutOfOrder), match=r"(order|Order) o-1"):
            await record_step(pool, step)
    assert await everything(pool) == before
    await record_step(pool, life.steps[written])
    stored = await read_order(pool, "o-1")
    assert stored is not None
    assert stored.step == written


async def test_a_way_that_the_order_did_not_go_is_never_mixed_into_the_one_it_went(pool: Any, life: Life) -> None:
    """As after a reset of its workflow, which decides anew what was written already: it gets what is there."""
    for step in life.steps[:4]:
        await record_step(pool, step)
    before = await everything(pool)
    for step in life.steps[2:4]:
        other = step.model_copy(update={"order": {**step.order, "record_hash": "0" * 64}})
        adopted = await record_step(pool, other)
        assert adopted is not None
        assert (adopted.step, adopted.order) == (3, life.whole(3))
    entry = life.steps[4].entry
    assert entry is not None
    elsewhere = entry.model_copy(update={"previous": "1" * 64})
    adopted = await record_step(pool, life.steps[4].model_copy(update={"entry": elsewhere}))
    assert adopted is not None
    # What was answered before may differ as well, so that it has to be read anew.
    assert (adopted.step, adopted.order, adopted.answers) == (3, life.whole(3), None)
    assert await everything(pool) == before


async def test_more_answers_than_are_handed_over_are_counted(
    pool: Any, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(pool, life)
    monkeypatch.setattr(steps, "ANSWERS_AT_MOST", 1)
    adopted = await record_step(pool, life.steps[2])
    assert adopted is not None
    recorded = Counter(step.answer.sender for step in life.steps[2:] if step.answer)
    assert (adopted.answers, adopted.counted) == (None, recorded)


class CommitsBetween:
    """A pool on which another writer commits as soon as this one has read."""

    def __init__(self, pool: Any, step: Step) -> None:
        self._pool, self._step = pool, step

    async def fetchval(self, *query: Any) -> Any:
        return await self._pool.fetchval(*query)

    async def fetchrow(self, *query: Any) -> Any:
        row = await self._pool.fetchrow(*query)
        assert await record_step(self._pool, self._step) is None
        return row

    async def fetch(self, *query: Any) -> Any:
        return await self._pool.fetch(*query)


async def test_no_answer_is_handed_over_without_the_step_that_gave_it(pool: Any, life: Life) -> None:
    answered = next(step for step in life.steps[3:] if step.answer)
    for step in life.steps[: answered.number]:
        await record_step(pool, step)
    other = life.steps[1].model_copy(update={"order": {**life.steps[1].order, "record_hash": "0" * 64}})

    adopted = await record_step(CommitsBetween(pool, answered), other)

    assert adopted is not None
    assert adopted.step == answered.number - 1
    assert answered.answer not in (adopted.answers or ())


async def test_an_opening_of_another_version_is_known_again(pool: Any, life: Life) -> None:
    """A release that adds a key makes the same opening read differently."""
    await record_step(pool, life.steps[0])
    await record_step(pool, life.steps[1])
    opening = life.steps[0].opening
    assert opening is not None
    newer = {**opening, "terms": {**opening["terms"], "new": 1}, "policy": {**opening["policy"], "new": 2}}

    adopted = await record_step(pool, life.steps[0].model_copy(update={"opening": newer}))

    assert adopted is not None
    assert adopted.step == 1


async def test_what_a_newer_build_wrote_is_read_before_it_is_written_over(pool: Any, life: Life) -> None:
    first, second, third = life.steps[:3]
    for step in (first, second):
        assert await record_step(pool, step.model_copy(update={"order": {**step.order, "made_for": NEWER}})) is None

    adopted = await record_step(pool, third)
    assert adopted is not None
    # Nothing was decided differently, so that its answers are known.
    assert (adopted.step, adopted.order["made_for"], adopted.answers) == (second.number, NEWER, ())
    stored = await read_order(pool, "o-1")
    assert stored is not None
    assert (stored.step, stored.order.made_for) == (second.number, NEWER)
    assert await record_step(pool, third.model_copy(update={"order": {**third.order, "made_for": NEWER}})) is None


async def test_an_answer_that_only_a_newer_build_can_read_is_waited_for(pool: Any, life: Life) -> None:
    step = next(step for step in life.steps if step.answer)
    assert step.answer is not None
    for before in life.steps[: step.number]:
        await record_step(pool, before)
    newer = step.model_dump(mode="json")
    newer["answer"]["outcome"] |= {"status": "applied", "phase": "paused"}
    newer["order"]["made_for"] = NEWER
    assert await record_step(pool, json.dumps(newer).encode()) is None

    # The order goes on from that state, or waits; each answer is looked up when its command comes again.
    adopted = await record_step(pool, step.model_copy(update={"order": {**step.order, "record_hash": "0" * 64}}))
    assert adopted is not None
    assert (adopted.step, adopted.order["made_for"], adopted.answers) == (step.number, NEWER, None)
    with pytest.raises(NeedsNewerBuild, match=r"The outcome of `\w+` needs a build with a newer data version"):
        await read_answer(pool, "o-1", step.answer.sender, step.answer.command_id)


async def test_a_step_without_an_entry_follows_like_any_other(pool: Any, life: Life) -> None:
    """As when a failed payment is tried again in vain."""
    for step in life.steps:
        await record_step(pool, step)
    last = life.steps[-1]
    bare = {"entry": None, "answer": None, "ledger": (), "notices": (), "facts": None}
    retried = last.model_copy(update={"number": last.number + 1, **bare})
    assert await record_step(pool, retried) is None
    stored = await read_order(pool, "o-1")
    assert stored is not None
    assert stored.step == last.number + 1


def broken(step: Step, part: str) -> Step:
    """The same step with one part that cannot be written."""
    if part == "ledger":
        return step.model_copy(update={"ledger": (LedgerLine(account="escrow", amount=1),)})
    if part == "account":
        strange = LedgerLine.model_construct(account="strange", amount=1)  # type: ignore[arg-type]
        return step.model_copy(update={"ledger": (strange, LedgerLine(account="escrow", amount=-1))})
    if part == "notices":
        return step.model_copy(update={"notices": (*step.notices, step.notices[0])})
    if part == "facts":
        assert step.facts is not None
        return step.model_copy(update={"facts": step.facts.model_copy(update={"freelancer": None})})
    if part == "answer":
        assert step.answer is not None
        return step.model_copy(update={"answer": step.answer.model_copy(update={"sender": None})})
    assert step.entry is not None
    return step.model_copy(update={"entry": step.entry.model_copy(update={"number": 1})})


@pytest.mark.parametrize("part", ["ledger", "account", "notices", "facts", "answer", "entry"])
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_a_step_of_which_one_part_fails_is_not_written_at_all(pool: Any, part: str) -> None:
    for life in (live(Random(seed)) for seed in range(100)):
        closing = next((step for step in life.steps if step.facts and step.answer and step.notices), None)
        if closing is not None and closing.number > 1:
            break
    assert closing is not None
    for step in life.steps[: closing.number]:
        await record_step(pool, step)
    before = await everything(pool)
    with pytest.raises(asyncpg.PostgresError):
        await record_step(pool, broken(closing, part))
    assert await everything(pool) == before
    assert await record_step(pool, closing) is None


@pytest.mark.parametrize("table", ["openings", "record_entries", "ledger_entries", "answers", "facts"])
async def test_what_only_grows_cannot_be_changed_or_deleted(pool: Any, life: Life, table: str) -> None:
    await written(pool, life)
    before = await everything(pool)
    for statement in (
        f"UPDATE {table} SET order_id = order_id",
        f"DELETE FROM {table}",
        f"DELETE FROM {table} WHERE false",
        f"TRUNCATE {table} CASCADE",
    ):
        with pytest.raises(asyncpg.RaiseError, match=f"table {table} only grows"):
            await pool.execute(statement)
    assert await everything(pool) == before


async def test_ledger_lines_that_do_not_add_up_or_that_no_entry_says_cannot_be_added(pool: Any, life: Life) -> None:
    await written(pool, life)
    line = (
        "INSERT INTO ledger_entries (order_id, step, line, account, amount, at) VALUES ('o-1', 900, $1, $2, $3, now())"
    )
    with pytest.raises(asyncpg.RaiseError, match="the ledger lines of order o-1, step 900 do not add up to zero"):
        await pool.execute(line, 1, "client", 1)
    both = line.replace("now())", "now()), ('o-1', 900, 2, 'escrow', -1, now())")
    with pytest.raises(asyncpg.RaiseError, match="of order o-1, step 900 are not what its record says"):
        await pool.execute(both, 1, "client", 1)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(line, 3, "client", 0)
