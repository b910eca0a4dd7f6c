"""`recourse stats`: what the views for analysis say (docs/analysis.md)."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from cyclopts import App
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from recourse.cli.output import Json, Zone, console, say_json
from recourse.cli.pages import rows
from recourse.cli.typed import Limit
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import printable
from recourse.resolution.model.instants import write_instant
from recourse.runtime.database_connection import explaining_database_errors
from recourse.starter.reading import Orders
from recourse.wording.english import as_words

app = App(name="stats", help="Show scores, outcomes, reasons and flags over all closed orders.")

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
_MONEY = ("gross", "price")
_OF_ORDERS = ("order_id", "policy", "closed_at", "ending", "how", "initiator", "reason", "fault", "gross", "price")


@app.default
def stats(
    view: View,
    /,
    *,
    limit: Limit = 50,
    zone: Zone = "UTC",
    json: Json = False,
) -> None:
    """Show one view of the schema `analysis`. For operators only: it includes private feedback.

    Reads PostgreSQL at DATABASE_URL. docs/analysis.md says what each column means.

    Parameters
    ----------
    view
        The view.
    """
    found = asyncio.run(_read(view, limit))
    if json:
        say_json(found)
        return
    if not found:
        console().print("Nothing yet: no closed order counts here.")
        return
    names = _OF_ORDERS if view == "closed_orders" else tuple(found[0])
    cells = [[_shown(name, row, zone) for name in names] for row in found]
    right = [isinstance(found[0][name], int | Decimal) for name in names]
    screen = console()
    screen.print(_shaped([as_words(name) for name in names], cells, right, screen.width))


async def read_view(pool: Any, view: View, limit: int) -> list[dict[str, Any]]:
    """The first rows of one view, as they are shown."""
    query = f"SELECT * FROM analysis.{view} ORDER BY {_ORDER[view]} LIMIT $1"  # noqa: S608
    return [dict(row) for row in await pool.fetch(query, max(limit, 0))]


async def _read(view: View, limit: int) -> list[dict[str, Any]]:
    async with Orders.connect() as orders:
        with explaining_database_errors():
            return await read_view(orders.pool, view, limit)


def _shaped(names: list[str], cells: list[list[str]], right: list[bool], width: int) -> RenderableType:
    """A table, where its values fit on a line; else each row as lines of its own, so that no value is broken."""
    columns = list(zip(names, zip(*cells, strict=True), strict=True))
    # A heading breaks between its words.
    needed = sum(max(map(len, (*name.split(), *column))) + 3 for name, column in columns) + 1
    if needed > width:
        return Group(*(Padding(rows(zip(names, row, strict=True)), (0, 0, 1, 0)) for row in cells))
    table = Table()
    for name, to_the_right in zip(names, right, strict=True):
        table.add_column(name, justify="right" if to_the_right else "left")
    for row in cells:
        table.add_row(*(Text(cell, no_wrap=True) for cell in row))
    return table


def _shown(name: str, row: Mapping[str, Any], zone: str) -> str:
    value = row[name]
    if value is None:
        return "-"
    if name in _MONEY:
        return write_amount(value, row["currency"])
    return write_instant(value, zone) if hasattr(value, "tzinfo") else printable(str(value))
