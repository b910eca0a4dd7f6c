"""Notices that were tried and that their receivers have not taken."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from recourse.database.access import Database
from recourse.resolution.model.notice import Receiver
from recourse.resolution.model.vocabulary import View

Place = tuple[datetime, str, str]

_COLUMNS = """
SELECT n.order_id, d.notice_id, n.name, n.receiver, d.channel, d.since, n.written_at, d.attempts, d.last_error,
    coalesce(d.leased_until > now(), false) AS sending,
    (SELECT h.since FROM held_channels AS h WHERE h.channel = d.channel AND h.until IS NULL) AS disabled_since,
    (
        SELECT count(*) FROM notices AS b LEFT JOIN deliveries AS t ON t.notice_id = b.id AND t.channel = d.channel
        WHERE b.order_id = n.order_id AND (b.step, b.line) > (n.step, n.line) AND t.notice_id IS NULL
            AND (d.channel = 'webhook' OR b.receiver = n.receiver)
    ) AS behind
FROM deliveries AS d INNER JOIN notices AS n ON n.id = d.notice_id
WHERE d.delivered_at IS NULL
"""


class Undelivered(View):
    """A notice that was tried on a channel, and that its receiver has not taken."""

    order_id: str = Field(description="The order's id.")
    notice_id: str = Field(description="The id of the notice.")
    name: str = Field(description="What has happened.")
    receiver: Receiver = Field(description="The role that is told.")
    channel: str = Field(description="The channel on which it is sent.")
    since: AwareDatetime = Field(description="When it was first tried.")
    written_at: AwareDatetime = Field(description="When it was written.")
    attempts: int = Field(description="How often it was tried.")
    last_error: str | None = Field(description="Why the last attempt failed.")
    sending: bool = Field(description="Whether an attempt is under way.")
    disabled_since: AwareDatetime | None = Field(description="Since when nothing is sent on that channel.")
    behind: int = Field(description="How many notices of the order wait behind it and were never tried.")

    @property
    def place(self) -> Place:
        """Its place among all, which the next page begins behind."""
        return self.since, self.notice_id, self.channel


async def undelivered(
    pool: Database, *, order_id: str | None = None, after: Place | None = None, limit: int = 50
) -> list[Undelivered]:
    """A page of them, those that wait longest first, behind the place `after`."""
    conditions, values = "", list[Any]()
    if order_id is not None:
        values.append(order_id)
        conditions += " AND n.order_id = $1"
    if after is not None:
        conditions += (
            " AND (d.since, d.notice_id, d.channel) > ("
            + ", ".join(f"${len(values) + number}" for number in (1, 2, 3))
            + ")"
        )
        values += after
    query = f"{_COLUMNS}{conditions} ORDER BY d.since, d.notice_id, d.channel LIMIT ${len(values) + 1}"
    return [Undelivered.model_construct(**dict(row)) for row in await pool.fetch(query, *values, limit)]


async def orders_with_undelivered(pool: Database) -> list[str]:
    """The ids of all orders that have any."""
    rows = await pool.fetch(
        "SELECT DISTINCT n.order_id FROM deliveries AS d INNER JOIN notices AS n ON n.id = d.notice_id "
        "WHERE d.delivered_at IS NULL ORDER BY n.order_id"
    )
    return [row["order_id"] for row in rows]


async def disabled_channels(pool: Database) -> dict[str, datetime]:
    """Since when nothing is sent on a channel, because its receiver answered that it is gone."""
    rows = await pool.fetch("SELECT channel, since FROM held_channels WHERE until IS NULL ORDER BY channel")
    return {row["channel"]: row["since"] for row in rows}


async def enable_channels(pool: Database) -> dict[str, datetime]:
    """Have notices sent again on every disabled channel; returns which these were, and since when."""
    rows = await pool.fetch("UPDATE held_channels SET until = now() WHERE until IS NULL RETURNING channel, since")
    return {row["channel"]: row["since"] for row in rows}
