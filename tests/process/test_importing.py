"""Orders that began elsewhere, on real servers: they come once, and live on as if they had always been here."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from recourse.database.orders import read_balances, read_export, read_notices, read_order, read_record
from recourse.errors import BadOpening, OrderExists
from recourse.policies import load_policy
from recourse.resolution.model.fields import whole_second
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.order import Opening, write_opening
from recourse.resolution.model.record import verify
from recourse.resolution.model.terms import Terms
from recourse.runtime.names import workflow_id
from recourse.starter.recovering import Recovery
from tests.outcomes import code
from tests.process.conftest import Marketplace
from tests.process.setting_back import held, set_back, without_clocks

DAY = timedelta(days=1)
POLICY = load_policy("resolution_center")
ERASE = "SELECT erase_order($1, 'texts', $2, 'asked for it', 'Art. 17(1)(b) GDPR')"


def late(marketplace: Marketplace, **over: Any) -> tuple[Terms, OpeningState]:
    """An order of ten days ago; a day ago the client asked to cancel it."""
    now = whole_second(datetime.now(UTC))
    terms = marketplace.terms(ordered_at=now - 10 * DAY)
    request = {"kind": "cancel", "by": "client", "opened_at": now - DAY, "answer_due_at": now + DAY}
    said = {
        "phase": "in_progress",
        "since": terms.ordered_at,
        "due_at": now + 3 * DAY,
        "refunded": 1_000,
        "request": {**request, "comment": "We stopped the campaign.", "reminder_sent": True},
        **over,
    }
    return terms, OpeningState.model_validate(said)


async def test_an_order_comes_as_it_was_and_lives_on(marketplace: Marketplace) -> None:
    terms, state = late(marketplace)
    order = await marketplace.recourse.start(terms, POLICY, state=state)
    outcome = await marketplace.by("freelancer", terms.order_id, "accept")

    pool = marketplace.recourse.pool
    assert outcome.applied
    first, _ = await read_record(pool, terms.order_id)
    assert (first.content["command"], first.content["events"][0]["state"]["phase"]) == ("imported", "in_progress")
    told = [notice.name for notice in await read_notices(pool, terms.order_id)]
    assert set(told) == {"order_canceled"}
    assert set((await read_balances(pool, terms.order_id)).values()) == {0}
    assert (await order.state()).moved.client == 10_550
    for reader in ("client", "freelancer", "operator"):
        export = await read_export(pool, terms.order_id, reader, datetime.now(UTC), proofs=True)
        assert verify(export) == []


async def test_what_was_overdue_is_decided_at_once(marketplace: Marketplace) -> None:
    terms, state = late(marketplace)
    request = state.request.model_copy(update={"answer_due_at": datetime.now(UTC) - timedelta(hours=1)})  # type: ignore[union-attr]
    order = await marketplace.recourse.start(terms, POLICY, state=state.model_copy(update={"request": request}))
    await marketplace.by("client", terms.order_id, "message", comment="Hello?")
    assert (await order.state()).phase == "canceled"
    entries = await read_record(marketplace.recourse.pool, terms.order_id)
    assert [entry.content["command"] for entry in entries] == ["imported", "answer_due", "message"]


async def test_it_comes_once_and_another_state_is_another_order(marketplace: Marketplace) -> None:
    terms, state = late(marketplace)
    recourse = marketplace.recourse
    assert await recourse.bring(terms, POLICY, state=state)
    assert not await recourse.bring(terms, POLICY, state=state)
    assert await recourse.order(terms.order_id).soon_written()
    assert not await recourse.bring(terms, POLICY, state=state)
    for other in (None, state.model_copy(update={"refunded": 2_000})):
        with pytest.raises(OrderExists, match="exists with other state"):
            await recourse.bring(terms, POLICY, state=other)
    earlier = terms.model_copy(update={"ordered_at": terms.ordered_at - DAY})
    with pytest.raises(OrderExists, match="exists with other terms"):
        await recourse.bring(earlier, POLICY, state=state)


async def test_a_state_that_contradicts_itself_is_refused_before_and_by_the_worker(marketplace: Marketplace) -> None:
    terms, state = late(marketplace, revisions=2, released=20_000)
    with pytest.raises(BadOpening) as refused:
        await marketplace.recourse.start(terms, POLICY, state=state)
    assert [one.split(":")[0] for one in refused.value.contradictions] == [
        "state.revisions",
        "state.released, refunded",
    ]
    opening = Opening(terms=terms, policy=POLICY, record_salt="of no matter here", state=state)
    handle = await marketplace.client.start_workflow(
        "Order", write_opening(opening), id=workflow_id(terms.order_id), task_queue=marketplace.queue
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert str(failed.value.cause).startswith("bad_opening: The order cannot start: state.revisions: ")
    assert await read_order(marketplace.recourse.pool, terms.order_id) is None


async def test_it_is_revived_from_the_database(marketplace: Marketplace) -> None:
    terms, state = late(marketplace)
    order = await marketplace.recourse.start(terms, POLICY, state=state)
    await marketplace.by("client", terms.order_id, "message", comment="Hello?")
    before = await order.state()
    await marketplace.handle(terms.order_id).terminate()
    await Recovery(marketplace.recourse).revive(terms.order_id)
    outcome = await marketplace.by("freelancer", terms.order_id, "decline")
    assert outcome.applied
    after = await order.state()
    assert after.record_length == before.record_length + 1
    assert after.imported == state.digest
    assert not await marketplace.recourse.bring(terms, POLICY, state=state)


async def test_the_words_that_came_with_it_are_erased_as_those_of_their_party(marketplace: Marketplace) -> None:
    terms, state = late(marketplace)
    await marketplace.recourse.start(terms, POLICY, state=state)
    await marketplace.by("freelancer", terms.order_id, "accept", comment="As you wish.")
    pool = marketplace.recourse.pool
    # Whether it is over by our clock is nobody's business here.
    await pool.execute("UPDATE orders SET next_clock = NULL, next_clock_at = NULL WHERE order_id = $1", terms.order_id)

    async def everything() -> str:
        tables = ("order_states", "openings", "record_entries", "notices", "answers")
        rows = [
            await pool.fetch(f"SELECT t::text FROM {table} AS t WHERE order_id = $1", terms.order_id)
            for table in tables
        ]
        return str(rows)

    await pool.fetchval(ERASE, terms.order_id, ["freelancer"])
    assert "We stopped the campaign." in await everything()
    await pool.fetchval(ERASE, terms.order_id, ["client"])
    assert "We stopped the campaign." not in await everything()
    export = await read_export(pool, terms.order_id, "operator", datetime.now(UTC))
    assert verify(export) == []


async def test_a_database_that_lost_it_gets_it_back_from_its_history(marketplace: Marketplace) -> None:
    terms, state = late(marketplace)
    pool = marketplace.recourse.pool
    await marketplace.recourse.start(terms, POLICY, state=state)
    await marketplace.by("client", terms.order_id, "message", comment="Hello?")
    before = await held(pool, terms.order_id)
    await set_back(pool, terms.order_id, {})
    done = await Recovery(marketplace.recourse).repair(terms.order_id)
    assert done.written == 2
    assert without_clocks(await held(pool, terms.order_id)) == without_clocks(before)


async def test_what_was_paid_elsewhere_stands_among_the_payments_as_done(marketplace: Marketplace) -> None:
    terms, state = late(marketplace, released=2_000)
    pool = marketplace.recourse.pool
    await marketplace.recourse.start(terms, POLICY, state=state, provider="cards")
    reported = {"event": "returned", "leg": "1.payout", "reference": "r-1"}
    outcome = await marketplace.recourse.order(terms.order_id).send(
        "payment_event", {"actor": {"role": "system", "id": "cards"}, **reported}
    )
    rows = await pool.fetch("SELECT leg, amount, status FROM payments WHERE order_id = $1 ORDER BY 1", terms.order_id)
    assert [tuple(row) for row in rows] == [("fee", 400, "done"), ("payout", 1_600, "done"), ("refund", 1_055, "done")]
    assert (await read_balances(pool, terms.order_id))["escrow"] == 10_550 - 3_055
    # Our provider did not pay it, so it cannot come back to it.
    assert code(outcome) == "no_such_payment"
