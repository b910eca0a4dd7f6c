"""How far each relay has handed the changes on."""

from dataclasses import dataclass
from datetime import datetime

from recourse.database.access import Database
from recourse.database.changes import read_changes
from recourse.errors import BadInput

_MOVE = """
INSERT INTO relays AS r (name, cursor) VALUES ($1, $3)
ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, moved_at = now() WHERE r.cursor = $2
RETURNING true
"""
_SET = """
INSERT INTO relays (name, cursor) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, moved_at = now()
RETURNING true
"""


class NoSuchRelay(BadInput):
    """No relay of this name has run here."""


@dataclass(frozen=True)
class Place:
    """Where a relay stands. `waiting` is the instant of the first change that it has still to hand on; None: none."""

    cursor: str
    moved_at: datetime
    waits: bool
    waiting: datetime | None


async def cursor_of(pool: Database, name: str) -> str | None:
    """The cursor behind which all is still to come; None: the relay has not run yet."""
    found: str | None = await pool.fetchval("SELECT cursor FROM relays WHERE name = $1", name)
    return found


async def move(pool: Database, name: str, behind: str, to: str) -> str:
    """Move on from one cursor to the next, and return where the relay stands.

    That is somewhere else where another relay of the same name, or a person, has moved it meanwhile.
    """
    if await pool.fetchval(_MOVE, name, behind, to):
        return to
    return await cursor_of(pool, name) or behind


async def place_of(pool: Database, name: str) -> Place:
    """Where a relay stands. Raises NoSuchRelay, and UnknownCursor for a place that was lost."""
    row = await pool.fetchrow("SELECT cursor, moved_at FROM relays WHERE name = $1", name)
    if row is None:
        known = [row["name"] for row in await pool.fetch("SELECT name FROM relays ORDER BY name")]
        others = f"Relays have run with {', '.join(known)}" if known else "None has run with any"
        raise NoSuchRelay(f"No relay has run with the prefix {name}. {others}.")
    first = await read_changes(pool, row["cursor"], limit=1)
    return Place(row["cursor"], row["moved_at"], bool(first), first[0].at if first else None)


async def set_place(pool: Database, name: str, cursor: str) -> None:
    """Have a relay go on behind this cursor, or from `start`. Raises UnknownCursor."""
    await read_changes(pool, cursor, limit=1)
    await pool.fetchval(_SET, name, cursor)
