"""How long a command takes under half of the load that ours can carry: from the call to the committed row, and to the
answer, beside the answer of a bare Temporal workflow that writes nothing. The bare one is also put under half of what
it can carry itself: how far its slowest answers are from its usual ones is what the platform gives at such a load."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import asyncpg

from bench.contestants import on_temporal
from bench.cpu import Machine
from bench.findings import Findings, Goal, median, quantile, table
from bench.pictures import latencies
from bench.temporal_contestants import TemporalDriver
from recourse.local.progress import say

NAMES = ("ours", "steps", "floor")
BUSY = "floor, busy"  # under half of its own capacity
AT_ONCE = 20  # when the capacity is measured
SEED = 7
COMMITTED = """
SELECT a.order_id, extract(epoch FROM pg_xact_commit_timestamp(a.xmin))::float8 AS at
FROM answers AS a WHERE a.order_id LIKE 'open-%'
"""


@dataclass
class Loop:
    """One open loop: milliseconds from the call to the answer, and to the commit where something is written."""

    contestant: str
    rate: float = 0.0
    answered: list[float] = field(default_factory=list)
    committed: list[float] = field(default_factory=list)
    foreign: float = 0.0


async def latency(orders: int, rounds: int) -> Findings:
    """Open loops at half of the capacity of ours, in ABBA order, each on new databases."""
    capacity, bare = await _capacity("ours", orders), await _capacity("floor", orders)
    say(f"latency: {capacity:.0f} requests/s are what ours takes, {bare:.0f} what a bare one does; half of it is given")
    rates = dict.fromkeys(NAMES, capacity / 2) | {BUSY: bare / 2}
    loops = []
    for number in range(rounds):
        for name in rates if number % 2 == 0 else reversed(rates):
            loop = await _open_loop(name, orders, rates[name])
            loops.append(loop)
            say(f"round {number + 1} of {rounds}: {name:11} answers after {median(loop.answered):.1f} ms")
    return _findings(loops, capacity, bare, orders)


async def _capacity(name: str, orders: int) -> float:
    """Requests a second that are answered, many at once, each to an order of its own."""
    async with on_temporal(name) as (driver, _, _):
        await _place(driver, [f"full-{number}" for number in range(orders)])
        places = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with places:
                await driver.command(f"full-{number}", "request")

        began = time.monotonic()
        await asyncio.gather(*(one(number) for number in range(orders)))
        return orders / (time.monotonic() - began)


async def _open_loop(name: str, orders: int, rate: float) -> Loop:
    loop, chance = Loop(name, rate), random.Random(SEED)  # noqa: S311 - the same arrivals for all
    sent: dict[str, float] = {}
    async with on_temporal("floor" if name == BUSY else name, commit_times=True) as (driver, _, running):
        await _place(driver, ["warm-1", "warm-2", *(f"open-{number}" for number in range(orders))])
        await asyncio.gather(*(driver.command(warm, "request") for warm in ("warm-1", "warm-2")))
        machine = Machine()

        async def one(order_id: str) -> None:
            sent[order_id] = time.time()
            began = time.perf_counter()
            await driver.command(order_id, "request")
            loop.answered.append((time.perf_counter() - began) * 1000)

        async with asyncio.TaskGroup() as calls:
            due = time.monotonic()
            for number in range(orders):
                # Calls come whether or not the earlier ones were answered.
                due += chance.expovariate(rate)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                calls.create_task(one(f"open-{number}"))
        loop.foreign = machine.foreign()
        if name == "ours":
            connection = await asyncpg.connect(running.dsn)
            for row in await connection.fetch(COMMITTED):
                loop.committed.append((row["at"] - sent[row["order_id"]]) * 1000)
            await connection.close()
    return loop


async def _place(driver: TemporalDriver, order_ids: Sequence[str]) -> None:
    """Have orders that wait for a command."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(order_id: str) -> None:
        async with places:
            await driver.start(order_id)
            await driver.waits(order_id)

    await asyncio.gather(*(one(order_id) for order_id in order_ids))


def _findings(loops: Sequence[Loop], capacity: float, bare: float, orders: int) -> Findings:
    def each(name: str, share: float) -> list[float]:
        return [quantile(loop.answered, share) for loop in loops if loop.contestant == name]

    def answered(name: str) -> list[float]:
        return [one for loop in loops if loop.contestant == name for one in loop.answered]

    ours, steps, floor, busy = (median(each(name, 0.5)) for name in (*NAMES, BUSY))
    rounds = sum(loop.contestant == BUSY for loop in loops)
    committed = median([quantile(loop.committed, 0.5) for loop in loops if loop.committed])
    found = Findings("How fast a command is answered")
    found.goals = [
        Goal(
            "from the call to the committed row of ours / to the answer of a bare update, p50",
            committed / floor,
            "≤",
            1.3,
        ),
        Goal("from the call to the answer: ours / a bare update, p50", ours / floor, "≤", 1.3),
        Goal("from the call to the answer: ours / a bare update with an empty step, p50", ours / steps),
        Goal("update of ours, p99 / p50", median(each("ours", 0.99)) / ours, "≤", 3.0),
        Goal("bare update, p99 / p50", median(each("floor", 0.99)) / floor),
        Goal("bare update under half of its own capacity, p99 / p50", median(each(BUSY, 0.99)) / busy),
    ]
    curves = {
        "ours: call to commit": [one for loop in loops for one in loop.committed],
        "ours: call to answer": answered("ours"),
        "bare update with an empty step: call to answer": answered("steps"),
        "bare update: call to answer": answered("floor"),
        f"bare update at {bare / 2:.0f} a second: call to answer": answered(BUSY),
    }
    found.lines = [
        f"{rounds} open loops each, of {orders} requests with random gaps, {capacity / 2:.0f} a second, half of the "
        f"{capacity:.0f} that ours answers at most (a bare one {bare:.0f}). The goals compare medians over loops. "
        f"Others kept {median([loop.foreign for loop in loops]):.2f} processors busy meanwhile; with more than some "
        "tenths, these figures say how full the machine is.",
        "",
        *table(
            ["", "p50 ms", "p90 ms", "p99 ms", "slowest ms"],
            [
                [name, *(f"{quantile(values, share):.1f}" for share in (0.5, 0.9, 0.99, 1.0))]
                for name, values in curves.items()
            ],
        ),
    ]
    found.figures = {"capacity": capacity, "bare": bare, "loops": [asdict(loop) for loop in loops]}
    found.pictures["latency.svg"] = latencies(f"A request at {capacity / 2:.0f} a second", curves)
    return found
