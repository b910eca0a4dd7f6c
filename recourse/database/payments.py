"""What the payment provider is asked for, and what it has said: the table `payments`."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from recourse.resolution.model.payments import LegAnswer, LegName, LegStatus

_LEG = """
SELECT p.key, p.order_id, p.number || '.' || p.leg AS leg, p.leg AS name, p.amount, p.currency, p.provider, p.status,
    p.reason, p.reference, p.attempts, p.turn, o.opening -> 'terms' ->> 'client' AS client,
    o.opening -> 'terms' ->> 'freelancer' AS freelancer, o.opening -> 'terms' ->> 'payment' AS payment,
    o.opening -> 'terms' ->> 'destination' AS destination
FROM payments AS p
INNER JOIN openings AS o ON o.order_id = p.order_id
WHERE p.order_id = $1 AND p.number || '.' || p.leg = $2
"""
# The key of a leg that counts is its latest.
_LATEST = f"{_LEG} ORDER BY p.turn DESC LIMIT 1"
# Former keys of a leg that was lowered: the provider has been asked for them, and nobody knows an answer but 'done'.
# What an operator had tried again had one.
_LOWERED = f"""{_LEG} AND p.turn < $3 AND (
    p.status = 'done' OR (
        p.status = 'void' AND p.attempts > 0 AND p.answered_at IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM payments AS later
            WHERE later.order_id = p.order_id AND later.number = p.number AND later.leg = p.leg
                AND later.turn > p.turn AND later.turn < $3 AND later.answered_at IS NOT NULL
        )
    )
) ORDER BY p.turn"""  # noqa: S608


class PaymentLeg(BaseModel):
    """One leg of a payment as it stands in the database: what is to move, and the key under which it moves once.

    `key` is the idempotency key, which never stands for another amount; `leg` the leg's name within the order, such as
    `1.refund`; `name` is `refund` (to the client), `payout` (to the freelancer) or `fee` (to the platform); `amount` is
    in minor units of `currency`; `attempts` counts how often the provider was asked before, and `turn` the keys that
    the leg has had. `client` and `freelancer` are their ids in the marketplace. `payment` is what the marketplace
    collected with, and `destination` the freelancer's account at the provider, as the order's terms have them.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    order_id: str
    leg: str
    name: LegName
    amount: int
    currency: str
    provider: str
    status: LegStatus
    reason: str | None
    reference: str | None
    attempts: int
    turn: int
    client: str
    freelancer: str
    payment: str | None
    destination: str | None


async def read_leg(pool: Any, order_id: str, leg: str) -> PaymentLeg | None:
    """A leg of an order, such as `1.refund`; None: no step of the order has written it."""
    row = await pool.fetchrow(_LATEST, order_id, leg)
    return PaymentLeg(**dict(row)) if row else None


async def former_keys(pool: Any, leg: PaymentLeg) -> list[PaymentLeg]:
    """The leg under its former keys, as far as it may have been paid under them before it was lowered."""
    if leg.turn == 1:
        return []
    rows = await pool.fetch(_LOWERED, leg.order_id, leg.leg, leg.turn)
    return [PaymentLeg(**dict(row)) for row in rows]


async def note_attempt(pool: Any, key: str) -> None:
    """Note, before it is asked, that the provider may know of this key."""
    await pool.execute("UPDATE payments SET attempts = attempts + 1, asked_at = now() WHERE key = $1", key)


async def asked_within(pool: Any, key: str, span: timedelta) -> bool:
    """Whether the provider was asked for this key so short a time ago."""
    row = await pool.fetchrow("SELECT key FROM payments WHERE key = $1 AND now() - asked_at < $2", key, span)
    return row is not None


async def write_answer(pool: Any, key: str, answer: LegAnswer) -> None:
    """Note what the provider said of a key, so that it need not be asked again."""
    await pool.execute(
        "UPDATE payments SET status = $2, reference = $3, reason = $4, answered_at = now() "
        # A former key pays nothing any more, unless it turns out to have paid.
        "WHERE key = $1 AND (status = 'waiting' OR status = 'void' AND $2 = 'done')",
        key,
        answer.status,
        answer.reference,
        answer.reason,
    )
