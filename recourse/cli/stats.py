"""`recourse stats`: what the views for analysis say (docs/analysis.md)."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from cyclopts import App

from recourse.cli.lists import Listed, Watch, keep_saying
from recourse.cli.output import Json, Zone
from recourse.cli.tables import Column, Listing
from recourse.cli.typed import Limit
from recourse.resolution.model.amounts import write_amount
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
_MONEY = ("gross", "price", "debt")
_OF_ORDERS = ("order_id", "policy", "closed_at", "ending", "how", "initiator", "reason", "fault", "gross", "price")


@app.default
async def stats(
    view: View,
    /,
    *,
    limit: Limit = 50,
    zone: Zone = "UTC",
    watch: Watch = False,
    json: Json = False,
) -> None:
    """Show one view of the schema `analysis`. For operators only: it includes private feedback.

    Reads PostgreSQL at DATABASE_URL. docs/analysis.md says what each column means.

    Parameters
    ----------
    view
        The view.
    """
    async with Orders.connect() as orders:

        async def read() -> Listed:
            with explaining_database_errors():
                found = await read_view(orders.pool, view, limit)
            return Listed(found, _table(view, found, zone), "Nothing yet: no closed order counts here.")

        await keep_saying(read, json=json, watch=watch)


async def read_view(pool: Any, view: View, limit: int) -> list[dict[str, Any]]:
    """The first rows of one view, as they are shown."""
    query = f"SELECT * FROM analysis.{view} ORDER BY {_ORDER[view]} LIMIT $1"  # noqa: S608
    return [dict(row) for row in await pool.fetch(query, max(limit, 0))]


def _table(view: View, found: Sequence[Mapping[str, Any]], zone: str) -> Listing:
    names = _OF_ORDERS if view == "closed_orders" or not found else tuple(found[0])
    columns = [
        Column(as_words(name), right=any(isinstance(row[name], int | Decimal) for row in found)) for name in names
    ]
    return Listing(columns, [[_shown(name, row, zone) for name in names] for row in found])


def _shown(name: str, row: Mapping[str, Any], zone: str) -> str:
    value = row[name]
    if value is None:
        return "-"
    if name in _MONEY:
        return write_amount(value, row["currency"])
    return write_instant(value, zone) if hasattr(value, "tzinfo") else str(value)
