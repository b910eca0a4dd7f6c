"""The report of a run: Markdown for people, JSON for programs."""

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.blocks import Block

# (name, above, below, goal): the ratio of two contestants' medians and what it should be.
GOALS = (
    ("floor / ours", "floor", "ours", ">=", 0.8),
    ("naive / ours", "naive", "ours", ">=", 2.0),
    ("ours / DBOS", "ours", "dbos", "<=", 1.2),
    ("ours / plain rows", "ours", "rows", None, None),
)


def median_cpu(blocks: Sequence[Block], name: str) -> float | None:
    """The median over a contestant's blocks of CPU-ms an order."""
    found = [block.cpu_ms_per_order for block in blocks if block.contestant == name]
    return statistics.median(found) if found else None


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile of measured values."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def markdown(blocks: Sequence[Block], skipped: Sequence[str], settings: dict[str, object]) -> str:
    """The report for people."""
    lines = ["# Benchmark", "", "Ratios hold, absolute figures do not: they are of one machine and one hour.", ""]
    lines += [f"- {key}: {value}" for key, value in settings.items()]
    lines += [f"- not measured: {name} (its package is not installed)" for name in skipped]
    lines += [
        "",
        "| contestant | blocks | CPU-ms an order: median (min to max) | by program | orders/s |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(block.contestant for block in blocks):
        mine = [block for block in blocks if block.contestant == name]
        cpu = [block.cpu_ms_per_order for block in mine]
        programs = ", ".join(
            f"{program} {statistics.median(block.cpu[program] for block in mine):.1f}" for program in mine[0].cpu
        )
        rate = statistics.median(1 / block.seconds for block in mine)
        lines.append(
            f"| {name} | {len(mine)} | **{statistics.median(cpu):.1f}** ({min(cpu):.1f} to {max(cpu):.1f}) "
            f"| {programs} | {rate:.0f} |"
        )
    lines += ["", "| ratio of medians | measured | goal | met |", "|---|---|---|---|"]
    for title, above, below, sign, goal in GOALS:
        over, under = median_cpu(blocks, above), median_cpu(blocks, below)
        if over is None or under is None:
            lines.append(f"| {title} | not measured | {sign or ''} {goal or ''} | - |")
            continue
        ratio = over / under
        met = "-" if goal is None else "yes" if (ratio >= goal if sign == ">=" else ratio <= goal) else "no"
        lines.append(f"| {title} | {ratio:.2f} | {sign or 'reported'} {goal or ''} | {met} |")
    lines += ["", "| command, closed loop | p50 ms | p99 ms |", "|---|---|---|"]
    for name in dict.fromkeys(block.contestant for block in blocks):
        for what in ("start", "request", "accept"):
            values = [one for block in blocks if block.contestant == name for one in block.latencies.get(what, ())]
            lines.append(f"| {name}: {what} | {quantile(values, 0.5):.1f} | {quantile(values, 0.99):.1f} |")
    return "\n".join(lines) + "\n"


def settings_of(orders: int, blocks: int, at_once: int) -> dict[str, object]:
    """What a reader needs to judge the figures."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}",
        "temporalio": version("temporalio"),
        "story": "placed, request, accept, undo window of 1 s by a timer, settled; four steps written",
        "orders a block": orders,
        "blocks each, in ABBA order": blocks,
        "orders at once": at_once,
    }


def save(folder: Path, blocks: Sequence[Block], text: str) -> Path:
    """Write both forms; the path of the one for people."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps([asdict(block) for block in blocks]), encoding="utf-8")
    path = folder / "bench.md"
    path.write_text(text, encoding="utf-8")
    return path
