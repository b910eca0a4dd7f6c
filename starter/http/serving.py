"""Serving the application on a socket."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from worker import until_told_to_stop


class Server(uvicorn.Server):
    """A server that leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: whoever runs it sets `should_exit`."""
        yield


def make_server(app: Any) -> Server:
    """A server of `app` that does not log addresses: those of links that sign people in hold tokens."""
    return Server(uvicorn.Config(app, access_log=False, log_level="warning", server_header=False))


async def serve_until_told_to_stop(app: Any, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; calls that are under way are answered first."""
    server = make_server(app)
    async with until_told_to_stop() as stop:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        await serving
