"""Reading the outbox as Debezium does: PostgreSQL decodes its log with `pgoutput` for a slot and a publication."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from recourse.database.change_outbox import PUBLICATION
from recourse.local.postgres import LocalPostgres

_NEXT = "pg_logical_slot_{}_binary_changes($1, NULL, $2, 'proto_version', '1', 'publication_names', $3)"
_PEEK = f"SELECT lsn::text, data FROM {_NEXT.format('peek')}"  # noqa: S608
_CONFIRM = "SELECT pg_replication_slot_advance($1, $2::text::pg_lsn)"
_MAKE = "SELECT pg_create_logical_replication_slot($1, 'pgoutput')"

Row = dict[str, str | None]


@asynccontextmanager
async def decodable(folder: Path) -> AsyncIterator[str]:
    """The address of a PostgreSQL whose log can be decoded, for as long as the block runs."""
    server = LocalPostgres(folder)
    try:
        await server.start()
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("ALTER SYSTEM SET wal_level = logical")
        # What is not in the file of the log yet is not decoded.
        await connection.execute("ALTER ROLE ALL SET synchronous_commit = on")
        await connection.execute("ALTER SYSTEM SET max_replication_slots = 50")
        await connection.close()
        await server.stop()
        await server.start()
        yield server.dsn
    finally:
        await server.stop()


async def make_slot(connection: Any, slot: str) -> None:
    """A place in the log from which on everything is read."""
    await connection.fetchval(_MAKE, slot)


async def peek(connection: Any, slot: str, most: int | None = None) -> tuple[str | None, list[Row]]:
    """The rows that were inserted since, whole transactions up to some `most` messages, and where they end.

    They come again until `confirm` is called with that end.
    """
    messages = await connection.fetch(_PEEK, slot, most, PUBLICATION)
    columns: list[str] = []
    rows, end = list[Row](), None
    for message in messages:
        kind, data = message["data"][:1], message["data"]
        if kind == b"R":
            columns = _columns(data)
        elif kind == b"I":
            rows.append(dict(zip(columns, _values(data), strict=True)))
        elif kind == b"C":
            # Of a commit: its flags, where it is, where it ends.
            end = _lsn(data[10:18])
        elif kind != b"B":
            raise AssertionError(f"the publication has {kind!r}")
    return end, rows


async def confirm(connection: Any, slot: str, end: str) -> None:
    """What is up to there need not come again."""
    await connection.fetchval(_CONFIRM, slot, end)


def payload(row: Row) -> dict[str, Any]:
    """The event of a row."""
    read: dict[str, Any] = json.loads(str(row["payload"]))
    return read


def _lsn(data: bytes) -> str:
    number = int.from_bytes(data)
    return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def _columns(data: bytes) -> list[str]:
    _, _, rest = data[5:].partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    found, rest = list[str](), rest[3:]
    while rest:
        name, _, rest = rest[1:].partition(b"\0")
        found.append(name.decode())
        rest = rest[8:]
    return found


def _values(data: bytes) -> Iterator[str | None]:
    at = 8
    while at < len(data):
        if data[at : at + 1] == b"n":
            yield None
            at += 1
            continue
        length = int.from_bytes(data[at + 1 : at + 5])
        yield data[at + 5 : at + 5 + length].decode()
        at += 5 + length
