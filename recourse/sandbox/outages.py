"""Parts of a sandbox that can be taken away for a while: the database and the worker."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

PartName = Literal["database", "worker"]


class Part(NamedTuple):
    """How a part is stopped, and started again as it was."""

    stop: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]


class Outages:
    """Which parts are away. Each is back at its time, or on request."""

    def __init__(self, parts: Mapping[PartName, Part]) -> None:
        self.parts = parts
        self.away: dict[PartName, datetime | None] = {}
        self._changing = asyncio.Lock()
        self._returning: dict[PartName, asyncio.Task[None]] = {}

    async def begin(self, name: PartName, lasts: timedelta | None = None) -> None:
        """Take a part away, for so long; None: until it is brought back. One that is away stays so for so long."""
        async with self._changing:
            self._forget(name)
            if name not in self.away:
                await self.parts[name].stop()
            self.away[name] = datetime.now(UTC) + lasts if lasts else None
            if lasts:
                self._returning[name] = asyncio.create_task(self._return(name, lasts))

    async def end(self, name: PartName) -> None:
        """Bring a part back; one that is there stays."""
        async with self._changing:
            self._forget(name)
            await self._start(name)

    async def close(self) -> None:
        """Let nothing come back any more."""
        async with self._changing:
            for name in list(self._returning):
                self._forget(name)

    async def _return(self, name: PartName, lasts: timedelta) -> None:
        await asyncio.sleep(lasts.total_seconds())
        async with self._changing:
            del self._returning[name]
            await self._start(name)

    async def _start(self, name: PartName) -> None:
        if name in self.away:
            await self.parts[name].start()
            del self.away[name]

    def _forget(self, name: PartName) -> None:
        returning = self._returning.pop(name, None)
        if returning:
            returning.cancel()
