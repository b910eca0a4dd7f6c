"""Restate's server, which its npm package carries as a program, and how the story is played on it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from bench.lines import settled
from bench.story import ACCEPT, REQUEST
from recourse.local.cache import cache
from recourse.local.process import free_ports, kill, run, start
from recourse.local.progress import LocalError

VERSION = "1.7.12"
PACKAGE = "@restatedev/restate-server-linux-x64"
READY_WITHIN = 60.0  # seconds


def can_be_fetched() -> bool:
    """Whether the server is there, or npm to fetch it."""
    return _program().exists() or shutil.which("npm") is not None


def _program() -> Path:
    return cache() / f"restate-{VERSION}" / "node_modules" / PACKAGE / "bin" / "restate-server"


async def fetch() -> None:
    """Have the server's program in the cache. Raises LocalError."""
    if _program().exists():
        return
    folder = _program().parents[4]
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    await run(
        "Restate: fetching its server from npm",
        [*command, f"{PACKAGE}@{VERSION}"],
        folder / "npm.log",
        hint=f"The whole output is in {folder / 'npm.log'}; `--only` leaves Restate out.",
    )


@asynccontextmanager
async def restate_server(folder: Path) -> AsyncIterator[tuple[int, str, str]]:
    """A single node with its default settings: its process, and the addresses for calls and for administration."""
    node, ingress, admin = free_ports(3)
    environment = {
        "RESTATE_BASE_DIR": str(folder / "restate"),
        "RESTATE_BIND_IP": "127.0.0.1",
        "RESTATE_BIND_PORT": str(node),
        "RESTATE_INGRESS__BIND_PORT": str(ingress),
        "RESTATE_ADMIN__BIND_PORT": str(admin),
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LOG_FILTER": "warn",
    }
    log = folder / "restate.log"
    process = await start([_program(), "--no-logo"], log=log, environment=environment, cwd=folder)
    try:
        yield process.pid, f"http://127.0.0.1:{ingress}", f"http://127.0.0.1:{admin}"
    finally:
        kill(process)
        await process.wait()


async def register(admin: str, service: str) -> None:
    """Tell the server where its service is. Raises LocalError."""
    try:
        async with asyncio.timeout(READY_WITHIN), httpx2.AsyncClient() as http:
            while True:
                try:
                    answer = await http.post(f"{admin}/deployments", json={"uri": service})
                    if answer.is_success:
                        return
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise LocalError(f"Restate: {service} was not registered within {READY_WITHIN:.0f} s") from error


class RestateDriver:
    """Plays the story on it, by its HTTP ingress."""

    def __init__(self, ingress: str, http: httpx2.AsyncClient, pool: Any) -> None:
        self._ingress, self._http, self._pool = ingress, http, pool

    async def _call(self, order_id: str, handler: str, payload: Any = None) -> Any:
        body = {} if payload is None else {"json": payload}
        answer = await self._http.post(f"{self._ingress}/Order/{order_id}/{handler}", **body)
        answer.raise_for_status()
        return answer.json() if payload is not None else None

    async def start(self, order_id: str) -> None:
        """Place the order."""
        await self._call(order_id, "start")

    async def command(self, order_id: str, name: str) -> None:
        """Give one command and wait for its answer."""
        answer = await self._call(order_id, name, REQUEST if name == "request" else ACCEPT)
        if answer["status"] != "applied":
            raise AssertionError(f"{order_id}: {answer}")

    async def ended(self, order_id: str) -> None:
        """Wait until the order is settled."""
        await settled(self._pool, order_id)
