"""`recourse worker` as a process, with its probes, its metrics and its log."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from recourse.local.process import free_ports, start, stop
from tests.http.processes import environment
from tests.patience import PATIENCE

RECOURSE = Path(sys.executable).with_name("recourse")


class Process:
    """`recourse worker`, and how to ask it."""

    def __init__(self, running: asyncio.subprocess.Process, log: Path, health: int, metrics: int) -> None:
        self.running, self._log = running, log
        self._health, self.metrics = f"http://127.0.0.1:{health}", metrics

    async def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body of a probe."""
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            answer = await http.get(self._health + path)
        return answer.status_code, answer.json()

    async def until(self, status: int, says: str) -> None:
        """Ask until it is ready, or not, and says so."""
        seen: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        seen = await self.ask("/readyz")
                    except httpx2.TransportError as error:
                        seen = error
                    else:
                        if seen[0] == status and says in str(seen[1]):
                            return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"last seen: {seen}; {self._log.read_text()[-2000:]}")

    def lines(self) -> list[dict[str, Any]]:
        """Its log; every line must be one event."""
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]


@asynccontextmanager
async def worker_process(folder: Path, queue: str, dsn: str, address: str, **more: str) -> AsyncIterator[Process]:
    """A worker of its own process."""
    health, metrics = free_ports(2)
    told = environment(
        DATABASE_URL=dsn,
        TEMPORAL_ADDRESS=address,
        RECOURSE_TASK_QUEUE=queue,
        RECOURSE_HEALTH_ADDRESS=f"127.0.0.1:{health}",
        RECOURSE_METRICS_ADDRESS=f"127.0.0.1:{metrics}",
        PYTHONUNBUFFERED="1",
        **more,
    )
    log = folder / "worker.log"
    running = await start([RECOURSE, "worker"], log=log, environment=told)
    try:
        yield Process(running, log, health, metrics)
    finally:
        await stop(running, signal.SIGTERM, patience=PATIENCE)
