"""What the payment provider reports of an order whose workflow has ended brings the workflow back (rules, 13)."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus

from recourse.resolution.model.outcome import Outcome
from recourse.starter.client import Recourse
from recourse.starter.recovering import Recovery
from recourse.worker import make_worker
from tests.outcomes import applied, code
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

RETURNED = {"event": "returned", "leg": "1.payout"}


async def ended(marketplace: Marketplace) -> str:
    """A completed order whose workflow has ended."""
    order_id = await marketplace.order(changes={"order.reachable_after": "0h"})
    await marketplace.by("freelancer", order_id, "deliver")
    await marketplace.by("client", order_id, "complete")
    assert await marketplace.handle(order_id).result() == "completed"
    return order_id


def reported(marketplace: Marketplace, order_id: str, command_id: str, **event: Any) -> Any:
    sent = {"actor": {"role": "system", "id": "bank"}, "command_id": command_id, **RETURNED, **event}
    return marketplace.recourse.order(order_id).send("payment_event", sent)


async def status(marketplace: Marketplace, order_id: str) -> WorkflowExecutionStatus | None:
    return (await marketplace.handle(order_id).describe()).status


async def entries(marketplace: Marketplace, order_id: str) -> int:
    return (await marketplace.recourse.order(order_id).show("operator")).record_length


async def test_a_payout_that_comes_back_after_the_end_brings_the_workflow_back(marketplace: Marketplace) -> None:
    order_id = await ended(marketplace)
    first: Outcome = await reported(marketplace, order_id, "evt-1")
    again: Outcome = await reported(marketplace, order_id, "evt-1")

    assert (applied(first).settlement, applied(first).repeated) == ("blocked", False)
    assert applied(again) == applied(first).model_copy(update={"repeated": True})
    assert await status(marketplace, order_id) is WorkflowExecutionStatus.RUNNING
    assert (await Recovery(marketplace.recourse).examine(order_id)).state == "well"
    # It is paid by hand, and the order is over once more.
    by_hand = {"leg": "1.payout", "reference": "W-1", "explanation": "By bank."}
    assert applied(await marketplace.by("operator", order_id, "settle_by_hand", **by_hand)).settlement == "settled"
    await marketplace.handle(order_id).result()
    assert await reported(marketplace, order_id, "evt-1") == again
    assert await entries(marketplace, order_id) == 4


async def test_one_that_is_refused_is_recorded_and_the_workflow_ends_again(marketplace: Marketplace) -> None:
    order_id = await ended(marketplace)
    first = await reported(marketplace, order_id, "evt-1", leg="7.payout")
    await marketplace.handle(order_id).result()
    again = await reported(marketplace, order_id, "evt-1", leg="7.payout")

    assert (code(first), code(again), again.repeated) == ("no_such_payment", "no_such_payment", True)
    assert await entries(marketplace, order_id) == 3
    assert (await Recovery(marketplace.recourse).examine(order_id)).state == "over"


async def test_two_at_once_reach_the_same_run_and_a_doubled_one_counts_once(marketplace: Marketplace) -> None:
    order_id = await ended(marketplace)
    outcomes = await asyncio.gather(
        reported(marketplace, order_id, "evt-1"),
        reported(marketplace, order_id, "evt-2", leg="1.fee"),
        reported(marketplace, order_id, "evt-1"),
    )

    assert all(applied(outcome) for outcome in outcomes)
    assert sorted(outcome.repeated for outcome in outcomes) == [False, False, True]
    assert await entries(marketplace, order_id) == 4


async def test_a_signal_brings_it_back_too(marketplace: Marketplace) -> None:
    order_id = await ended(marketplace)
    sent = {"actor": {"role": "system", "id": "bank"}, "command_id": "evt-1", **RETURNED}

    assert await marketplace.recourse.order(order_id).signal("payment_event", sent) is None
    assert (await marketplace.recourse.order(order_id).state()).settlement == "blocked"


async def test_nothing_else_brings_it_back(marketplace: Marketplace) -> None:
    order_id = await ended(marketplace)

    assert code(await marketplace.by("client", order_id, "payment_event", **RETURNED)) == "order_closed"
    assert code(await marketplace.by("client", order_id, "message", comment="Hello?")) == "order_closed"
    assert code(await reported(marketplace, order_id, "evt-1", event="nonsense")) == "order_closed"
    assert await status(marketplace, order_id) is WorkflowExecutionStatus.COMPLETED
    assert await entries(marketplace, order_id) == 2


async def test_a_message_that_is_too_late_does_not_end_what_an_event_brings_back(client: Client, pool: Any) -> None:
    queue = f"test-{secrets.token_hex(4)}"
    marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
    async with make_worker(client, pool, task_queue=queue):
        order_id = await ended(marketplace)
    event = asyncio.create_task(reported(marketplace, order_id, "evt-1"))
    async with asyncio.timeout(PATIENCE):
        while await status(marketplace, order_id) is not WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    # Nobody works, so both are there at once; the message counts first.
    earlier = Recourse(client, pool, now=lambda: datetime.now(UTC) - timedelta(minutes=1))
    said = {"actor": {"role": "client", "id": "c-1"}, "command_id": "m-1", "comment": "Hello?"}
    await earlier.order(order_id).signal("message", said)

    async with make_worker(client, pool, task_queue=queue):
        assert applied(await event).settlement == "blocked"
        assert applied(await marketplace.by("operator", order_id, "retry_payment", leg="1.payout"))
