"""What people call orders and their parties: kept here alone."""

from collections.abc import Sequence
from typing import Any

from recourse.database.access import Database
from recourse.resolution.model.display import Display

_FIELDS = tuple(Display.model_fields)


async def read_displays(pool: Database, order_ids: Sequence[str]) -> dict[str, Display]:
    """What these orders are called, by id; those that have no name of their own are left out."""
    rows = await pool.fetch("SELECT * FROM displays WHERE order_id = ANY($1)", list(order_ids))
    found = {row["order_id"]: {field: row[field] for field in _FIELDS if row[field] is not None} for row in rows}
    return {order_id: Display.model_construct(**given) for order_id, given in found.items() if given}


async def read_display(pool: Database, order_id: str) -> Display | None:
    """What an order is called; None where it has no name of its own."""
    return (await read_displays(pool, [order_id])).get(order_id)


async def write_display(pool: Any, order_id: str, display: Display) -> None:
    """Keep what an order is called, in place of what it was called before."""
    await pool.execute(
        "INSERT INTO displays (order_id, title, link, image, client_name, freelancer_name) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (order_id) DO UPDATE SET title = excluded.title, "
        "link = excluded.link, image = excluded.image, client_name = excluded.client_name, "
        "freelancer_name = excluded.freelancer_name",
        order_id,
        *(getattr(display, field) for field in _FIELDS),
    )
