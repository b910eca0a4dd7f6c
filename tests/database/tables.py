"""All that is in a database, to see whether anything has changed."""

from typing import Any

TABLES = (
    "order_states",
    "openings",
    "orders",
    "record_entries",
    "answers",
    "ledger_entries",
    "notices",
    "deliveries",
    "contacts",
    "displays",
    "facts",
    "uncounted",
    "changes",
)


async def everything(pool: Any) -> dict[str, list[Any]]:
    """Every row of every table."""
    return {
        table: sorted((dict(row) for row in await pool.fetch(f"SELECT * FROM {table}")), key=str) for table in TABLES
    }
