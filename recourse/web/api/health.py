"""Whether this server lives, and whether it can work."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from temporalio.service import RPCError

from recourse.resolution.model.vocabulary import View
from recourse.runtime.database_connection import takes_writes
from recourse.web.access import Site, TheSite
from recourse.web.problems import database_unreachable, temporal_unreachable

router = APIRouter(tags=["health"])
PATIENCE = 3.0  # seconds


class Alive(View):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(View):
    """What it needs answers too."""

    database: Literal["ok"] = "ok"
    temporal: Literal["ok"] = "ok"
    warnings: list[str] | None = Field(default=None, description="What works and should be changed; left out: nothing.")


@router.get("/healthz")
async def healthz() -> Alive:
    """Whether the process lives. It needs no token."""
    return Alive()


@router.get(
    "/readyz",
    response_model_exclude_none=True,
    responses={503: {"description": "Temporal does not answer, or PostgreSQL takes no writes."}},
)
async def readyz(site: TheSite) -> Ready:
    """Whether orders can be reached: Temporal answers, and the database takes writes. It needs no token."""
    excess, _ = await asyncio.gather(_database(site), _temporal(site))
    return Ready(warnings=[excess] if excess else None)


async def _database(site: Site) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await takes_writes(site.recourse.pool, "web", site.now)
    except TimeoutError as error:
        raise database_unreachable() from error


async def _temporal(site: Site) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            healthy = await site.recourse.temporal.service_client.check_health()
    except (TimeoutError, RPCError) as error:
        raise temporal_unreachable() from error
    if not healthy:
        raise temporal_unreachable()
