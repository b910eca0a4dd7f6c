"""Our books as they are compared with a payment provider's: every key of a leg, and when they were last compared."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from recourse.database.access import Database
from recourse.resolution.model.payments import LegName, LegStatus

PAGE = 500  # legs

_LEGS = """
SELECT p.order_id, p.number, p.number || '.' || p.leg AS leg, p.leg AS name, p.key, p.amount, p.currency, p.status,
    p.turn, greatest(p.answered_at, p.asked_at) AS touched_at, p.answered_at,
    coalesce(b.leg ->> 'status', 'done') AS booked, coalesce(b.leg ->> 'by_hand' = 'true', false) AS by_hand
FROM page INNER JOIN payments AS p ON (p.order_id, p.number, p.leg) = (page.order_id, page.number, page.leg)
INNER JOIN order_states AS s ON s.order_id = p.order_id
LEFT JOIN LATERAL (
    SELECT l.leg FROM jsonb_array_elements(s.state -> 'legs') AS l (leg)
    WHERE (l.leg ->> 'payment')::bigint = p.number AND l.leg ->> 'name' = p.leg
        AND coalesce((l.leg ->> 'key')::bigint, 1) = p.turn
) AS b ON true
ORDER BY p.order_id, p.number, p.leg, p.turn
"""
_SINCE = f"""
WITH page AS (
    SELECT DISTINCT order_id, number, leg FROM payments
    WHERE provider = $1 AND (answered_at >= $2 OR asked_at >= $2) AND (order_id, number, leg) > ($3, $4, $5)
    ORDER BY order_id, number, leg LIMIT $6
)
{_LEGS}"""  # noqa: S608 - of our own parts only
_OF = f"""
WITH page AS (
    SELECT order_id, number, leg FROM payments WHERE provider = $1 AND key = ANY($2)
    UNION
    SELECT p.order_id, p.number, p.leg FROM payments AS p
    INNER JOIN unnest($3::text[], $4::text[]) AS given (order_id, leg)
        ON given.order_id = p.order_id AND given.leg = p.number || '.' || p.leg
    WHERE p.provider = $1
)
{_LEGS}"""  # noqa: S608 - of our own parts only


class KeyHere(BaseModel):
    """One key of a leg as we have it. `booked` is the leg's status in the order, whose step writes the ledger."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    number: int
    leg: str
    name: LegName
    key: str
    amount: int
    currency: str
    status: LegStatus
    turn: int
    touched_at: AwareDatetime | None
    answered_at: AwareDatetime | None
    booked: LegStatus
    by_hand: bool


async def legs_since(pool: Database, provider: str, since: datetime) -> AsyncIterator[list[list[KeyHere]]]:
    """Pages of the legs of a provider that it was asked for, or that changed, since then, each with all its keys."""
    after: tuple[str, int, str] = ("", 0, "")
    while True:
        legs = _by_leg(await pool.fetch(_SINCE, provider, since, *after, PAGE))
        if legs:
            yield legs
        if len(legs) < PAGE:
            return
        last = legs[-1][0]
        after = (last.order_id, last.number, last.name)


async def legs_of(
    pool: Database, provider: str, keys: Sequence[str], named: Sequence[tuple[str, str]]
) -> list[list[KeyHere]]:
    """The legs of a provider that have one of these keys, or one of these names: order and leg."""
    orders, legs = [order for order, _ in named], [leg for _, leg in named]
    return _by_leg(await pool.fetch(_OF, provider, list(keys), orders, legs))


def _by_leg(rows: Iterable[Any]) -> list[list[KeyHere]]:
    keys = (KeyHere(**dict(row)) for row in rows)
    return [list(leg) for _, leg in groupby(keys, key=lambda key: (key.order_id, key.leg))]


async def note_reconciled(pool: Database, provider: str, *, since: datetime, compared: int, differences: int) -> None:
    """Keep what a comparison that came to its end has found."""
    await pool.fetch(
        "INSERT INTO reconciliations (provider, since, compared, differences) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (provider) DO UPDATE SET ran_at = now(), since = excluded.since, compared = excluded.compared, "
        "differences = excluded.differences",
        *(provider, since, compared, differences),
    )


async def await_reconciling(pool: Database, providers: Sequence[str]) -> None:
    """From now on these providers' books are compared, and no others."""
    await pool.fetch("DELETE FROM reconciliations WHERE provider <> ALL($1)", list(providers))
    await pool.fetch(
        "INSERT INTO reconciliations (provider) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", list(providers)
    )


class Reconciled(BaseModel):
    """The last comparison of a provider's books with ours; `since` None: none has come to its end."""

    provider: str
    ran_at: AwareDatetime
    since: AwareDatetime | None
    compared: int
    differences: int


async def last_reconciled(pool: Database) -> list[Reconciled]:
    """The last comparison with each provider."""
    rows = await pool.fetch("SELECT * FROM reconciliations ORDER BY provider")
    return [Reconciled(**dict(row)) for row in rows]
