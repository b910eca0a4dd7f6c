"""Connections to PostgreSQL."""

import asyncio
import json
import socket
from typing import Any

import asyncpg
from pydantic_core import to_json

from recourse.database.address import CACHE, Address, Unreadable
from recourse.errors import DatabaseUnreachable

CONNECTIONS = 8
# Seconds. A host that says nothing must not use up the time of the next one.
PATIENCE = 10.0
PATIENCE_WITH_EACH = 3.0
# Shorter than anybody waits for a query, longer than one usually takes.
SILENCE = 2.0
UNREADABLE = (
    "DATABASE_URL cannot be read: {}; write postgresql://user:password@host:5432/recourse, and signs such as "
    "/ # ? @ in the password as %2F %23 %3F %40."
)
READ_ONLY = (
    "The database takes no writes: it is a standby, or set to read-only. DATABASE_URL must lead to the primary; where "
    "it names several hosts, add ?target_session_attrs=read-write."
)
POOLED = (
    "A pooler in transaction mode stands before the database and loses prepared statements: add "
    f"?{CACHE}=0 to DATABASE_URL, or use its session mode."
)
_STATEMENT_LOST = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)
_OUT_OF_DATE = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
)
# The database is away: it does not answer, is not what we need at the moment, or our session is not. Nothing is wrong
# with the query. All other errors of the driver are faults of ours.
AWAY: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    *_STATEMENT_LOST,
    *_OUT_OF_DATE,
)
_SESSION = "SELECT pg_backend_pid()"
# With an address that PostgreSQL or the driver refuses, such as one with a setting that there is not.
_CANNOT_BE_USED: tuple[type[Exception], ...] = (*AWAY, asyncpg.PostgresError, ValueError)


def unreachable(error: Exception) -> DatabaseUnreachable:
    """What an error of AWAY means, in one sentence."""
    if isinstance(error, DatabaseUnreachable):
        return error
    if isinstance(error, _STATEMENT_LOST):
        return DatabaseUnreachable(POOLED, POOLED)
    if isinstance(error, (asyncpg.ReadOnlySQLTransactionError, asyncpg.TargetServerAttributeNotMatched)):
        return DatabaseUnreachable(READ_ONLY, READ_ONLY)
    if isinstance(error, _OUT_OF_DATE):
        return DatabaseUnreachable(
            f"The database is not up to date ({error}): run `recourse migrate` first, or let the search_path of this "
            "user lead to the tables."
        )
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return DatabaseUnreachable(
            f"The database does not let this user read or write that ({error}): connect as a member of recourse_app, "
            "or of recourse_web for a web server."
        )
    return DatabaseUnreachable(f"PostgreSQL does not answer: {_why(error)}. Check that it runs, then try again.")


def _why(error: Exception) -> str:
    """What the driver or the system said, without their own names for it."""
    match error:
        case ConnectionRefusedError():
            return "nothing listens there"
        case socket.gaierror():
            return "there is no machine of this name"
        case TimeoutError():
            return "no answer"
        case asyncpg.PostgresError() | ValueError():
            return str(error).rstrip(".")
        case _:
            return "the connection was lost"


async def connect(dsn: str, most: int = CONNECTIONS) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool of at most `most` connections. Raises DatabaseUnreachable where none can be made.

    A session keeps what held when it was made: it is read-only after a failover, it has a role, a search_path, limits.
    So whenever a query fails and the database counts as away, or a session ends, every session is made anew before it
    is used once more, but for a query of the same moment.
    """
    try:
        address = Address.read(dsn)
    except Unreadable as error:
        # The address is not repeated: the part that could not be parsed may be the password.
        raise DatabaseUnreachable(UNREADABLE.format(error)) from None
    generation = 0
    renewing: set[asyncio.Task[None]] = set()

    def renew(former: int) -> None:
        """Make every session anew, unless that was done already since one of the `former` generation was made."""
        nonlocal generation
        if former == generation:
            generation += 1
            renewal = asyncio.create_task(pool.expire_connections())
            renewing.add(renewal)
            renewal.add_done_callback(renewing.discard)

    async def prepare(connection: Any) -> None:
        await connection.set_type_codec("jsonb", encoder=_as_json, decoder=json.loads, schema="pg_catalog")
        made = generation

        def look(query: Any) -> None:
            if _of_the_session(query.exception, query.elapsed):
                renew(made)

        connection.add_query_logger(look)
        # A session that is lost in the middle of a query has no query logger any more.
        connection.add_termination_listener(lambda _: renew(made))

    async def reach(*_: Any, **options: Any) -> Any:
        return await _reach(address, **options)

    pool: asyncpg.Pool[asyncpg.Record] = asyncpg.create_pool(
        min_size=1, max_size=most, command_timeout=30, connect=reach, init=prepare, reset=_leave_as_it_is
    )
    try:
        await pool
        if address.prepares:
            # A statement that another server does not know fails; one of the same name there would be another query.
            async with pool.acquire() as connection:
                await changes_servers(connection, dsn)
    except _CANNOT_BE_USED as error:
        pool.terminate()
        known = unreachable(error)
        if known.plain:
            raise known from error
        raise DatabaseUnreachable(
            f"PostgreSQL at {address.place} cannot be used: {_why(error)}. "
            "Check that it runs and that DATABASE_URL names it."
        ) from error
    return pool


async def changes_servers(connection: Any, dsn: str) -> bool:
    """Whether a pooler gives each transaction of a connection any session that is free.

    Raises what the driver does where such a pooler does not know our prepared statements.
    """
    before = await connection.fetchval(_SESSION)
    if before == connection.get_server_pid():
        return False  # nothing lies between
    other = await _reach(Address.read(dsn))
    try:
        async with asyncio.timeout(PATIENCE_WITH_EACH), other.transaction():
            await other.execute("SELECT 1")  # takes the session that was used last, if it is free
            return bool(await connection.fetchval(_SESSION) != before)
    except TimeoutError:
        return False  # it waits for our session, which is ours alone
    finally:
        other.terminate()


async def _reach(address: Address, **options: Any) -> Any:
    """A connection to the first host that takes it. The driver itself stops at the first that only keeps silent."""
    if not address.prepares:
        options[CACHE] = 0
    if len(address.hosts) < 2:
        return await asyncpg.connect(address.dsn, timeout=PATIENCE, **options)
    for host, port in address.hosts:
        try:
            return await asyncpg.connect(address.dsn, host=host, port=port, timeout=PATIENCE_WITH_EACH, **options)
        except AWAY as error:
            last = error
    raise last


def _of_the_session(error: BaseException | None, after: float) -> bool:
    """Whether another session might not have met this error, `after` so many seconds."""
    if isinstance(error, asyncio.CancelledError):
        # Who asked has given up. A server that is gone without a word gives no other sign.
        return after >= SILENCE
    # Transactions that are in each other's way say nothing of their sessions.
    return isinstance(error, AWAY) and not isinstance(error, asyncpg.TransactionRollbackError)


def _as_json(value: Any) -> str:
    """The JSON of a value; bytes are JSON already."""
    # Much faster than the standard library's.
    return (value if isinstance(value, bytes) else to_json(value)).decode()


async def _leave_as_it_is(connection: Any) -> None:
    """Nothing of ours changes a session, so that a connection needs no statement more to be used again; an open
    transaction is rolled back in any case."""
