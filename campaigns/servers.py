"""Real servers and a worker for a campaign; all of it ends with the block."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from recourse.database.migrate import migrate
from recourse.database.pool import connect as connect_database
from recourse.local.postgres import postgres
from recourse.local.temporal import temporal_server
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker


@asynccontextmanager
async def worked(dsn: str, address: str, **options: Any) -> AsyncIterator[Recourse]:
    """Orders on the given servers, with one worker in this process."""
    pool, client = await connect_database(dsn), await connect(target_host=address)
    queue = f"campaign-{secrets.token_hex(4)}"
    try:
        async with make_worker(client, pool, task_queue=queue, **options):
            yield Recourse(client, pool, task_queue=queue)
    finally:
        await pool.close()


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[str, str]]:
    """The addresses of a migrated PostgreSQL and a Temporal server, both ours."""
    async with postgres() as dsn, temporal_server() as (address, _):
        await migrate(dsn)
        yield dsn, address
