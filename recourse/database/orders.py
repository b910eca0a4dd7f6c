"""Reading orders, their record, their money and their notices."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from recourse.database.access import Database
from recourse.database.days import read_keys, read_proof
from recourse.resolution.model.export_text import ExportText
from recourse.resolution.model.notice import Notice, Receiver, read_notice
from recourse.resolution.model.order import Order, read_state
from recourse.resolution.model.outcome import Outcome, read_outcome
from recourse.resolution.model.reading import fingerprint
from recourse.resolution.model.record import Reader, export
from recourse.resolution.model.step import LEDGER, Answered, RecordEntry

# A whole order: where it stands, with what it was opened with.
WHOLE = """
    SELECT s.order_id, s.step, s.state || jsonb_build_object('opening', o.opening) AS state
    FROM order_states AS s INNER JOIN openings AS o ON o.order_id = s.order_id
"""


class Stored(BaseModel):
    """An order as of its last step."""

    model_config = ConfigDict(frozen=True)

    step: int
    order: Order


async def read_order(pool: Database, order_id: str) -> Stored | None:
    """The order as of its last step, or None where there is no such order."""
    row = await pool.fetchrow(f"{WHOLE} WHERE s.order_id = $1", order_id)
    return Stored(step=row["step"], order=read_state(row["state"])) if row else None


async def read_record(pool: Database, order_id: str) -> list[RecordEntry]:
    """All entries of an order's record, in order."""
    rows = await pool.fetch(
        "SELECT number, at, content, previous, hash, erased, salts FROM record_entries "
        "WHERE order_id = $1 ORDER BY number",
        order_id,
    )
    return [RecordEntry(**dict(row)) for row in rows]


async def record_pages(pool: Database, order_id: str, size: int = 50) -> AsyncIterator[list[RecordEntry]]:
    """The same, so many at a time."""
    after, rows = 0, [None]
    while rows:
        rows = await pool.fetch(
            "SELECT number, at, content, previous, hash, erased, salts FROM record_entries "
            "WHERE order_id = $1 AND number > $2 ORDER BY number LIMIT $3",
            order_id,
            after,
            size,
        )
        if rows:
            yield [RecordEntry(**dict(row)) for row in rows]
            after = rows[-1]["number"]


async def last_entries(pool: Database, order_id: str, before: int | None, limit: int) -> list[RecordEntry]:
    """The last so many entries, or those before number `before`, in order."""
    rows = await pool.fetch(
        "SELECT number, at, content, previous, hash, erased, salts FROM record_entries "
        "WHERE order_id = $1 AND ($2::bigint IS NULL OR number < $2) ORDER BY number DESC LIMIT $3",
        order_id,
        before,
        limit,
    )
    return [RecordEntry(**dict(row)) for row in reversed(rows)]


async def entry_of_offer(pool: Database, order_id: str, version: int) -> RecordEntry | None:
    """The entry that put the offer of this version on the table."""
    row = await pool.fetchrow(
        "SELECT number, at, content, previous, hash, erased, salts FROM record_entries "
        "WHERE order_id = $1 AND content -> 'events' @> jsonb_build_array(jsonb_build_object('version', $2::bigint)) "
        "ORDER BY number LIMIT 1",
        order_id,
        version,
    )
    return RecordEntry(**dict(row)) if row else None


async def read_export(
    pool: Database, order_id: str, reader: Reader, at: datetime, *, proofs: bool = False
) -> dict[str, Any] | None:
    """The record as one role may read it at this time; it verifies offline. None where there is no such order.

    `proofs`: with the public keys of all signatures, and the proof that the root of a day holds it.
    """
    stored = await read_order(pool, order_id)
    if stored is None:
        return None
    known: dict[str, Any] = {}
    if proofs:
        # Before the record, which may have grown since.
        known = {"day": await read_proof(pool, order_id), "keys": await read_keys(pool)}
    return export(stored.order.opening, await read_record(pool, order_id), reader, at=at, **known)


async def begin_export(pool: Database, order_id: str, reader: Reader, at: datetime) -> ExportText | None:
    """The same with proofs, to be written piece by piece."""
    stored = await read_order(pool, order_id)
    if stored is None:
        return None
    day, keys = await read_proof(pool, order_id), await read_keys(pool)
    return ExportText(stored.order.opening, reader, at=at, day=day, keys=keys)


