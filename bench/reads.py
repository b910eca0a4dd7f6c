"""`python -m bench.reads`: what reads cost among many orders, side by side with a fetch by primary key.

The same reads are measured in the same minutes in a database of few orders, to see what grows with their number.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from bench.many_orders import BUSY, fill
from recourse.cli.stats import View, read_view
from recourse.database.changes import last_change, read_changes
from recourse.database.facts import read_histories
from recourse.database.lists import (
    Wanted,
    list_orders,
    orders_due,
    orders_updated,
    orders_with_stuck_money,
    policies_in_use,
    read_group,
    undecided_cases,
)
from recourse.database.migrate import migrate
from recourse.database.orders import read_order
from recourse.database.outbox import undelivered
from recourse.database.pool import connect
from recourse.local.postgres import postgres
from recourse.local.progress import say
from recourse.local.shell import forget_the_servers_of_the_shell
from recourse.policies import load_policy

FEW = 10_000
ROUNDS = 200
# p50 against a fetch by primary key, and against the same read among few orders.
AGAINST_KEY, AGAINST_FEW = 4.0, 1.3
STATS: tuple[View, ...] = (
    "completion_rate",
    "job_success",
    "endings",
    "reasons_by_week",
    "closed_orders",
    "repeat_cancelers",
)
KEY = "a fetch by primary key"
Read = Callable[[], Awaitable[Any]]


def reads(pool: Any, count: int, now: datetime) -> dict[str, Read]:
    """Every read by name, in a database of so many orders."""
    middle, policy = f"o-{count // 2:09}", load_policy("glimmer")

    def listed(**wanted: Any) -> Read:
        return lambda: list_orders(pool, Wanted(**wanted), after=middle)

    found: dict[str, Read] = {
        KEY: lambda: pool.fetchrow("SELECT order_id, phase FROM orders WHERE order_id = $1", middle),
        "an order whole": lambda: read_order(pool, middle),
        "orders: all, from the middle": lambda: list_orders(pool, after=middle),
        "orders: a client's": lambda: list_orders(pool, Wanted(client="c-7")),
        "orders: a freelancer's": lambda: list_orders(pool, Wanted(freelancer="f-7")),
        "orders: phase delivered": listed(phase="delivered"),
        "orders: phase canceled": listed(phase="canceled"),
        "orders: policy glimmer": listed(policy="glimmer"),
        "orders: settlement held": listed(settlement="held"),
        "orders: settlement retrying": listed(settlement="retrying"),
        "orders: how ruling": listed(how="ruling"),
        "orders: a group's": lambda: list_orders(pool, Wanted(group_id="g-7")),
        "groups: the orders of one": lambda: read_group(pool, "g-7"),
        "orders: policy and phase": listed(policy="upwork", phase="in_progress"),
        "orders: due within a day": lambda: orders_due(pool, "due_at", now + timedelta(days=1)),
        "orders: due within a day, of a policy": lambda: orders_due(
            pool, "due_at", now + timedelta(days=1), Wanted(policy="upwork", phase="in_progress"), money=True
        ),
        "orders: changed within a day": lambda: orders_updated(pool, now - timedelta(days=1), money=True),
        "orders: changed within a day, a freelancer's": lambda: orders_updated(
            pool, now - timedelta(days=1), Wanted(freelancer="f-7")
        ),
        "changes: from the start": lambda: read_changes(pool, limit=100),
        "changes: the last one": lambda: last_change(pool),
        "orders: stuck": lambda: orders_due(pool, "next_clock_at", now - timedelta(minutes=5)),
        "cases: all": lambda: undecided_cases(pool),
        "cases: overdue": lambda: undecided_cases(pool, due_by=now),
        "cases: of a policy": lambda: undecided_cases(pool, policy="glimmer"),
        "cases: the policies to choose from": lambda: policies_in_use(pool),
        "cases: waiting for an operator": lambda: undecided_cases(pool, turn="operator"),
        "money: stuck": lambda: orders_with_stuck_money(pool),
        **{f"stats: {view}": lambda view=view: read_view(pool, view, 50) for view in STATS},  # type: ignore[misc]
        "histories: of two that ordered little": lambda: read_histories(pool, "c-7", "f-7", policy, now),
        "histories: of a freelancer of thousands": lambda: read_histories(pool, "c-7", BUSY, policy, now),
        "outbox": lambda: undelivered(pool),
        "outbox: of one order": lambda: undelivered(pool, order_id="o-000001000"),
    }
    return found


async def measure(sides: Mapping[str, Mapping[str, Read]], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each read on each side, one after the other in turn, so that a drift meets all alike."""
    taken: dict[str, dict[str, list[float]]] = {side: {name: [] for name in found} for side, found in sides.items()}
    for number in range(rounds + 5):
        for side, found in sides.items():
            for name, read in found.items():
                began = time.perf_counter()
                await read()
                if number >= 5:  # the first few fill caches and prepare statements
                    taken[side][name].append(1000 * (time.perf_counter() - began))
    return taken


