"""Whether a worker lives, and whether it can work: what a container's probes ask it over HTTP."""

import asyncio
from datetime import UTC, timedelta
from typing import Any, Literal, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from recourse.errors import DatabaseUnreachable
from recourse.runtime.clocks import Clock, apart, clock
from recourse.runtime.database_connection import takes_writes

PATIENCE = 3.0  # seconds
# A poll waits for a minute, then the next one begins.
POLLS_EVERY = timedelta(minutes=2)


class Health:
    """The health of one worker. Its program sets `stage`."""

    def __init__(self, client: Client, pool: Any, task_queue: str, now: Clock = clock) -> None:
        self._client, self._pool, self._task_queue, self._now = client, pool, task_queue, now
        self.stage: Literal["starting", "working", "stopping"] = "starting"
        # What is dangerous about how it was set up; it works all the same.
        self.unsafe: list[str] = []
        # All that does not keep it from working, as of the last time that it was asked.
        self.warnings: list[str] = []

    async def complaints(self) -> dict[str, str]:
        """What keeps the worker from working, by what it concerns; none: it is ready.

        Temporal itself says whether the worker polls, which needs all that lies between them.
        """
        if self.stage != "working":
            return {"worker": self.stage}
        database, temporal = await asyncio.gather(self._database(), self._temporal())
        found = {"database": database, "temporal": temporal}
        return {name: complaint for name, complaint in found.items() if complaint}

    async def _database(self) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE):
                excess = await takes_writes(self._pool, "app", self._now)
        except TimeoutError:
            return f"does not answer within {PATIENCE:g} s"
        except DatabaseUnreachable as error:
            return str(error)
        self.warnings = [*self.unsafe, *([excess] if excess else [])]
        return None

    async def _temporal(self) -> str | None:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace, task_queue=TaskQueue(name=self._task_queue)
        )
        try:
            async with asyncio.timeout(PATIENCE):
                known = await self._client.workflow_service.describe_task_queue(request)
        except (RPCError, TimeoutError) as error:
            return f"does not answer ({type(error).__name__})"
        ours = self._client.identity
        polls = [poller.last_access_time.ToDatetime(tzinfo=UTC) for poller in known.pollers if poller.identity == ours]
        if not polls:
            return "has not seen this worker poll yet"
        now, latest = self._now(), max(polls)
        # No poll begins later than now. How far behind Temporal is does not show in a poll, which lasts for a minute.
        if latest > now and (ahead := apart("Temporal", latest, now)):
            return ahead
        age = now - latest
        return None if age < POLLS_EVERY else f"saw this worker poll {age.total_seconds():.0f} s ago"


class Probed(Protocol):
    """What has a health."""

    @property
    def warnings(self) -> list[str]:
        """All that does not keep it from working."""

    async def complaints(self) -> dict[str, str]:
        """What keeps it from working, by what it concerns."""


def health_app(health: Probed) -> Starlette:
    """`/healthz`: the process answers; `/readyz`: the program works, with its warnings, or 503 with what is wrong."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> JSONResponse:
        wrong = await health.complaints()
        fine = {"status": "ok", **({"warnings": health.warnings} if health.warnings else {})}
        return JSONResponse(wrong or fine, 503 if wrong else 200)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz)])
