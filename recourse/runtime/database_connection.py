"""The connection to the database that the settings of this process name."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from recourse.errors import DatabaseUnreachable, RecourseError
from recourse.extras import require
from recourse.runtime.settings import BadSettings, Settings


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
    address = database_address(settings)
    require("backend")
    from recourse.database.pool import connect

    pool = await connect(address)
    try:
        yield pool
    finally:
        await pool.close()


# A right that recourse_app has and this user lacks.
_LACKING = """
SELECT r.name, wanted.privilege FROM rights AS r, unnest(string_to_array(r.app, ', ')) AS wanted (privilege)
WHERE NOT CASE r.kind
    WHEN 'TABLE' THEN has_table_privilege(r.name, wanted.privilege)
    WHEN 'FUNCTION' THEN has_function_privilege(r.name, wanted.privilege)
    ELSE has_schema_privilege(r.name, wanted.privilege)
END
ORDER BY r.name LIMIT 1
"""
# Locks no row, and is refused where nothing can be written: on a standby, and in a session that is read-only.
_TAKES_WRITES = "SELECT 1 FROM order_states LIMIT 0 FOR NO KEY UPDATE"


async def may_write_orders(pool: Any) -> None:
    """Return where this user may do what a worker does. Raises DatabaseUnreachable, also before a migration."""
    with explaining_database_errors():
        lacking = await pool.fetchrow(_LACKING)
        if lacking is not None:
            raise DatabaseUnreachable(
                f"The database does not let this user write orders ({lacking['privilege']} on {lacking['name']}): "
                "connect as a member of recourse_app."
            )


async def takes_writes(pool: Any) -> None:
    """Return where the database takes what a worker writes, now. Raises DatabaseUnreachable."""
    await may_write_orders(pool)
    with explaining_database_errors():
        await pool.fetch(_TAKES_WRITES)


@contextmanager
def explaining_database_errors() -> Iterator[None]:
    """Turn the error of a database that is away into one sentence for people. Raises DatabaseUnreachable."""
    try:
        yield
    except RecourseError:
        raise
    except Exception as error:
        # A program with such an error has the driver, too.
        from recourse.database.pool import AWAY, unreachable

        if isinstance(error, AWAY):
            raise unreachable(error) from error
        raise
