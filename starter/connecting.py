"""From the settings of this process to the database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from activities.settings import BadSettings, Settings
from database.pool import DatabaseUnreachable
from database.pool import connect as connect_database


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


async def may_write_orders(pool: Any) -> None:
    """Return where this user may do what a worker does. Raises DatabaseUnreachable, also before a migration."""
    with in_one_sentence():
        if not await pool.fetchval("SELECT has_table_privilege('orders', 'INSERT')"):
            raise DatabaseUnreachable(
                "The database does not let this user write orders: connect as a member of recourse_app."
            )


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """A database that does not answer says so in one sentence. Raises DatabaseUnreachable."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError) as error:
        raise DatabaseUnreachable(f"The database is not up to date ({error}): run `recourse migrate` first.") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseUnreachable(
            f"The database does not let this user read or write that ({error}): connect as a member of recourse_app."
        ) from error
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnreachable(
            f"PostgreSQL does not answer ({type(error).__name__}); check that it runs, then try again."
        ) from error
