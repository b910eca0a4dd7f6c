"""The campaigns' judge: it has nothing to say about what the rules wrote, and finds everything that they did not."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from campaigns.comparing import differences
from campaigns.random_orders import some_opening
from campaigns.receiving import WebhookSink, listening
from recourse.activities.webhook import WebhookChannel
from recourse.database.orders import read_notices
from recourse.database.steps import record_step
from recourse.policies import load_policy
from recourse.resolution.engine import OrderEngine, all_is_paid
from recourse.resolution.model.order import Opening
from recourse.resolution.model.reading import Message, read_message
from recourse.resolution.rules.clocks import next_clock

Sent = dict[tuple[str, str], Message]


async def written(pool: Any) -> tuple[str, Sent]:
    """An order that was canceled by silence, as the rules alone write it, paid by a provider that failed twice."""
    policy = load_policy("resolution_center")
    opening = some_opening(Random(3), policy, "judged", provider="bank")
    engine, now = OrderEngine(_received(opening)), opening.terms.ordered_at
    await record_step(pool, engine.commit(engine.opening()))
    sent: Sent = {}
    for name, fields in (("message", {"comment": "Hello"}), ("request", {"kind": "cancel"}), ("request", {})):
        payload = {"actor": {"role": "client", "id": "c-1"}, "command_id": f"{name}-{len(sent)}", **fields}
        message = read_message(name, payload, "unnamed")
        sent[message.key] = message
        await record_step(pool, engine.apply(engine.decide(message, now)))
    while (clock := next_clock(engine.order)) is not None:
        decided = engine.fire(clock, clock.at + timedelta(seconds=1))
        if decided.retries:
            await record_step(pool, engine.commit(engine.fence(clock.at)))
        for step in engine.carry_out(
            decided, lambda order, leg: all_is_paid(order, leg) if order.retries >= 2 else None
        ):
            await record_step(pool, step)
    return opening.terms.order_id, sent


def _received(opening: Opening) -> Opening:
    return opening.model_copy(update={"terms": opening.terms.model_copy(update={"requirements": "received"})})


async def test_what_the_rules_wrote_is_as_the_rules_would_have_it(pool: Any) -> None:
    order_id, sent = await written(pool)
    assert await differences(pool, order_id, sent) == []


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE notices SET body = body || \'{"settlement": "held"}\' WHERE step = 2',
        "DELETE FROM notices WHERE step = 2",
        "DELETE FROM answers WHERE step = 1",
        "UPDATE answers SET outcome = outcome || '{\"entry\": 9}' WHERE step = 1",
        "INSERT INTO ledger_entries SELECT order_id, step + 1, line, account, amount, at FROM ledger_entries",
        "DELETE FROM ledger_entries WHERE step > 0",
        "UPDATE order_states SET step = 2",
        "UPDATE order_states SET state = jsonb_set(state, '{revisions}', '1')",
        "DELETE FROM record_entries WHERE number = 2",
        'UPDATE record_entries SET content = content || \'{"to": "delivered"}\' WHERE number = 1',
        "UPDATE record_entries SET at = at + interval '1 second' WHERE number = 5",
    ],
)
async def test_whatever_is_lost_doubled_or_changed_is_found(pool: Any, change: str) -> None:
    order_id, sent = await written(pool)
    await pool.execute("SET session_replication_role = replica; " + change)
    assert await differences(pool, order_id, sent) != []


async def test_a_command_that_nobody_sent_is_found(pool: Any) -> None:
    order_id, sent = await written(pool)
    assert "nobody sent request" in (await differences(pool, order_id, dict(list(sent.items())[:1])))[0]


async def test_a_command_that_was_decided_after_a_later_clock_is_found(pool: Any) -> None:
    opening = some_opening(Random(3), load_policy("resolution_center"), "judged")
    engine, sent = OrderEngine(_received(opening)), {}
    await record_step(pool, engine.commit(engine.opening()))
    for number, after in enumerate((timedelta(0), timedelta(days=3))):
        payload = {"actor": {"role": "client", "id": "c-1"}, "command_id": f"{number}", "kind": "cancel"}
        message = read_message("request", payload, "unnamed")
        sent[message.key] = message
        # A engine that forgets the clock of 48 hours.
        await record_step(pool, engine.apply(engine.decide(message, opening.terms.ordered_at + after)))
    [found] = await differences(pool, "judged", sent)
    assert "was decided before answer_reminder, which came first" in found


async def test_a_receiver_has_what_was_sent_and_nothing_else_and_in_order(pool: Any) -> None:
    order_id, _ = await written(pool)
    notices, sink = await read_notices(pool, order_id), WebhookSink(Random(1), fails=0)
    async with listening(sink.answer) as receiver:
        channel = WebhookChannel(receiver.url, ["whsec_" + "A" * 32])
        for notice in notices:
            await channel.send(notice, receiver.url)
        assert len(notices) > 2
        assert sink.differences(order_id, notices) == []

        await channel.send(notices[0].model_copy(update={"name": "case_opened"}), receiver.url)
        await channel.close()

    [changed] = sink.differences(order_id, notices)
    assert changed.startswith(f"notice {notices[0].id} was sent as")
    assert "the receiver heard" in sink.differences(order_id, notices[1:])[0]
