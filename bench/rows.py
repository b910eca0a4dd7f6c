"""Plain PostgreSQL rows with a sweep: the upper limit. It recovers no step that was half done; it only has steps that
are whole, because each is one statement."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from bench.lines import serve_lines
from bench.story import opening
from recourse.database.orders import read_order
from recourse.database.steps import record_step
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.fields import whole_second
from recourse.resolution.model.reading import read_message
from recourse.resolution.rules.clocks import next_clock

DUE = "SELECT order_id FROM orders WHERE next_clock_at <= $1"
SWEEP = 0.1  # seconds


class Rows:
    """Decides commands and due clocks straight on the rows."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def start(self, order_id: str) -> None:
        """Place an order."""
        await record_step(self._pool, OrderEngine(opening(order_id)).opening().step)

    async def command(self, order_id: str, name: str, payload: Any) -> Any:
        """Decide one command."""
        engine = await self._desk(order_id)
        message = read_message(name, payload, "unnamed")
        await record_step(self._pool, engine.apply(engine.decide(message, whole_second(datetime.now(UTC)))))
        return engine.answers[message.key].outcome

    async def _desk(self, order_id: str) -> OrderEngine:
        stored = await read_order(self._pool, order_id)
        if stored is None:
            raise AssertionError(f"no order {order_id}")
        return OrderEngine.of(stored.order, stored.step + 1)

    async def sweep(self) -> None:
        """Fire what is due, for ever."""
        while True:
            now = whole_second(datetime.now(UTC))
            for row in await self._pool.fetch(DUE, now):
                engine = await self._desk(row["order_id"])
                clock = next_clock(engine.order)
                if clock and clock.at <= now:
                    await record_step(self._pool, engine.apply(engine.fire(clock, now)))
            await asyncio.sleep(SWEEP)


async def serve_rows(pool: Any, port: int) -> None:
    """Take commands, and sweep."""
    rows = Rows(pool)

    async def answer(order_id: str, name: str, payload: Any) -> Any:
        return await (rows.start(order_id) if name == "start" else rows.command(order_id, name, payload))

    await asyncio.gather(serve_lines(port, answer), rows.sweep())
