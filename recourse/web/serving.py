"""Serving the application on a socket."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

from recourse.runtime.settings import BadSettings
from recourse.runtime.stopping import until_stopped


class Server(uvicorn.Server):
    """A server that leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the program that runs it sets `should_exit`."""
        yield


def make_server(app: Any) -> Server:
    """A server of `app` that does not log addresses: those of links that sign people in hold tokens."""
    return Server(uvicorn.Config(app, access_log=False, log_config=None, log_level="warning", server_header=False))


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
