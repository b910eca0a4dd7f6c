"""Reading orders, their record, their money and their notices."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from resolution.order import Order, read_state
from resolution.record import Reader, export
from resolution.step import Notice, RecordEntry


class Stored(BaseModel):
    """An order as of its last step."""

    model_config = ConfigDict(frozen=True)

    step: int
    order: Order


async def read_order(pool: Any, order_id: str) -> Stored | None:
    """The order as of its last step, or None where there is no such order."""
    row = await pool.fetchrow("SELECT step, state FROM orders WHERE order_id = $1", order_id)
    return Stored(step=row["step"], order=read_state(row["state"])) if row else None


async def read_record(pool: Any, order_id: str) -> list[RecordEntry]:
    """All entries of an order's record, in order."""
    rows = await pool.fetch(
        "SELECT number, at, content, previous, hash FROM record_entries WHERE order_id = $1 ORDER BY number", order_id
    )
    return [RecordEntry(**dict(row)) for row in rows]


async def read_export(pool: Any, order_id: str, reader: Reader) -> dict[str, Any] | None:
    """The record as one role may read it; it verifies offline. None where there is no such order."""
    stored = await read_order(pool, order_id)
    return export(stored.order.opening, await read_record(pool, order_id), reader) if stored else None


async def read_notices(pool: Any, order_id: str) -> list[Notice]:
    """Everything that anybody was told about an order, in order."""
    rows = await pool.fetch(
        'SELECT id, receiver AS "to", name, at, body FROM notices WHERE order_id = $1 ORDER BY step, line', order_id
    )
    return [Notice(**dict(row)) for row in rows]


async def read_balances(pool: Any, order_id: str) -> dict[str, int]:
    """The balance of each account of an order, in minor units; together they are zero."""
    rows = await pool.fetch(
        "SELECT account, sum(amount)::bigint AS balance FROM ledger_entries WHERE order_id = $1 GROUP BY account",
        order_id,
    )
    return dict.fromkeys(("client", "freelancer", "platform", "escrow"), 0) | {
        row["account"]: row["balance"] for row in rows
    }


async def read_answer(pool: Any, order_id: str, sender: str, command_id: str) -> dict[str, Any] | None:
    """The first answer to a command, also of an order that answers no more."""
    outcome: dict[str, Any] | None = await pool.fetchval(
        "SELECT outcome FROM answers WHERE order_id = $1 AND sender = $2 AND command_id = $3",
        order_id,
        sender,
        command_id,
    )
    return outcome


async def write_contacts(pool: Any, order_id: str, emails: dict[str, str]) -> None:
    """Keep the parties' addresses for e-mail notices."""
    await pool.executemany(
        "INSERT INTO contacts (order_id, role, email) VALUES ($1, $2, $3) "
        "ON CONFLICT (order_id, role) DO UPDATE SET email = excluded.email",
        [(order_id, role, email) for role, email in emails.items()],
    )
