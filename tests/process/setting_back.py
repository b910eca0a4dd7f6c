"""What the database holds of one order, and to have it hold that again later."""

from typing import Any

HELD = ("notices", "answers", "ledger_entries", "record_entries", "orders", "openings", "order_states")


async def set_back(pool: Any, order_id: str, to: dict[str, list[Any]]) -> None:
    """Have the database hold of an order what it held once."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for table in ("deliveries", "uncounted", "facts", *HELD):
            where = (
                "notice_id IN (SELECT id FROM notices WHERE order_id = $1)"
                if table == "deliveries"
                else "order_id = $1"
            )
            await connection.execute(f"DELETE FROM {table} WHERE {where}", order_id)
        for table, rows in reversed(to.items()):
            for row in rows:
                places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
                await connection.execute(f"INSERT INTO {table} VALUES ({places})", *row.values())


async def held(pool: Any, order_id: str) -> dict[str, list[Any]]:
    """What the database holds of an order."""
    return {
        table: await pool.fetch(f"SELECT * FROM {table} WHERE order_id = $1 ORDER BY 1, 2, 3", order_id)
        for table in HELD
    }


def without_clocks(held: dict[str, list[Any]]) -> Any:
    """The same without the instants at which the database itself wrote it."""
    names = {"updated_at", "opened_at", "written_at"}
    return {
        table: [{name: value for name, value in row.items() if name not in names} for row in rows]
        for table, rows in held.items()
    }