async def read_notices(
    pool: Database, order_id: str, to: Receiver | None = None, *, after: str = "", limit: int | None = None
) -> list[Notice]:
    """The notices of an order, or of one receiver, in order, or a page of them behind the one with the id `after`."""
    rows = await pool.fetch(
        'SELECT id, receiver AS "to", name, at, body FROM notices '
        "WHERE order_id = $1 AND ($2::text IS NULL OR receiver = $2) AND ($3 = '' OR (step, line) > "
        "(SELECT p.step, p.line FROM notices AS p WHERE p.id = $3 AND p.order_id = $1)) "
        "ORDER BY step, line LIMIT $4",
        order_id,
        to,
        after,
        limit,
    )
    return [read_notice(dict(row)) for row in rows]


async def read_balances(pool: Database, order_id: str) -> dict[str, int]:
    """The balance of each account of an order, in minor units; together they are zero."""
    rows = await pool.fetch(
        "SELECT account, sum(amount)::bigint AS balance FROM ledger_entries WHERE order_id = $1 GROUP BY account",
        order_id,
    )
    return dict.fromkeys(LEDGER, 0) | {row["account"]: row["balance"] for row in rows}


# What was sent is in the entry that its answer names, so that no table keeps it twice.
ANSWERED = """
    SELECT a.step, a.sender, a.command_id, a.outcome, e.content ->> 'command' AS command,
        -- What was erased is not what was sent.
        CASE WHEN e.erased IS NULL THEN (e.content -> 'fields') || (e.content -> 'private') END AS fields
    FROM answers AS a
    LEFT JOIN record_entries AS e ON e.order_id = a.order_id AND e.number = (a.outcome ->> 'entry')::bigint
"""


def answered(row: Mapping[str, Any]) -> Answered:
    """A row of `ANSWERED`, read. Raises NeedsNewerBuild."""
    known = row["command"] is not None and isinstance(row["fields"], dict)
    return Answered(
        step=row["step"],
        sender=row["sender"],
        command_id=row["command_id"],
        outcome=read_outcome(row["outcome"]),
        fingerprint=fingerprint(row["command"], row["fields"]) if known else None,
    )


async def read_answered(pool: Database, order_id: str, sender: str, command_id: str) -> Answered | None:
    """The first answer to a command, also of an order that answers no more, with what it was given to.

    Raises NeedsNewerBuild.
    """
    row = await pool.fetchrow(
        f"{ANSWERED} WHERE a.order_id = $1 AND a.sender = $2 AND a.command_id = $3", order_id, sender, command_id
    )
    return answered(row) if row else None


async def read_answer(pool: Database, order_id: str, sender: str, command_id: str) -> Outcome | None:
    """The first answer to a command, whatever the command was."""
    first = await read_answered(pool, order_id, sender, command_id)
    return first.outcome if first else None


async def first_answered_at(pool: Database, order_ids: Sequence[str], sender: str, command_id: str) -> datetime | None:
    """When the first of several orders answered a command; None: none did."""
    at: datetime | None = await pool.fetchval(
        "SELECT min((outcome ->> 'at')::timestamptz) FROM answers "
        "WHERE order_id = ANY($1) AND sender = $2 AND command_id = $3",
        list(order_ids),
        sender,
        command_id,
    )
    return at


async def read_contacts(pool: Database, order_id: str) -> dict[str, str]:
    """The parties' addresses for e-mail notices, by role."""
    rows = await pool.fetch("SELECT role, email FROM contacts WHERE order_id = $1", order_id)
    return {row["role"]: row["email"] for row in rows}


async def write_contacts(pool: Any, order_id: str, emails: dict[str, str]) -> None:
    """Keep the parties' addresses for e-mail notices."""
    await pool.executemany(
        "INSERT INTO contacts (order_id, role, email) VALUES ($1, $2, $3) "
        "ON CONFLICT (order_id, role) DO UPDATE SET email = $3",  # `excluded` needs a right to read addresses
        [(order_id, role, email) for role, email in emails.items()],
    )
