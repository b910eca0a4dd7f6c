"""Following what changes: every step of every order once, and none missed."""

from typing import NamedTuple

from recourse.database.access import Database

# A step gets its number before it is committed, so a lower number may become visible after a higher one. What began
# before the oldest transaction that is still open is complete: nothing can be added there any more.
_NEXT = """
SELECT c.number, c.order_id, c.step FROM changes AS c
WHERE c.transaction < pg_snapshot_xmin(pg_current_snapshot())
    AND (c.transaction, c.number) > (
        coalesce((SELECT p.transaction FROM changes AS p WHERE p.number = $1), '0'::xid8), $1
    )
ORDER BY c.transaction, c.number LIMIT $2
"""


class Change(NamedTuple):
    """One step of an order. `number` is the place in the sequence, from which to go on."""

    number: int
    order_id: str
    step: int


async def read_changes(pool: Database, after: int = 0, limit: int = 500) -> list[Change]:
    """The changes that follow the one with this number, in their order; 0: from the first one on.

    A change is handed out only when none can come before it any more. A transaction that stays open on the same server
    therefore holds back all that came after it. Numbers do not always rise from one change to the next.
    """
    return [Change(**dict(row)) for row in await pool.fetch(_NEXT, after, limit)]
