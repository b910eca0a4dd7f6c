"""Drive one order through its planned moves, and report what is wrong with it afterwards."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from campaigns.orders import Driven, persist
from campaigns.random_orders import Move
from recourse.resolution.rules.clocks import clocks, next_clock

LONGEST_WAIT = timedelta(seconds=12)
PATIENCE = 600.0  # seconds until an order counts as stuck
# A notice that failed through an outage of minutes is tried again minutes later, and its order ends after that.
TOLD_WITHIN = 1500.0  # seconds


async def drive(driven: Driven, life: list[Move], *, by_clock_alone: bool) -> list[str]:
    """One order through its life; what is not as it should be afterwards."""
    waiting = []
    await driven.start()
    for move in life:
        await asyncio.sleep(move.after)
        if move.name is None:
            await _wait_for_a_clock(driven)
        elif move.how == "signal":
            waiting.append(await driven.tell(move.name, move.fields))
        elif move.how == "update":
            await driven.send(move.name, move.fields)
        else:
            await driven.send_once(move.name, move.fields)
    if not by_clock_alone:
        await close(driven)
    return await end(driven, waiting)


async def end(driven: Driven, waiting: Sequence[tuple[str, str]] = ()) -> list[str]:
    """Wait until an order has ended; what is not as it should be then. `waiting`: what was sent as signals."""
    await driven.until(lambda order: order.closed and not clocks(order), PATIENCE)
    await driven.ended(TOLD_WITHIN)
    wrong = await persist(driven.wrong) + await driven.redecided()
    order = await driven.order()
    for key in waiting:
        # What came when the order answered no more is refused by the order, and leaves nothing.
        lost = key in driven.sent and await driven.answer(key) is None
        if lost and order and (driven.taken_at[key] < (order.closed_at or driven.taken_at[key])):
            wrong.append(f"{key} was taken and never answered")
    return wrong


async def _wait_for_a_clock(driven: Driven) -> None:
    order = await driven.order()
    clock = next_clock(order) if order else None
    if clock is not None and clock.at - datetime.now(UTC) <= LONGEST_WAIT:
        await driven.until(lambda order: clock not in clocks(order), PATIENCE)


async def close(driven: Driven) -> None:
    """The two get it done."""
    client, freelancer = {"role": "client", "id": "c-1"}, {"role": "freelancer", "id": "f-1"}
    for _ in range(10):
        order = await driven.order()
        match order.phase if order else "completed":
            case "waiting_requirements":
                await driven.send("submit_requirements", {"actor": client})
            case "in_progress" | "in_revision":
                await driven.send("deliver", {"actor": freelancer})
            case "delivered":
                await driven.send("complete", {"actor": client})
            case _:
                return
