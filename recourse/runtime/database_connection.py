"""The connection to the database that the settings of this process name."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

from recourse.errors import DatabaseUnreachable, RecourseError
from recourse.extras import require
from recourse.runtime.clocks import Clock, apart, clock
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


Role = Literal["app", "web"]
_NEEDED_BY: dict[Role, str] = {"app": "a worker", "web": "a web server"}

# Each right that this user lacks of a role's, and each right to write that it has beyond them.
_RIGHTS = """
SELECT name, privilege, wanted FROM (
    SELECT r.name, asked.privilege, wanted FROM rights AS r
    CROSS JOIN LATERAL (
        SELECT privilege, true AS wanted FROM unnest(string_to_array(r.{role}, ', ')) AS listed (privilege)
        UNION ALL
        SELECT privilege, false FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS writing (privilege)
        WHERE r.kind = 'TABLE' AND privilege <> ALL (string_to_array(r.{role}, ', '))
    ) AS asked
    WHERE wanted <> CASE
        WHEN r.kind = 'FUNCTION' THEN has_function_privilege(r.name, asked.privilege)
        WHEN r.kind = 'SCHEMA' THEN has_schema_privilege(r.name, asked.privilege)
        WHEN asked.privilege LIKE 'SELECT (%' THEN
            has_column_privilege(r.name, substring(asked.privilege FROM '\\((.*)\\)'), 'SELECT')
        ELSE has_table_privilege(r.name, asked.privilege)
    END
    UNION ALL
    SELECT 'the database', 'TEMPORARY', false WHERE has_database_privilege(current_database(), 'TEMPORARY')
) AS differing
ORDER BY wanted DESC, name LIKE 'analysis.%', name LIMIT 1
"""
# Locks no row, and is refused where nothing can be written: on a standby, and in a session that is read-only.
_TAKES_WRITES = "SELECT 1 FROM contacts LIMIT 0 FOR NO KEY UPDATE"


async def excess_rights(pool: Any, role: Role) -> str | None:
    """What this user could do beyond the rights of a role, in a sentence; None: nothing.

    Raises DatabaseUnreachable where it lacks one of these rights, also before a migration.
    """
    with explaining_database_errors():
        found = await pool.fetchrow(_RIGHTS.format(role=role))
    if found is None:
        return None
    right = f"{found['privilege']} on {found['name']}"
    if found["wanted"]:
        raise DatabaseUnreachable(
            f"The database does not let this user do what {_NEEDED_BY[role]} does "
            f"({right}): connect as a member of recourse_{role}."
        )
    return (
        f"The database lets this user do more than {_NEEDED_BY[role]} needs, such as {right}: "
        f"connect as a member of recourse_{role} and of no other role."
    )


async def fit_for_work(pool: Any, role: Role, now: Clock = clock) -> str | None:
    """Return what `excess_rights` does, where the clocks of the database and of this machine agree.

    Raises DatabaseUnreachable.
    """
    excess = await excess_rights(pool, role)
    with explaining_database_errors():
        wrong = apart("the database", await pool.fetchval("SELECT clock_timestamp()"), now())
    if wrong:
        raise DatabaseUnreachable(wrong, wrong)
    return excess


async def takes_writes(pool: Any, role: Role = "app", now: Clock = clock) -> str | None:
    """Return what `fit_for_work` does, where the database takes writes now. Raises DatabaseUnreachable."""
    excess = await fit_for_work(pool, role, now)
    with explaining_database_errors():
        await pool.fetch(_TAKES_WRITES)
    return excess


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
