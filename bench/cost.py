"""What an order costs, side by side: blocks of the contestants in ABBA order, so that a drift meets all alike."""

from collections.abc import Sequence
from dataclasses import asdict

from bench.blocks import Block, measure
from bench.contestants import CONTESTANTS, missing
from bench.findings import Findings, Goal, median, quantile, table
from bench.pictures import bars
from recourse.local.progress import say

# (title, above, below, sign, goal): the ratio of two contestants' medians and what it should be.
GOALS = (
    ("CPU-ms an order: floor / ours", "floor", "ours", "≥", 0.8),
    ("CPU-ms an order: floor with empty steps / ours", "steps", "ours", "", None),
    ("CPU-ms an order: naive / ours", "naive", "ours", "≥", 2.0),
    ("CPU-ms an order: ours / DBOS", "ours", "dbos", "≤", 1.2),
    ("CPU-ms an order: ours / Restate", "ours", "restate", "", None),
    ("CPU-ms an order: ours / plain rows", "ours", "rows", "", None),
)
# With more processors than this taken by others, caches and clocks are theirs as well.
DISTURBED = 0.3
LEAST_BLOCKS = 3


async def cost(wanted: Sequence[str], orders: int, rounds: int, at_once: int) -> Findings:
    """Play the story on all of them."""
    why_not = {name: why for name in wanted if (why := missing(name))}
    names = [name for name in wanted if name not in why_not]
    blocks: list[Block] = []
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            block = await measure(name, orders, at_once)
            blocks.append(block)
            say(
                f"round {number + 1} of {rounds}: {name:7} {block.cpu_ms_per_order:6.1f} CPU-ms an order"
                f" (others kept {block.foreign:.2f} processors busy)"
            )
    return _findings(blocks, why_not)


def undisturbed(blocks: Sequence[Block]) -> tuple[dict[str, list[Block]], list[Block]]:
    """The blocks that count by contestant, and those that are dropped, because others kept the machine busy.

    Of each contestant the least disturbed ones count in any case.
    """
    kept: dict[str, list[Block]] = {}
    dropped: list[Block] = []
    for name in dict.fromkeys(block.contestant for block in blocks):
        mine = sorted((block for block in blocks if block.contestant == name), key=lambda block: block.foreign)
        good = [block for block in mine if block.foreign <= DISTURBED]
        kept[name] = mine[: max(len(good), min(LEAST_BLOCKS, len(mine)))]
        dropped += mine[len(kept[name]) :]
    return kept, dropped


def _findings(blocks: Sequence[Block], why_not: dict[str, str]) -> Findings:
    kept, dropped = undisturbed(blocks)
    medians = {name: median([block.cpu_ms_per_order for block in mine]) for name, mine in kept.items()}
    rates = {name: median([1 / block.seconds for block in mine]) for name, mine in kept.items()}
    found = Findings("What an order costs")
    for title, above, below, sign, goal in GOALS:
        lacking = next((name for name in (above, below) if name not in medians), None)
        ratio = None if lacking else medians[above] / medians[below]
        found.goals.append(Goal(title, ratio, sign, goal, why_not.get(lacking, "left out") if lacking else ""))
    found.lines += table(
        ["contestant", "blocks", "CPU-ms an order: median (min to max)", "by program", "orders/s"],
        [_row(name, mine, rates[name]) for name, mine in kept.items()],
    )
    found.lines += ["", *(f"- **{name}**: {CONTESTANTS[name]}" for name in kept)]
    found.lines += [f"- **{name}** was not measured: {why}" for name, why in why_not.items()]
    found.lines += ["", _disturbance(kept, dropped), ""]
    found.lines += table(
        ["answer to, closed loop", "p50 ms", "p99 ms"],
        [
            [f"{name}: {what}", f"{quantile(values, 0.5):.1f}", f"{quantile(values, 0.99):.1f}"]
            for name, mine in kept.items()
            for what in ("start", "request", "accept")
            if (values := [one for block in mine for one in block.latencies.get(what, ())])
        ],
    )
    found.figures = {"blocks": [asdict(block) for block in blocks], "dropped": [asdict(block) for block in dropped]}
    if kept:
        measured = {name: [block.cpu for block in mine] for name, mine in kept.items()}
        found.pictures["cost.svg"] = bars("Processor time an order, by program (median, min to max)", "ms", measured)
    return found


def _row(name: str, mine: Sequence[Block], rate: float) -> list[str]:
    spread = [block.cpu_ms_per_order for block in mine]
    programs = (f"{program} {median([block.cpu[program] for block in mine]):.1f}" for program in mine[0].cpu)
    least_to_most = f"**{median(spread):.1f}** ({min(spread):.1f} to {max(spread):.1f})"
    return [name, str(len(mine)), least_to_most, ", ".join(programs), f"{rate:.0f}"]


def _disturbance(kept: dict[str, list[Block]], dropped: Sequence[Block]) -> str:
    foreign = [block.foreign for mine in kept.values() for block in mine]
    busy = f"{median(foreign):.2f} processors busy ({max(foreign):.2f} at most)"
    said = f"During the blocks that count, others kept {busy}."
    if not dropped:
        return f"{said} No block was dropped."
    names = ", ".join(f"{block.contestant} ({block.foreign:.2f})" for block in dropped)
    return f"{said} {len(dropped)} were dropped because it was more than {DISTURBED}: {names}."
