"""Connections to PostgreSQL."""

import json
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from pydantic_core import to_json

CONNECTIONS = 8
UNREADABLE = (
    "DATABASE_URL cannot be read: write postgresql://user:password@host:5432/recourse, and signs such as / # ? @ "
    "in the password as %2F %23 %3F %40."
)


class DatabaseUnreachable(Exception):
    """Nobody answers at the database's address; the text names it, without the password, and what to do."""


async def connect(dsn: str, most: int = CONNECTIONS) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool of at most `most` connections. Raises DatabaseUnreachable where none can be made."""
    try:
        return await asyncpg.create_pool(
            dsn, min_size=1, max_size=most, command_timeout=30, timeout=10, init=_read_json, reset=_leave_as_it_is
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        if where(dsn) is None:
            # Neither the address nor the error is repeated: what could not be told apart may be the password.
            raise DatabaseUnreachable(UNREADABLE) from None
        raise DatabaseUnreachable(
            f"PostgreSQL at {where(dsn)} cannot be used ({type(error).__name__}: {error}); "
            "check that it runs and that DATABASE_URL names it."
        ) from error


def where(dsn: str) -> str | None:
    """Host, port and database of a connection address, never its password; None for one that cannot be read."""
    try:
        parts = urlsplit(dsn)
        place = f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return None
    return place if parts.scheme in ("postgresql", "postgres") else None


async def _read_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=_as_json, decoder=json.loads, schema="pg_catalog")


def _as_json(value: Any) -> str:
    """The JSON of a value; bytes are JSON already."""
    # Much faster than the standard library's.
    return (value if isinstance(value, bytes) else to_json(value)).decode()


async def _leave_as_it_is(connection: Any) -> None:
    """Nothing of ours changes a session, so that a connection needs no statement more to be used again; an open
    transaction is rolled back in any case."""
