"""`recourse stats`: what the views for analysis say (docs/analysis.md)."""

import asyncio
from decimal import Decimal
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter
from rich.table import Table
from rich.text import Text

from resolution.instants import write_instant
from starter.cli.output import Json, Zone, console, printable, say_json
from starter.connecting import in_one_sentence
from starter.reading import Orders

app = App(name="stats", help="Scores, endings, reasons and marks, counted over all closed orders.")

View = Literal[
    "closed_orders",
    "completion_rate",
    "job_success",
    "repeat_cancelers",
    "endings",
    "reasons_by_week",
    "cases",
    "case_endings",
]
# The columns that matter most come first; a view of orders begins with the latest.
_ORDER: dict[View, str] = {
    "closed_orders": "closed_at DESC, order_id",
    "completion_rate": "completion_rate NULLS LAST, freelancer",
    "job_success": "job_success NULLS LAST, freelancer",
    "repeat_cancelers": "cancellations DESC, role, party",
    "endings": "policy, orders DESC, ending, how, exempt_because",
    "reasons_by_week": "week DESC, policy, cancellations DESC, initiator, reason, fault",
    "cases": "opened_at DESC, order_id, case_number",
    "case_endings": "policy, cases DESC, ended_because, ended_by",
}
# Too many for a screen; `--json` has all of them.
_OF_ORDERS = ("order_id", "policy", "closed_at", "ending", "how", "initiator", "reason", "fault", "gross", "price")


@app.default
def stats(
    view: View,
    *,
    limit: Annotated[int, Parameter(help="At most so many rows.")] = 50,
    zone: Zone = "UTC",
    json: Json = False,
) -> None:
    """Show one view of the schema `analysis`, for operators only: it knows private feedback.

    Reads PostgreSQL at DATABASE_URL. docs/analysis.md says what each column means.

    Parameters
    ----------
    view
        Which one.
    """
    rows = asyncio.run(_read(view, limit))
    if json:
        say_json(rows)
        return
    if not rows:
        console().print("Nothing yet: no closed order counts here.")
        return
    table = Table(title=f"analysis.{view}")
    names = _OF_ORDERS if view == "closed_orders" else tuple(rows[0])
    for name in names:
        right = isinstance(rows[0][name], int | Decimal)
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(row[name], zone)) for name in names))
    console().print(table)


async def read_view(pool: Any, view: View, limit: int) -> list[dict[str, Any]]:
    """The first rows of one view, as they are shown."""
    query = f"SELECT * FROM analysis.{view} ORDER BY {_ORDER[view]} LIMIT $1"  # noqa: S608
    return [dict(row) for row in await pool.fetch(query, max(limit, 0))]


async def _read(view: View, limit: int) -> list[dict[str, Any]]:
    async with Orders.connect() as orders:
        with in_one_sentence():
            return await read_view(orders.pool, view, limit)


def _shown(value: Any, zone: str) -> str:
    if value is None:
        return "-"
    return write_instant(value, zone) if hasattr(value, "tzinfo") else printable(str(value))
