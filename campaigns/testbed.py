"""The testbed of the crash campaign: database, Temporal server and worker, each to be killed and restarted alone."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from campaigns.worker import STATE, VICTIM
from recourse.database.migrate import migrate
from recourse.local.cluster import cluster
from recourse.local.postgres import LocalPostgres
from recourse.local.process import gone, kill, start, stop
from recourse.local.temporal import LocalTemporal, find_program

# Events of a history after which an order goes on in a new run: most orders of a campaign then do, some more than once.
SHORT_HISTORIES = {"limit.historyCount.suggestContinueAsNew": "60"}
ROOT = Path(__file__).resolve().parent.parent


class Server(Protocol):
    """A server that can be ended as a crash would end it, and started again with all that it had."""

    async def start(self) -> None:
        """Start it and wait until it answers."""

    async def kill(self) -> None:
        """End it as a crash would."""


class WorkerProcess:
    """One worker in a process of its own."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self._log, self._victim = log, log.with_name("victim")
        self._environment = {**environment, VICTIM: str(self._victim)}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process's number, while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def start(self) -> None:
        """Start it; what it finds away it waits for by ending, and being started again."""
        command = [sys.executable, "-m", "campaigns.worker"]
        self._process = await start(command, log=self._log, environment=self._environment, cwd=ROOT)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            ended = kill(self._process)
            await self._process.wait()
            await gone(ended)

    async def die_after_its_next_commit(self, patience: float, of: str = "") -> bool:
        """Have it killed between a commit and the report of it; False where nothing was committed for so long.

        `of`: an order; without one, the commit of any will do.
        """
        if self.pid is None or self._process is None:
            return False
        self._victim.write_text(of, encoding="utf-8")
        os.kill(self.pid, signal.SIGUSR1)
        try:
            async with asyncio.timeout(patience):
                await self._process.wait()
        except TimeoutError:
            return False
        return self._process.returncode == -signal.SIGKILL

    async def holds(self) -> dict[str, int]:
        """Its tasks, connections and threads, and its memory in bytes. The environment must name CAMPAIGN_STATE."""
        if self._process is None:
            return {}
        told = Path(self._environment[STATE])
        os.kill(self._process.pid, signal.SIGUSR2)
        async with asyncio.timeout(30):
            while (held := _taken(told)) is None:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
        return {**held, "bytes": _resident(self._process.pid)}

    async def stop(self) -> None:
        """Stop it in order."""
        if self._process:
            await stop(self._process, signal.SIGTERM)


def _taken(told: Path) -> dict[str, int] | None:
    """What a worker wrote to a file, once."""
    if not told.exists():
        return None
    held: dict[str, int] = json.loads(told.read_text(encoding="utf-8"))
    told.unlink()
    return held


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Testbed:
    """Everything an order needs to live."""

    dsn: str
    address: str
    queue: str
    postgres: Server
    temporal: Server
    worker: WorkerProcess
    up: dict[str, bool] = field(default_factory=dict)


@asynccontextmanager
async def running_testbed(
    queue: str, environment: Mapping[str, str], *, on_postgres: bool = False
) -> AsyncIterator[Testbed]:
    """Durable servers of our own and a worker; all of it ends with this block.

    `on_postgres`: Temporal as production runs it, in the same PostgreSQL; otherwise the dev server with its file.
    """
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with _on_postgres(folder) if on_postgres else _on_a_file(folder) as (dsn, address, postgres, temporal):
            known = {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": address, "RECOURSE_TASK_QUEUE": queue, **environment}
            worker = WorkerProcess(folder / "worker.log", known)
            await worker.start()
            try:
                yield Testbed(dsn, address, queue, postgres, temporal, worker)
            finally:
                await worker.stop()


@asynccontextmanager
async def _on_a_file(folder: Path) -> AsyncIterator[tuple[str, str, Server, Server]]:
    postgres = LocalPostgres(folder, durable=True)
    temporal = LocalTemporal(await find_program(), folder, db_file=folder / "temporal.db", settings=SHORT_HISTORIES)
    try:
        await postgres.start()
        await migrate(postgres.dsn)
        await temporal.start()
        yield postgres.dsn, temporal.address, postgres, temporal
    finally:
        await temporal.stop()
        await postgres.stop()


@asynccontextmanager
async def _on_postgres(folder: Path) -> AsyncIterator[tuple[str, str, Server, Server]]:
    async with cluster(folder, settings=SHORT_HISTORIES) as running:
        yield running.dsn, running.address, running.postgres, running.server