async def run(count: int, rounds: int) -> dict[str, Any]:
    """Both databases, filled and measured."""
    now = datetime.now(UTC)
    sides, filled = dict[str, Any](), dict[str, float]()
    async with postgres() as dsn, AsyncExitStack() as stack:
        for side, size in (("few", min(FEW, count)), ("many", count)):
            server = await asyncpg.connect(dsn)
            await server.execute(f"CREATE DATABASE reads_{side}")
            await server.close()
            address = dsn.rsplit("/", 1)[0] + f"/reads_{side}"
            await migrate(address)
            pool = await connect(address, most=1)
            stack.push_async_callback(pool.close)
            began = time.monotonic()
            await fill(pool, size, now)
            filled[f"{side}: seconds to fill"] = round(time.monotonic() - began, 1)
            sides[side] = reads(pool, size, now)
            say(f"{size} orders are there: {filled}")
        taken = await measure(sides, rounds)
    p50 = {side: {name: statistics.median(values) for name, values in taken[side].items()} for side in sides}
    return {"orders": count, "few": min(FEW, count), "rounds": rounds, "when": now.isoformat(), **filled, "p50": p50}


def markdown(found: Mapping[str, Any]) -> str:
    """The report for people."""
    few, many = found["p50"]["few"], found["p50"]["many"]
    settings = [f"- {name}: {value}" for name, value in found.items() if name != "p50"]
    lines = [
        "# Reads",
        "",
        "Ratios hold, absolute figures do not: they are of one machine and one hour.",
        "",
        *settings,
    ]
    lines += ["", f"Goals: at most {AGAINST_KEY:g} times {KEY}, at most {AGAINST_FEW:g} times the same among few.", ""]
    lines += ["| read | p50 ms, few | p50 ms, many | / primary key | many / few | met |", "|---|---|---|---|---|---|"]
    for name, taken in many.items():
        key, grown = taken / many[KEY], taken / few[name]
        met = "yes" if key <= AGAINST_KEY and grown <= AGAINST_FEW else "no"
        lines.append(f"| {name} | {few[name]:.3f} | {taken:.3f} | {key:.2f} | {grown:.2f} | {met} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """The command line."""
    forget_the_servers_of_the_shell()
    reader = argparse.ArgumentParser(prog="python -m bench.reads", description=__doc__)
    reader.add_argument("--size", type=int, default=1_000_000, help="orders in the large database")
    reader.add_argument("--rounds", type=int, default=ROUNDS, help="times that each read is made")
    given = reader.parse_args()
    found = asyncio.run(run(given.size, given.rounds))
    folder = Path("reports")
    folder.mkdir(exist_ok=True)
    (folder / "reads.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    (folder / "reads.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))  # noqa: T201


if __name__ == "__main__":
    main()
