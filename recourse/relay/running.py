"""The relay: it reads the changes behind its cursor, publishes them, and only then stores how far it is."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog import get_logger

from recourse.database.access import Database
from recourse.database.changes import START, Change, Feed
from recourse.database.relays import cursor_of, move
from recourse.errors import Unreachable
from recourse.runtime.database_connection import explaining_database_errors

PAGE = 500  # changes
# Seconds.
LOOKS_EVERY = 1.0
AGAIN_AFTER = 1.0

MEANINGS = {
    "recourse_relay_lag_seconds": "The age of the oldest change that the relay is publishing; 0: it has published all.",
    "recourse_relay_up": "1: the last attempt to read and publish worked; 0: it failed and is tried again.",
    "recourse_relay_published_total": "Changes that were published and acknowledged.",
    "recourse_relay_failures_total": "Attempts that failed, at NATS or at the database.",
}


class Target(Protocol):
    """Where the changes go."""

    warnings: list[str]

    async def publish(self, changes: list[Change]) -> None:
        """Publish changes, and wait until they are safe. Raises Unreachable."""


class Relay:
    """Hands every change on, from where it was when it last ran. It may be killed at any point.

    `name` is the one of its place; `after` is where it begins if it has none: a cursor, `start` or `now`.
    """

    def __init__(self, pool: Database, target: Target, name: str, after: str = START) -> None:
        self._pool, self._target, self._name, self._after = pool, target, name, after
        self._feed = Feed(pool)
        self._oldest: datetime | None = None
        self.published = self.failures = 0
        # Why the last attempt failed; None: it did not.
        self.failing: str | None = None
        self.stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set. Raises UnknownCursor where its place is lost."""
        place: str | None = None
        while not stop.is_set():
            try:
                with explaining_database_errors():
                    place = place or await cursor_of(self._pool, self._name) or self._after
                    place = await self._go_on(place)
                self._failed(None)
            except Unreachable as error:
                place = None
                self._failed(error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN_AFTER):
                        await stop.wait()
        self.stopping = True

    async def _go_on(self, place: str) -> str:
        page = await self._feed.page(place, limit=PAGE, wait=LOOKS_EVERY)
        if page.changes:
            self._oldest = page.changes[0].at
            await self._target.publish(page.changes)
            self.published += len(page.changes)
            self._oldest = None
        return place if page.next == place else await move(self._pool, self._name, place, page.next)

    def _failed(self, error: Unreachable | None) -> None:
        why = str(error) if error else None
        self.failures += error is not None
        if why != self.failing:
            log = get_logger("recourse.relay")
            log.info("relaying again") if why is None else log.warning("cannot relay, trying again", error=why)
        self.failing = why

    @property
    def lag(self) -> float:
        """Seconds since the oldest change that is being published; 0: there is none."""
        return max((datetime.now(UTC) - self._oldest).total_seconds(), 0) if self._oldest else 0.0

    async def complaints(self) -> dict[str, str]:
        """What keeps the relay from working; none: it is ready."""
        if self.stopping:
            return {"relay": "stopping"}
        return {"relay": self.failing} if self.failing else {}

    @property
    def warnings(self) -> list[str]:
        """What does not keep it from working, and should be changed."""
        return self._target.warnings


def metrics_app(relay: Relay) -> Starlette:
    """`/metrics`, in Prometheus' text format."""

    async def metrics(_: Request) -> PlainTextResponse:
        values: dict[str, Any] = {
            "recourse_relay_lag_seconds": relay.lag,
            "recourse_relay_up": relay.failing is None,
            "recourse_relay_published_total": relay.published,
            "recourse_relay_failures_total": relay.failures,
        }
        lines = [
            f"# HELP {name} {meaning}\n# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}\n"
            f"{name} {float(values[name]):g}\n"
            for name, meaning in MEANINGS.items()
        ]
        return PlainTextResponse("".join(lines), media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/metrics", metrics)])
