"""`python -m bench.importing`: how long it takes until a file of open orders is here, on real servers."""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.local.postgres import LocalPostgres
from recourse.local.process import scratch, start, stop
from recourse.local.progress import say
from recourse.local.shell import forget_the_servers_of_the_shell
from recourse.local.temporal import temporal_server
from recourse.resolution.model.vocabulary import OPEN_PHASES

DAY = timedelta(days=1)
WITHIN = timedelta(minutes=10)


def lines(count: int, now: datetime) -> Iterator[str]:
    """So many open orders in every phase, every other one with a request that waits."""
    for number in range(count):
        phase = OPEN_PHASES[number % len(OPEN_PHASES)]
        placed = now - DAY * (2 + number % 20)
        state: dict[str, Any] = {"phase": phase, "since": placed.isoformat()}
        terms = {"order_id": f"m-{number}", "client": f"c-{number % 997}", "freelancer": f"f-{number % 499}"}
        if phase != "waiting_requirements":
            state |= {"due_at": (now + DAY * (1 + number % 9)).isoformat(), "refunded": 100 * (number % 3)}
        if phase == "delivered":
            state["completes_at"] = (now + 2 * DAY).isoformat()
        if phase == "in_revision":
            state |= {"revisions": 1, "extras": {"price": 2_000, "service_fee": 110}}
        if number % 8 > 3:
            asked = {"kind": "cancel", "by": "client", "comment": "We stopped the campaign.", "reason": "other"}
            instants = {"opened_at": now - DAY, "answer_due_at": now + DAY}
            state["request"] = asked | {name: at.isoformat() for name, at in instants.items()}
        terms |= {"requirements": "awaited"} if phase == "waiting_requirements" else {}
        ordered = {"price": 10_000, "service_fee": 550, "ordered_at": placed.isoformat(), "delivery_time": "30d"}
        yield json.dumps({"terms": terms | ordered, "state": state})


async def main(count: int) -> None:
    """Bring so many orders, and say how long it took until each was written."""
    forget_the_servers_of_the_shell()
    with scratch() as files, scratch() as data:
        file, server = files / "orders.jsonl", LocalPostgres(data, durable=True)
        now = datetime.now(UTC).replace(microsecond=0)
        file.write_text("".join(f"{line}\n" for line in lines(count, now)), encoding="utf-8")
        await server.start()
        try:
            async with temporal_server() as (address, _):
                await migrate(server.dsn)
                await _bring(file, count, files, {"DATABASE_URL": server.dsn, "TEMPORAL_ADDRESS": address})
        finally:
            await server.stop()


async def _bring(file: Path, count: int, folder: Path, where: dict[str, str]) -> None:
    environment = {**os.environ, **where}
    pool = await connect(where["DATABASE_URL"], most=2)
    recourse = str(Path(sys.executable).with_name("recourse"))
    worker = await start([recourse, "worker"], log=folder / "worker.log", environment=environment)
    try:
        began = time.monotonic()
        with (folder / "said.txt").open("wb") as said:
            importing = await asyncio.create_subprocess_exec(
                recourse, "orders", "import", str(file), env=environment, stdout=said
            )
            status = await importing.wait()
        started = time.monotonic() - began
        while await pool.fetchval("SELECT count(*) FROM orders") < count:
            if time.monotonic() - began > WITHIN.total_seconds():
                break
            await asyncio.sleep(0.5)
        took, there = time.monotonic() - began, await pool.fetchval("SELECT count(*) FROM orders")
        wrong = await pool.fetchval("SELECT sum(amount)::bigint FROM ledger_entries")
        said_last = (folder / "said.txt").read_text(encoding="utf-8").splitlines()[-1]
        say(f"{said_last} Exit status {status}.")
        say(f"{there} of {count} orders are here after {took:.0f} s, started after {started:.0f} s; ledger {wrong:+d}")
        say(f"The load of the machine: {os.getloadavg()[0]:.1f}.")
    finally:
        await pool.close()
        await stop(worker, signal.SIGTERM)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("count", nargs="?", type=int, default=10_000, help="how many orders")
    asyncio.run(main(options.parse_args().count))
