"""The same rules and rows on Restate: one virtual object an order, as its documentation recommends.

Commands of one order come one after another, its state lives in the server, and what is due later is a delayed call.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import hypercorn
import restate
from hypercorn.asyncio import serve

from bench.story import opening
from recourse.database.steps import record_step
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.fields import whole_second
from recourse.resolution.model.order import read_state
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.step import Step
from recourse.resolution.rules.clocks import next_clock

orders = restate.VirtualObject("Order")
_pools: list[Any] = []


async def _record(step: dict[str, Any]) -> str:
    read = Step.model_validate(step)
    await record_step(_pools[0], read)
    return f"step {read.number}"


async def _now(ctx: restate.ObjectContext) -> datetime:
    return datetime.fromtimestamp(await ctx.time(), UTC)


async def _write(ctx: restate.ObjectContext, engine: OrderEngine, step: Step) -> None:
    """Write a step, keep the order in the server's state, and be called again when something is due."""
    plain = step.model_dump(mode="json")
    await ctx.run_typed("record", _record, step=plain)
    ctx.set("order", {"order": engine.order.model_dump(mode="json"), "steps": engine.steps})
    clock = next_clock(engine.order)
    if clock:
        delay = max(clock.at - await _now(ctx), timedelta(0))
        ctx.object_send(due, ctx.key(), clock.at.isoformat(), send_delay=delay)


async def _desk(ctx: restate.ObjectContext) -> OrderEngine:
    kept = await ctx.get("order", type_hint=dict)
    if kept is None:
        raise restate.TerminalError("no such order")
    return OrderEngine.of(read_state(kept["order"]), kept["steps"])


async def _take(ctx: restate.ObjectContext, name: str, payload: Any) -> dict[str, Any]:
    engine = await _desk(ctx)
    message = read_message(name, payload, "unnamed")
    step = engine.apply(engine.decide(message, whole_second(await _now(ctx))))
    await _write(ctx, engine, step)
    return engine.answers[message.key].outcome.model_dump(mode="json")


@orders.handler("start")
async def place(ctx: restate.ObjectContext) -> None:
    """Place the order."""
    engine = OrderEngine(opening(ctx.key(), whole_second(await _now(ctx))))
    await _write(ctx, engine, engine.commit(engine.opening()))


@orders.handler()
async def request(ctx: restate.ObjectContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Ask to cancel."""
    return await _take(ctx, "request", payload)


@orders.handler()
async def accept(ctx: restate.ObjectContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Agree."""
    return await _take(ctx, "accept", payload)


@orders.handler()
async def due(ctx: restate.ObjectContext, at: str) -> None:
    """Fire the clock of this instant, if it still runs."""
    engine = await _desk(ctx)
    clock = next_clock(engine.order)
    if clock and clock.at.isoformat() == at:
        await _write(ctx, engine, engine.apply(engine.fire(clock, whole_second(await _now(ctx)))))


async def serve_restate(pool: Any, port: int) -> None:
    """Take calls of the server, with the settings for production of Restate's documentation."""
    _pools.append(pool)
    settings = hypercorn.Config()
    settings.bind = [f"127.0.0.1:{port}"]
    settings.h2_max_concurrent_streams = 2147483647
    settings.keep_alive_max_requests = 2147483647
    settings.keep_alive_timeout = 2147483647
    await serve(restate.app([orders]), settings)
