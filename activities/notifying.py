"""Delivering notices: each channel at least once, and never again to a receiver that answered."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.shapes import DELIVER_NOTICES
from activities.webhook import NotDelivered
from resolution.step import Notice


class Channel(Protocol):
    """A way to reach receivers."""

    name: str

    def takes(self, notice: Notice, contacts: Mapping[str, str]) -> bool:
        """Whether this channel has somewhere to send the notice."""

    async def send(self, notice: Notice, contacts: Mapping[str, str]) -> None:
        """Send one notice. Raises NotDelivered."""

    async def close(self) -> None:
        """Let go of connections."""


_WAITING = """
SELECT n.id, n.receiver AS "to", n.name, n.at, n.body FROM notices AS n
LEFT JOIN deliveries AS d ON d.notice_id = n.id AND d.channel = $3
WHERE n.order_id = $1 AND n.step <= $2 AND d.delivered_at IS NULL
ORDER BY n.step, n.line
"""
_TRIED = """
INSERT INTO deliveries (notice_id, channel, attempts, delivered_at, last_error)
VALUES ($1, $2, 1, CASE WHEN $3::text IS NULL THEN now() END, $3)
ON CONFLICT (notice_id, channel) DO UPDATE SET
    attempts = deliveries.attempts + 1, delivered_at = excluded.delivered_at, last_error = excluded.last_error
"""


class Notifying:
    """The activity that delivers an order's notices."""

    def __init__(self, pool: Any, channels: Sequence[Channel]) -> None:
        self._pool = pool
        self._channels = channels

    @activity.defn(name=DELIVER_NOTICES)
    async def deliver_notices(self, order_id: str, upto_step: int) -> str:
        """Deliver what waits, in order; fails, to be retried, if any receiver did not take its notice."""
        rows = await self._pool.fetch("SELECT role, email FROM contacts WHERE order_id = $1", order_id)
        contacts = {row["role"]: row["email"] for row in rows}
        delivered, failures = 0, []
        for channel in self._channels:
            for row in await self._pool.fetch(_WAITING, order_id, upto_step, channel.name):
                notice = Notice(**dict(row))
                if not channel.takes(notice, contacts):
                    continue
                try:
                    await channel.send(notice, contacts)
                except NotDelivered as error:
                    failures.append(f"{notice.name}: {error}")
                    await self._pool.execute(_TRIED, notice.id, channel.name, str(error)[:500])
                    # Later notices of this channel wait, so that a receiver hears them in order.
                    break
                await self._pool.execute(_TRIED, notice.id, channel.name, None)
                delivered += 1
        if failures:
            raise ApplicationError("; ".join(failures), type="not_delivered")
        return f"{delivered} delivered"
