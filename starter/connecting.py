"""From the settings of this process to orders: the database, Temporal, and the typed client on both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from activities.settings import BadSettings, Settings
from database.pool import connect as connect_database
from starter.client import Recourse
from workflows.connecting import connect as connect_temporal


def database_address(settings: Settings) -> str:
    """The database's address. Raises BadSettings where none is set."""
    if not settings.database_url:
        raise BadSettings(
            "DATABASE_URL is not set: it names the PostgreSQL that holds the orders, "
            "such as postgresql://user@host:5432/recourse."
        )
    return settings.database_url


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Any]:
    """Connections to the database, for as long as the block runs."""
    pool = await connect_database(database_address(settings))
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def orders(settings: Settings) -> AsyncIterator[Recourse]:
    """The typed client, for as long as the block runs."""
    async with database(settings) as pool:
        yield Recourse(await connect_temporal(), pool, task_queue=settings.task_queue)
