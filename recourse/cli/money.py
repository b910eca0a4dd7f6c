"""`recourse money`: money that is stuck, and whether what the payment providers say agrees with what stands here."""

from datetime import datetime

from cyclopts import App

from recourse.cli.lists import Listed, Watch, keep_saying
from recourse.cli.output import After, Json, Stop, more
from recourse.cli.tables import Listing
from recourse.cli.times import away
from recourse.cli.typed import Limit
from recourse.database.reports import UntakenReport, untaken_reports
from recourse.runtime.database_connection import explaining_database_errors
from recourse.starter.reading import Orders, now
from recourse.wording.english import as_words

app = App(name="money", help="Show money that is stuck, and what payment providers report.")

# What is known of a report that reached no order; an order's refusal is a code with a sentence of its own.
_REASONS = {
    "no_such_order": "there is no such order",
    "other_provider": "the order has another provider",
    "too_early": "too early: the provider sends it again",
}


@app.command(name="reports")
async def list_reports(*, after: After = "", limit: Limit = 50, watch: Watch = False, json: Json = False) -> None:
    """List reports of payment providers that no order took within the last 90 days, the latest first.

    The payment provider shows each event under its id, and can send it again.
    """
    async with Orders.connect() as orders:

        async def read() -> Listed:
            with explaining_database_errors():
                found = await untaken_reports(orders.pool, after=_place(after), limit=limit)
            at = now()
            rows = [
                (one.order_id, as_words(one.event), _why(one), away(one.last_at, at), one.event_id) for one in found
            ]
            table = Listing(("order", "reports", "not taken", "came", "event"), rows)
            values = [one.model_dump() for one in found]
            return Listed(values, table, "Every report was taken.", [_more(found[-1])] if len(found) == limit else [])

        await keep_saying(read, json=json, watch=watch)


def _why(report: UntakenReport) -> str:
    return _REASONS.get(report.reason, f"refused: {as_words(report.reason)}")


def _more(last: UntakenReport) -> str:
    at, provider, event_id = last.place
    return more(f"{at.isoformat()} {provider} {event_id}")


def _place(text: str) -> tuple[datetime, str, str] | None:
    if not text:
        return None
    try:
        at, provider, event_id = text.split(" ", 2)
        return datetime.fromisoformat(at), provider, event_id
    except ValueError as error:
        raise Stop(
            f"--after {text!r} is not the end of a page: use the value that the previous page printed, in quotes."
        ) from error


app.command("recourse.cli.stuck_money:list_stuck", name="list", help="List payments that are stuck, and chargebacks.")
app.command(
    "recourse.cli.stuck_money:retry_payment",
    name="retry-payment",
    help="Have a payment made again that is blocked or came back.",
)
app.command(
    "recourse.cli.stuck_money:settle_by_hand",
    name="settle-by-hand",
    help="Note that a payment was made outside of the provider.",
)
