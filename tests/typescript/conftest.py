"""The TypeScript client as its users have it: built once, on packages that are installed once for each lock file."""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI

from recourse.local.cache import cache
from recourse.web.serving import listen, serving
from tests.examples.conftest import needs, run
from tests.http.conftest import app, by, client, http, marketplace, order

__all__ = ["ROOT", "app", "by", "client", "http", "marketplace", "order"]

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "typescript"


@pytest.fixture(scope="session")
async def packages() -> Path:
    """The folder `node_modules` of the client's lock file. What npm installed once is used again."""
    needs("node", "npm")
    lock = (CLIENT / "package-lock.json").read_bytes()
    kept = cache() / f"npm-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as new:
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(CLIENT / name, new)
            await run("npm ci --no-audit --no-fund", cwd=Path(new), env={})
            _keep(Path(new), kept)
    return kept / "node_modules"


def _keep(new: Path, kept: Path) -> None:
    # Another process may have been faster.
    with suppress(OSError):
        new.rename(kept)
        new.mkdir()


@pytest.fixture(scope="session")
async def built(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client's package, built."""
    folder = tmp_path_factory.mktemp("clients") / "typescript"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "node_modules").symlink_to(packages)
    await run("npm run --silent build", cwd=folder, env={})
    return folder


def installed(into: Path, packages: Path, built: Path) -> None:
    """Make a folder one in which the client and the packages are installed that it is developed with."""
    modules = into / "node_modules"
    modules.mkdir()
    for package in packages.iterdir():
        (modules / package.name).symlink_to(package)
    (modules / "recourse-client").symlink_to(built)


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """The API on a port of loopback."""
    with listen("127.0.0.1", 0) as listener:
        async with serving(app, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@dataclass
class Between:
    """What stands between a client and the API. `faults`: what it does to the next calls of a path; `seen`: the verb
    and path and the headers of each call, and when it came.
    """

    server: str
    faults: Mapping[str, list[str]] = field(default_factory=dict)
    seen: list[tuple[str, Mapping[str, str], float]] = field(default_factory=list)
    url: str = ""
    _taken: set[asyncio.Task[None]] = field(default_factory=set)

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a call meanwhile."""
        self._taken.add(asyncio.create_task(self._take(reader, writer)))

    async def close(self) -> None:
        """End what is still waited for."""
        for task in self._taken:
            task.cancel()
        await asyncio.wait(self._taken)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = first.split()[1].partition("?")[0]
            self.seen.append((f"{first.split()[0]} {path}", headers, asyncio.get_running_loop().time()))
            planned = self.faults.get(path)
            fault = planned.pop(0) if planned else ""
            answer = FAULTS[fault] if fault in FAULTS else await self._passed_on(first, headers, body)
            # An answer that is lost, or breaks off.
            kept = {"lost": 0, "cut": len(answer) - 5}.get(fault, len(answer))
            writer.write(answer[:kept])
            await writer.drain()
        finally:
            writer.close()

    async def _passed_on(self, first: str, headers: Mapping[str, str], body: bytes) -> bytes:
        host, port = self.server.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        given = {**headers, "connection": "close"}
        head = "\r\n".join([first, *(f"{name}: {value}" for name, value in given.items())])
        writer.write(f"{head}\r\n\r\n".encode() + body)
        try:
            return await reader.read()
        finally:
            writer.close()


def _answer(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body]
    return "\r\n".join(lines).encode()


# What never comes to the server. `lost` and `cut` come to it, and their answers do not come back whole.
FAULTS = {
    "refused": b"",
    "busy": _answer("429 Too Many Requests", "Retry-After: 0"),
    "away": _answer(
        "503 Service Unavailable", "Retry-After: 1", body='{"code": "database_unreachable", "title": "No."}'
    ),
    "proxy": _answer("502 Bad Gateway", body="<h1>Bad gateway</h1>"),
    "long": _answer("503 Service Unavailable", "Retry-After: 3600", body='{"code": "too_early", "title": "Later."}'),
}


@pytest.fixture
async def between(address: str) -> AsyncIterator[Between]:
    """A server that fails, in front of the API."""
    made = Between(address)
    server = await asyncio.start_server(made.connected, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made
        await made.close()
