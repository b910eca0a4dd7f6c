"""Serving the application on a socket."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from recourse.runtime.settings import BadSettings
from recourse.runtime.stopping import until_stopped

HEAD_WITHIN = 10.0  # seconds
# More are answered 503 at once.
CONNECTIONS = 1000


class Server(uvicorn.Server):
    """A server that leaves signals to the program it runs in, and lets calls that wait know when it stops."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As ever; each call has the event in its state."""
        self.lifespan.state["stopping"] = self._stopping
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As ever; calls that only wait for news end."""
        self._stopping.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the program that runs it sets `should_exit`."""
        yield


class _Impatient(H11Protocol):
    """A connection that ends where a request does not get as far as its body in time."""

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """As ever; from now on it must come."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """As ever; the next request must come from its first byte on."""
        if self._overdue is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """As ever."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """As ever: uvicorn itself ends a connection on which nothing more comes."""
        self._stop_waiting()
        super().on_response_complete()

    def _wait(self) -> None:
        self._overdue = self.loop.call_later(HEAD_WITHIN, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


def make_server(app: Any) -> Server:
    """A server of `app` that does not log addresses: those of links that sign people in hold tokens."""
    return Server(
        uvicorn.Config(
            app,
            http=_Impatient,
            limit_concurrency=CONNECTIONS,
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket of this address. Raises BadSettings where it cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        # What the system says; Python adds the address once more.
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise BadSettings(f"{host}:{port} cannot be listened on: {why}.") from error


@asynccontextmanager
async def serving(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """Serve on `listener` for as long as the block runs; calls that are under way are answered first."""
    server = make_server(app)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def answering(address: str | None, app: Any) -> AsyncIterator[None]:
    """Serve on `address` (`host:port`; None: nowhere) for as long as the block runs. Raises BadSettings."""
    if address is None:
        yield
        return
    host, _, port = address.rpartition(":")
    with listen(host.strip("[]"), int(port)) as listener:
        async with serving(app, listener):
            yield


async def serve_until_stopped(app: Any, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; calls that are under way are answered first."""
    server = make_server(app)
    async with until_stopped() as stop:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        await serving
