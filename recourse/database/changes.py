"""Following what changes: every step of every order, and none missed."""

from typing import NamedTuple

from recourse.database.access import Database

# A step gets its number before it is committed, so a lower number may become visible after a higher one. What began
# before the oldest transaction that is still open is complete: nothing can be added there any more. Where the place is
# not there (any more), its era is lower than all.
_NEXT = """
SELECT c.number || '.' || c.mark AS place, c.order_id, c.step FROM changes AS c
WHERE (c.era < 0 OR c.transaction < pg_snapshot_xmin(pg_current_snapshot()))
    AND (c.era, c.transaction, c.number) > (
        SELECT p.era, p.transaction, p.number FROM changes AS p
        WHERE p.number = substring($1 from '^[0-9]+')::bigint AND p.number || '.' || p.mark = $1
        UNION ALL SELECT -2147483648, '0'::xid8, 0 ORDER BY 1 DESC LIMIT 1
    )
ORDER BY c.era, c.transaction, c.number LIMIT $2
"""


class Change(NamedTuple):
    """One step of an order. `place` is an opaque text, from which to go on."""

    place: str
    order_id: str
    step: int


async def read_changes(pool: Database, after: str = "", limit: int = 500) -> list[Change]:
    """The changes that follow the one with this place, in their order; "": from the first one on.

    A change is handed out only when none can come before it any more. A transaction that stays open on the same server
    therefore holds back all that came after it. A place that the database does not have, such as one that was lost when
    the database was set back, starts from the first change again.
    """
    return [Change(**dict(row)) for row in await pool.fetch(_NEXT, after, limit)]
