"""One block: one contestant, new databases, so many orders, and what they cost."""

import asyncio
import os
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

from bench.contestants import Driver, contestant
from bench.cpu import Machine, background_load, cpu_ms


@dataclass
class Block:
    """What one block cost: processor milliseconds an order by program, seconds an order, command latencies in ms.

    `foreign`: how many processors others kept busy meanwhile.
    """

    contestant: str
    orders: int
    cpu: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=dict)
    load_before: float = 0.0
    foreign: float = 0.0

    @property
    def cpu_ms_per_order(self) -> float:
        """Everything together, the driver left out."""
        return sum(self.cpu.values())


async def measure(name: str, orders: int, at_once: int) -> Block:
    """Play the story `orders` times, `at_once` at the same time, and count."""
    block = Block(name, orders, load_before=background_load())
    async with contestant(name) as (driver, pids):
        await _play(driver, "warm", at_once, at_once, None)
        before = {program: cpu_ms(pid) for program, pid in pids.items()}
        machine, began = Machine(), time.monotonic()
        await _play(driver, f"b{os.getpid()}", orders, at_once, block)
        block.seconds = (time.monotonic() - began) / orders
        block.foreign = machine.foreign()
        block.cpu = {program: (cpu_ms(pid) - before[program]) / orders for program, pid in pids.items()}
    return block


async def _play(driver: Driver, prefix: str, orders: int, at_once: int, block: Block | None) -> None:
    places = asyncio.Semaphore(at_once)

    async def timed(what: str, doing: Awaitable[None]) -> None:
        began = time.perf_counter()
        await doing
        if block is not None:
            block.latencies.setdefault(what, []).append((time.perf_counter() - began) * 1000)

    async def one(number: int) -> None:
        order_id = f"{prefix}-{number}"
        async with places:
            await timed("start", driver.start(order_id))
            await timed("request", driver.command(order_id, "request"))
            await timed("accept", driver.command(order_id, "accept"))
        await driver.ended(order_id)

    async with asyncio.timeout(600):
        await asyncio.gather(*(one(number) for number in range(orders)))
