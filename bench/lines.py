"""How the contestants that are no Temporal workers are reached: lines of JSON on loopback."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from bench.story import ACCEPT, REQUEST

Answer = Callable[[str, str, Any], Awaitable[Any]]


async def serve_lines(port: int, answer: Answer) -> None:
    """Take `[order id, command, payload]` and answer it, for ever."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await answer(*json.loads(line))).encode() + b"\n")
            await writer.drain()

    async with await asyncio.start_server(talk, "127.0.0.1", port) as server:
        await server.serve_forever()


async def settled(pool: Any, order_id: str) -> None:
    """Wait until the order is settled."""
    # The database is asked seldom, since its processor time is measured.
    while await pool.fetchval("SELECT settlement FROM orders WHERE order_id = $1", order_id) != "settled":  # noqa: ASYNC110
        await asyncio.sleep(0.25)


class LinesDriver:
    """Plays the story on one of them."""

    def __init__(self, port: int, pool: Any) -> None:
        self._port, self._pool = port, pool
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def _ask(self, *line: Any) -> Any:
        talk = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = talk
        writer.write(json.dumps(line).encode() + b"\n")
        answer = json.loads(await reader.readline())
        self._free.append(talk)
        return answer

    async def start(self, order_id: str) -> None:
        """Place the order."""
        await self._ask(order_id, "start", None)

    async def command(self, order_id: str, name: str) -> None:
        """Give one command and wait for its answer."""
        answer = await self._ask(order_id, name, REQUEST if name == "request" else ACCEPT)
        if answer["status"] != "applied":
            raise AssertionError(f"{order_id}: {answer}")

    async def ended(self, order_id: str) -> None:
        """Wait until the order is settled."""
        await settled(self._pool, order_id)
