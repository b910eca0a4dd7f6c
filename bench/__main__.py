"""`python -m bench`: measures the contestants side by side and writes a report."""

import argparse
import asyncio
from pathlib import Path

from bench.blocks import CONTESTANTS, available, measure
from bench.report import markdown, save, settings_of
from local.progress import say


async def run(orders: int, rounds: int, at_once: int, wanted: list[str]) -> str:
    """All blocks, interleaved ABBA so that a drift of the machine meets every contestant alike."""
    names = [name for name in wanted if available(name)]
    blocks = []
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            block = await measure(name, orders, at_once)
            blocks.append(block)
            say(f"round {number + 1} of {rounds}: {name:6} {block.cpu_ms_per_order:7.1f} CPU-ms an order")
    skipped = [name for name in wanted if name not in names]
    text = markdown(blocks, skipped, settings_of(orders, rounds, at_once))
    path = save(Path("reports"), blocks, text)
    return f"{text}\nsaved as {path}"


def main() -> None:
    """The command line."""
    reader = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    reader.add_argument("--orders", type=int, default=200, help="orders in a block")
    reader.add_argument("--rounds", type=int, default=7, help="blocks of each contestant")
    reader.add_argument("--at-once", type=int, default=20, help="orders under way at the same time")
    reader.add_argument("--only", nargs="*", choices=CONTESTANTS, default=list(CONTESTANTS))
    given = reader.parse_args()
    say(f"Measuring {', '.join(given.only)}: {given.rounds} blocks of {given.orders} orders each")
    print(asyncio.run(run(given.orders, given.rounds, given.at_once, given.only)))  # noqa: T201


if __name__ == "__main__":
    main()
