"""Switching on and off the table of changes that Debezium reads."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from recourse.errors import BadInput

PUBLICATION = "recourse_outbox"
_TRIGGER = "changes_fill_the_outbox"
_FILL = f"""
CREATE OR REPLACE TRIGGER {_TRIGGER} AFTER INSERT ON changes FOR EACH ROW EXECUTE FUNCTION fill_change_outbox()
"""
# Rows go at once, and nobody wants to hear of that.
_PUBLISH = f"CREATE PUBLICATION {PUBLICATION} FOR TABLE change_outbox WITH (publish = 'insert')"
_IS_THERE = "SELECT EXISTS (SELECT 1 FROM pg_publication WHERE pubname = $1)"
_IS_FILLED = "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = $1 AND tgrelid = 'changes'::regclass)"
_SLOTS = """
SELECT slot_name AS name, active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS behind
FROM pg_replication_slots WHERE database = current_database() AND slot_type = 'logical' ORDER BY slot_name
"""


class CannotSwitch(BadInput):
    """The outbox cannot be switched on or off; the text says why and what to do."""


@dataclass(frozen=True)
class Slot:
    """A reader of the write-ahead log, and how many bytes of it the server keeps for it."""

    name: str
    active: bool
    behind: int


@dataclass(frozen=True)
class ChangeOutbox:
    """How it stands. `slots` are those of this database, also those that others read."""

    on: bool
    slots: list[Slot]


async def outbox_stands(connection: Any) -> ChangeOutbox:
    """Whether each step becomes an event, and who reads."""
    filled = await connection.fetchval(_IS_FILLED, _TRIGGER)
    published = await connection.fetchval(_IS_THERE, PUBLICATION)
    return ChangeOutbox(filled and published, [Slot(**row) for row in await connection.fetch(_SLOTS)])


async def switch_outbox(connection: Any, *, on: bool) -> None:
    """Switch it on or off, between two steps. Raises CannotSwitch."""
    level = await connection.fetchval("SHOW wal_level")
    if on and level != "logical":
        raise CannotSwitch(
            f"This PostgreSQL has wal_level = {level}, which nothing can be read from: set wal_level = logical in its "
            "configuration and restart it."
        )
    try:
        async with connection.transaction():
            # Steps that come meanwhile wait for as long.
            await connection.execute("SET LOCAL lock_timeout = '3s'")
            if on:
                await connection.execute(_FILL)
                if not await connection.fetchval(_IS_THERE, PUBLICATION):
                    await connection.execute(_PUBLISH)
            else:
                await connection.execute(f"DROP TRIGGER IF EXISTS {_TRIGGER} ON changes")
                await connection.execute(f"DROP PUBLICATION IF EXISTS {PUBLICATION}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise CannotSwitch(
            f"This user may not do that ({error}): use the user that runs `recourse migrate`, and grant it CREATE on "
            "the database."
        ) from error
    except asyncpg.LockNotAvailableError as error:
        raise CannotSwitch("A transaction that stays open holds the table changes: try again.") from error
