"""The facts of the database as Prometheus reads them.

`recourse serve` shows them, not the worker: they matter most when no worker runs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from recourse.database.figures import FIGURES, read_figures
from recourse.database.pool import AWAY
from recourse.starter.client import Recourse
from recourse.starter.doctor import count_orphaned
from recourse.web.reported import Reported

KEPT = 10.0  # seconds
PATIENCE = 5.0  # seconds
# The orders without a workflow are looked for again after this, and after twenty times as long as it took.
LOOKS_EVERY = 60.0  # seconds
RESTS = 20
ORPHANED = "recourse_orphaned_orders"
ORPHANED_MEANING = "Open orders without a workflow, counted at most once a minute; absent if it cannot be counted."
UP = "recourse_database_up"
UP_MEANING = "1: the figures of the database were read; 0: it does not answer, and there are none."


class Orphans:
    """How many orders no workflow leads, asked in the background: that takes a call to Temporal for some 100 orders."""

    def __init__(self, count: Callable[[], Awaitable[int]]) -> None:
        self._count = count
        self.found: int | None = None

    async def look(self) -> None:
        """Ask once. What is not known at the moment is not shown."""
        try:
            self.found = await self._count()
        except Exception:  # noqa: BLE001 - whatever is wrong, an old number is worse than none
            self.found = None

    async def keep_looking(self) -> None:
        """Ask again and again, for a twentieth of the time at most."""
        while True:
            began = monotonic()
            await self.look()
            await asyncio.sleep(max(LOOKS_EVERY, RESTS * (monotonic() - began)))


class Collector:
    """Asks at most every ten seconds, however often it is scraped."""

    def __init__(self, pool: Any, clock: Callable[[], float] = monotonic, orphans: Orphans | None = None) -> None:
        self._pool, self._clock, self._orphans = pool, clock, orphans
        self._one_at_a_time = asyncio.Lock()
        self._text, self._until = "", float("-inf")

    async def text(self) -> str:
        """All figures in Prometheus' text format."""
        async with self._one_at_a_time:
            if self._clock() >= self._until:
                self._text = await self._read()
                self._until = self._clock() + KEPT
            return self._text

    async def _read(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await read_figures(self._pool)
        except AWAY:
            found = {}
        lines = [_gauge(UP, UP_MEANING, bool(found))]
        lines += [_gauge(figure.name, figure.meaning, found[figure.name]) for figure in FIGURES if found]
        if self._orphans and self._orphans.found is not None:
            lines.append(_gauge(ORPHANED, ORPHANED_MEANING, self._orphans.found))
        return "".join(lines)


def _gauge(name: str, meaning: str, value: float) -> str:
    return f"# HELP {name} {meaning}\n# TYPE {name} gauge\n{name} {float(value):g}\n"


def figures_app(recourse: Recourse, reported: Reported | None = None) -> Starlette:
    """`/metrics`. `reported`: what this server has got from payment providers."""
    orphans = Orphans(lambda: count_orphaned(recourse))
    collector = Collector(recourse.pool, orphans=orphans)

    async def metrics(_: Request) -> PlainTextResponse:
        own = reported.text() if reported else ""
        return PlainTextResponse(await collector.text() + own, media_type="text/plain; version=0.0.4")

    @asynccontextmanager
    async def looking(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(orphans.keep_looking())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return Starlette(routes=[Route("/metrics", metrics)], lifespan=looking)
