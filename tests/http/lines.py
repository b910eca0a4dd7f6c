"""A TCP line to a server that can be cut and mended, as networks are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Line:
    """Forwards one port of loopback to another address while it is whole."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._flows: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self.port = 0

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End every connection and take no more."""
        if self._server:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()
        for flow in self._flows:
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    def hold(self) -> None:
        """Let nothing through any more, and end nothing: to both sides the other one is gone without a word."""
        self._passes.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        self._open |= {writer, back}
        flows = {asyncio.create_task(self._flow(reader, back)), asyncio.create_task(self._flow(there, writer))}
        self._flows |= flows
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*flows)

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                await self._passes.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def line(host: str, port: int) -> AsyncIterator[Line]:
    """A whole line, for as long as the block runs."""
    made = Line(host, port)
    await made.mend()
    try:
        yield made
    finally:
        await made.cut()
