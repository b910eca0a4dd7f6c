"""The facts of the database as Prometheus reads them.

`recourse serve` shows them, not the worker: they matter most when no worker runs.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from database.figures import FIGURES, read_figures
from database.pool import AWAY

KEPT = 10.0  # seconds
PATIENCE = 5.0  # seconds
UP = "recourse_database_up"
UP_MEANING = "1: the figures of the database were read; 0: it does not answer, and there are none."


class Collector:
    """Asks at most every ten seconds, however often it is scraped."""

    def __init__(self, pool: Any, clock: Callable[[], float] = monotonic) -> None:
        self._pool, self._clock = pool, clock
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
        return "".join(lines)


def _gauge(name: str, meaning: str, value: float) -> str:
    return f"# HELP {name} {meaning}\n# TYPE {name} gauge\n{name} {float(value):g}\n"


def figures_app(pool: Any) -> Starlette:
    """`/metrics`."""
    collector = Collector(pool)

    async def metrics(_: Request) -> PlainTextResponse:
        return PlainTextResponse(await collector.text(), media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/metrics", metrics)])
