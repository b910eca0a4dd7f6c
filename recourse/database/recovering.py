"""What the database says of orders whose workflow is lost, or whose steps it lost itself."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from recourse.database.access import Database, in_pages
from recourse.resolution.model.fields import UNNAMED


async def highest_unnamed(pool: Database, order_id: str) -> int:
    """The highest number of a signal without an id that has been answered; 0: none has."""
    number: int = await pool.fetchval(
        "SELECT coalesce(max(substr(command_id, length($2) + 1)::bigint), 0) FROM answers "
        "WHERE order_id = $1 AND starts_with(command_id, $2) AND substr(command_id, length($2) + 1) ~ '^[0-9]{1,18}$'",
        order_id,
        UNNAMED,
    )
    return number


async def is_answered(pool: Database, order_id: str, senders: Sequence[str], command_id: str) -> bool:
    """Whether a command of one of these senders has been answered."""
    answered: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT 1 FROM answers WHERE order_id = $1 AND sender = ANY($2) AND command_id = $3)",
        order_id,
        list(senders),
        command_id,
    )
    return answered


async def mark_told(pool: Any, order_id: str, upto: int, channels: Sequence[str]) -> None:
    """Note that everybody took the notices of all steps up to one, which the database knew and has lost."""
    await pool.execute(
        "INSERT INTO deliveries (notice_id, channel, attempts, delivered_at) "
        "SELECT n.id, c.channel, 1, now() FROM notices AS n CROSS JOIN unnest($3::text[]) AS c (channel) "
        "WHERE n.order_id = $1 AND n.step <= $2 ON CONFLICT (notice_id, channel) DO NOTHING",
        order_id,
        upto,
        list(channels),
    )


# How long a closed order can be reached is in its policy. Some hours more, since the session's days may not be of 24.
_TO_LEAD = """(
    closed_at IS NULL OR next_clock_at IS NOT NULL OR settlement = 'blocked' OR (
        SELECT greatest(
            greatest(o.closed_at, (s.state ->> 'paid_at')::timestamptz)
            + (g.opening #>> '{policy,order,reachable_after}')::interval,
            (s.state ->> 'cases_until')::timestamptz
        )
        FROM order_states AS s INNER JOIN openings AS g ON g.order_id = s.order_id WHERE s.order_id = o.order_id
    ) + interval '2h' > now()
)"""


async def orders_to_lead(pool: Database, *, open_only: bool = False) -> AsyncIterator[list[str]]:
    """Pages of the ids of orders that need a workflow: open ones, and closed ones that have a clock or can be reached.

    `open_only`: those that are open, which an index answers.
    """
    wanted = "closed_at IS NULL" if open_only else _TO_LEAD
    query = f"SELECT order_id FROM orders AS o WHERE order_id > $1 AND {wanted} ORDER BY order_id LIMIT $2"  # noqa: S608
    async for rows in in_pages(pool, query):
        yield [row["order_id"] for row in rows]


async def known_orders(pool: Database, order_ids: Sequence[str]) -> set[str]:
    """Those of these orders that the database has."""
    rows = await pool.fetch("SELECT order_id FROM orders WHERE order_id = ANY($1)", list(order_ids))
    return {row["order_id"] for row in rows}


_LEDGER = """
SELECT p.order_id, p.price + p.service_fee AS paid, s.state -> 'moved' AS moved, coalesce(l.sums, '{}') AS sums
FROM (SELECT * FROM orders WHERE order_id > $1 AND ($3::text IS NULL OR order_id = $3) ORDER BY order_id LIMIT $2) AS p
INNER JOIN order_states AS s ON s.order_id = p.order_id
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(s.account, s.amount) AS sums FROM (
        SELECT account, sum(amount) AS amount FROM ledger_entries WHERE order_id = p.order_id GROUP BY account
    ) AS s
) AS l ON true
ORDER BY p.order_id
"""


async def ledgers(pool: Database, order_id: str | None = None) -> AsyncIterator[list[dict[str, Any]]]:
    """Pages of what each order's ledger adds up to, by account (`sums`), what was `paid` in and what its state says has
    `moved`; of one order, or of all."""
    async for rows in in_pages(pool, _LEDGER, order_id):
        yield [dict(row) for row in rows]
