"""Following what changes: every step of every order, and none missed."""

import asyncio
import re
from contextlib import suppress
from uuid import UUID

from pydantic import AwareDatetime, Field

from recourse.database.access import Database
from recourse.errors import UnknownCursor
from recourse.resolution.model.entry import EntryOutcome
from recourse.resolution.model.fields import excerpt
from recourse.resolution.model.notice import Receiver
from recourse.resolution.model.vocabulary import View

START, NOW = "start", "now"
# Seconds between two looks for something new, while anybody waits.
EVERY = 0.1
_CURSOR = re.compile(r"[0-9]{1,18}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# A step gets its number before it is committed, so a lower number may become visible after a higher one. What began
# before the oldest transaction that is still open is complete: nothing can be added there any more.
_COMPLETE = "(c.era, c.transaction) < (0, pg_snapshot_xmin(pg_current_snapshot()))"
_OF_CURSOR = "p.number = substring($1 from '^[0-9]+')::bigint AND p.number || '.' || p.mark = $1"
# Names in it are ours.
_NEXT = f"""
WITH page AS MATERIALIZED (
    SELECT c.* FROM changes AS c
    WHERE {_COMPLETE} AND (c.era, c.transaction, c.number) > (
        SELECT p.era, p.transaction, p.number FROM changes AS p WHERE {_OF_CURSOR}
        UNION ALL SELECT -2147483648, '0'::xid8, 0 WHERE $1 = '{START}'
    )
    ORDER BY c.era, c.transaction, c.number LIMIT $2
)
SELECT c.number || '.' || c.mark AS cursor, event_id(c.order_id, c.step, c.at) AS id, c.order_id, c.step, c.at,
    CASE
        WHEN o.order_id IS NULL THEN 'erased' WHEN e.number IS NOT NULL THEN e.content ->> 'command'
        WHEN c.step = 0 THEN 'opened' WHEN c.at IS NOT NULL THEN 'payments'
    END AS what,
    e.content ->> 'outcome' AS outcome, e.content #>> '{{actor,role}}' AS by,
    coalesce(jsonb_path_query_array(e.content, '$.events[*].event'), '[]') AS events, o.client, o.freelancer,
    ARRAY(
        SELECT n.receiver || ' ' || n.name FROM notices AS n
        WHERE n.order_id = c.order_id AND n.step = c.step ORDER BY n.line
    ) AS told
FROM page AS c
LEFT JOIN orders AS o ON o.order_id = c.order_id
LEFT JOIN record_entries AS e ON e.order_id = c.order_id AND e.number = c.entry
ORDER BY c.era, c.transaction, c.number
"""  # noqa: S608
_LAST = f"""
SELECT c.number || '.' || c.mark FROM changes AS c WHERE {_COMPLETE}
ORDER BY c.era DESC, c.transaction DESC, c.number DESC LIMIT 1
"""  # noqa: S608
_KNOWN = f"SELECT EXISTS (SELECT 1 FROM changes AS p WHERE {_OF_CURSOR})"  # noqa: S608


class Told(View):
    """A notice that a step caused."""

    to: Receiver | str = Field(description="Who was notified.")
    name: str = Field(description="The name of the notice.")


class Change(View):
    """One step of an order. The order itself says where it stands now."""

    cursor: str = Field(description="The place of this change, from which to go on. No other change has it.")
    id: UUID = Field(
        description="The id of this change as an event, also in the outbox "
        "and on NATS. Drop a change whose id you have."
    )
    order_id: str = Field(description="The order's id.")
    step: int = Field(description="The number of the step, from 0 on, without a gap in an order.")
    what: str | None = Field(
        description="The command, or the clock that fired; `opened`; `payments`: an answer of the payment provider; "
        "`erased`: the order was erased since. null: a former version wrote it."
    )
    outcome: EntryOutcome | str | None = Field(description="What came of the command or clock; null: it is neither.")
    events: list[str] = Field(description="What happened in the order, in order. A refused command has none.")
    by: str | None = Field(description="The role that gave the command; null: nobody gave one.")
    at: AwareDatetime | None = Field(description="When it was; null: a former version wrote it.")
    client: str | None = Field(description="The client's id; null: the order was erased.")
    freelancer: str | None = Field(description="The freelancer's id; null: the order was erased.")
    told: list[Told] = Field(description="The notices that it caused, and for whom.")


class Changes(View):
    """Changes in their order, and the cursor from which to go on."""

    changes: list[Change] = Field(description="The changes, in the order in which they are followed.")
    next: str = Field(description="The `after` of the next call, also where there is no change yet.")


async def read_changes(pool: Database, after: str = START, limit: int = 500) -> list[Change]:
    """The changes that follow a cursor, in their order; `start`: from the first one on.

    A change is handed out only when none can come before it any more. A transaction that stays open on the same server
    therefore holds back all that came after it. Raises UnknownCursor for one that the database does not have, such as
    one that was lost when the database was set back.
    """
    if after != START and not _CURSOR.fullmatch(after):
        raise UnknownCursor(excerpt(after))
    rows = await pool.fetch(_NEXT, after, limit)
    if not rows and after != START and not await pool.fetchval(_KNOWN, after):
        raise UnknownCursor(after)
    return [Change.model_construct(**{**row, "told": [_told(one) for one in row["told"]]}) for row in rows]


def _told(text: str) -> Told:
    to, _, name = text.partition(" ")
    return Told(to=to, name=name)


async def last_change(pool: Database) -> str:
    """The cursor of the last change that can be read now; `start` where there is none."""
    return await pool.fetchval(_LAST) or START


class Feed:
    """The changes, for many readers that wait for more: one task looks for all of them. `waiting` says how many."""

    def __init__(self, pool: Database) -> None:
        self._pool = pool
        self.waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._last = ""
        self._more = asyncio.Event()

    async def page(self, after: str = START, *, limit: int = 500, wait: float = 0) -> Changes:
        """The changes that follow a cursor, or `now`; where there are none yet, wait for some, for so many seconds.

        Raises UnknownCursor.
        """
        if after == NOW:
            after = await last_change(self._pool)
        until = asyncio.get_running_loop().time() + wait
        while True:
            more = self._more
            found = await read_changes(self._pool, after, limit)
            left = until - asyncio.get_running_loop().time()
            if found or left <= 0:
                return Changes.model_construct(changes=found, next=found[-1].cursor if found else after)
            await self._wait(more, left)

    async def _wait(self, more: asyncio.Event, seconds: float) -> None:
        self.waiting += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await more.wait()
        finally:
            self.waiting -= 1
            if not self.waiting and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        with suppress(Exception):  # each that waits asks for itself, and meets the same
            while True:
                last = await last_change(self._pool)
                if last != self._last:
                    self._last = last
                    self._wake()
                await asyncio.sleep(EVERY)
        self._looking = None
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()
