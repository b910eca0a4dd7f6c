"""What payment providers have reported and no order has taken: the table `untaken_reports`."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from recourse.database.access import Database
from recourse.resolution.model.vocabulary import View

# With each new row, ten go that nobody looks at any more.
_NOTE = """
WITH over AS (
    DELETE FROM untaken_reports WHERE (provider, event_id) IN (
        SELECT provider, event_id FROM untaken_reports WHERE last_at < now() - interval '90 days'
        ORDER BY last_at LIMIT 10 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO untaken_reports (provider, event_id, order_id, event, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (provider, event_id) DO UPDATE SET reason = excluded.reason, last_at = now()
"""
_FORGET = "DELETE FROM untaken_reports WHERE provider = $1 AND event_id = $2"
_LIST = """
SELECT provider, event_id, order_id, event, reason, first_at, last_at FROM untaken_reports
WHERE ($1::timestamptz IS NULL OR (last_at, provider, event_id) < ($1, $2, $3))
ORDER BY last_at DESC, provider DESC, event_id DESC LIMIT $4
"""


class UntakenReport(View):
    """A payment provider's report that no order has taken."""

    provider: str = Field(description="The payment provider.")
    event_id: str = Field(description="The provider's id of the event.")
    order_id: str = Field(description="The order that it names.")
    event: str = Field(description="What it reports, such as `returned`.")
    reason: str = Field(
        description="`no_such_order`, `other_provider`, `too_early`, or the code by which the order refused it."
    )
    first_at: AwareDatetime = Field(description="When it first came.")
    last_at: AwareDatetime = Field(description="When it last came.")

    @property
    def place(self) -> tuple[datetime, str, str]:
        """Its place among all, which the next page begins behind."""
        return self.last_at, self.provider, self.event_id


async def note_untaken(pool: Database, provider: str, event_id: str, *, order_id: str, event: str, reason: str) -> None:
    """Keep that a report came and no order took it."""
    await pool.fetch(_NOTE, provider, event_id, order_id, event, reason)


async def forget_untaken(pool: Database, provider: str, event_id: str) -> None:
    """An order has taken the report after all."""
    await pool.fetch(_FORGET, provider, event_id)


async def untaken_reports(
    pool: Database, *, after: tuple[datetime, str, str] | None = None, limit: int = 50
) -> list[UntakenReport]:
    """A page of them, the latest first, behind the place `after`."""
    rows = await pool.fetch(_LIST, *(after or (None, None, None)), limit)
    return [UntakenReport.model_construct(**dict(row)) for row in rows]
