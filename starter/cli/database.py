"""The database that a command reads: DATABASE_URL, or one clear sentence why not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from activities.settings import BadSettings, read_settings
from database.pool import DatabaseUnreachable, connect, where
from starter.cli.output import UNREACHABLE, Stop


@asynccontextmanager
async def connected() -> AsyncIterator[Any]:
    """A connection to the database of the orders. Raises Stop where there is none."""
    try:
        dsn = read_settings().database_url
    except BadSettings as error:
        raise Stop(str(error)) from error
    if not dsn:
        raise Stop("DATABASE_URL is not set: name the database that holds the orders.")
    try:
        pool = await connect(dsn, most=1)
    except DatabaseUnreachable as error:
        raise Stop(str(error), UNREACHABLE) from error
    try:
        yield pool
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise Stop(f"PostgreSQL at {where(dsn)} is not up to date ({error}): migrate it first.") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Stop(f"PostgreSQL at {where(dsn)} does not let this user read that ({error}).") from error
    finally:
        await pool.close()
