"""The worker of the crash campaign: the real one, with a bank, and able to die right after its next commit."""

import asyncio
import json
import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from campaigns import BANK
from recourse.cli.quiet import quiet
from recourse.database.payments import PaymentLeg
from recourse.runtime.database_connection import database
from recourse.runtime.settings import read_settings
from recourse.runtime.stopping import until_stopped
from recourse.runtime.temporal_connection import connect
from recourse.worker import channels_of, make_worker

BANK_URL = "CAMPAIGN_BANK_URL"
VICTIM = "CAMPAIGN_VICTIM"  # a file that names the order whose commit is meant; empty, that of any order is
STATE = "CAMPAIGN_STATE"  # a file, to which SIGUSR2 has it written what the worker holds


class BankByHttp:
    """The payment provider of these orders."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def pay(self, leg: PaymentLeg) -> None:
        """Have it paid. Raises httpx2.HTTPError where the bank says no, or nothing."""
        async with httpx2.AsyncClient(timeout=5) as client:
            response = await client.post(self._url, content=leg.model_dump_json())
            response.raise_for_status()


class DiesAfterCommit:
    """A pool of connections whose process is killed, once it was told so, when a step is committed: before anybody
    hears of it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._told, self._victim = False, b""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._die_next)

    def _die_next(self) -> None:
        self._told, self._victim = True, Path(os.environ[VICTIM]).read_bytes()

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """As the pool does it, and then perhaps the end."""
        value = await self._pool.fetchval(query, *arguments)
        if self._told and "INSERT INTO orders" in query and self._victim in bytes(arguments[0]):
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


def tells_what_it_holds(pool: Any) -> None:
    """Write tasks, connections and threads to the file that CAMPAIGN_STATE names, whenever SIGUSR2 comes."""

    def tell() -> None:
        held = {"tasks": len(asyncio.all_tasks()), "connections": pool.get_size(), "threads": threading.active_count()}
        unfinished = Path(os.environ[STATE] + ".new")
        unfinished.write_text(json.dumps(held), encoding="utf-8")
        unfinished.rename(os.environ[STATE])

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, tell)


async def work() -> None:
    """Work until SIGTERM, or until killed."""
    settings = read_settings()
    channels = channels_of(settings)
    async with database(settings) as pool, until_stopped() as stop:
        tells_what_it_holds(pool)
        worker = make_worker(
            await connect(),
            DiesAfterCommit(pool),
            task_queue=settings.task_queue,
            channels=channels,
            providers={BANK: BankByHttp(os.environ.get(BANK_URL, ""))},
            # A task for a worker that was killed goes to another one this much later.
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        )
        async with worker:
            await stop.wait()
        for channel in channels:
            await channel.close()


if __name__ == "__main__":
    quiet()
    asyncio.run(work())
    time.sleep(0.1)  # a process that ends right after its last call to the SDK crashes at times
