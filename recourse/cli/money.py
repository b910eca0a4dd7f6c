"""`recourse money`: stuck money, what payment providers report, and whether their books agree with ours."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from recourse.cli.lists import Listed, Watch, keep_saying, say_table
from recourse.cli.output import DONE, NO, After, Json, Stop, console, more, say_json
from recourse.cli.tables import Listing
from recourse.cli.times import away
from recourse.cli.typed import Limit
from recourse.database.reconciling import note_reconciled
from recourse.database.reports import UntakenReport, untaken_reports
from recourse.extras import require
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.fields import visible
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.settings import read_settings
from recourse.starter.client import Recourse
from recourse.starter.reading import Orders, now
from recourse.starter.recovering import counted
from recourse.wording.english import as_words

if TYPE_CHECKING:
    from recourse.activities.providers import PaymentProvider
    from recourse.activities.reconciling import Difference

app = App(
    name="money",
    help="Show stuck money and providers' reports, and compare the books.",
)

# How many differences are shown at most.
SHOWN = 100

# Why a report reached no order. If an order refused it, the reason is the refusal's code.
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


@app.command
async def reconcile(
    *,
    since: str | None = None,
    provider: str | None = None,
    report: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Compare the payment providers' books with ours, leg by leg, and list what differs. It moves no money.

    Asks the providers in RECOURSE_PAYMENT_PROVIDERS from here, with their settings as the worker has them. What has
    moved within ten minutes is left out. Exits with 0 if nothing differs. Workers do this every night.

    Parameters
    ----------
    since
        How far back, such as `7d`. Default: `30d`, because a refund can come back after weeks.
    provider
        Only this provider.
    report
        Report payments that came back to their orders, as the provider's own event would.
    """
    require("worker")
    from recourse.activities.reconciling import USUALLY, Comparison

    settings = read_settings()
    chosen = _with_books(settings.payment_providers, provider)
    try:
        window = parse_duration(since) if since is not None else USUALLY
    except ValueError as error:
        raise Stop(f"--since: {error}") from error
    found, kept, compared, moving = 0, list["Difference"](), 0, 0
    async with Recourse.connect(settings, providers=chosen) as recourse:
        for name, one in chosen.items():
            at, reported, before = now(), 0, found
            comparison = Comparison(recourse.pool, name, one, at - window, at)
            with explaining_database_errors():
                async for difference in comparison.differences():
                    if report and await _reported(recourse, difference):
                        reported += 1
                        continue
                    found += 1
                    if json or len(kept) < SHOWN:
                        kept.append(difference)
                # A shorter look back would hide from the alert what lies before it.
                if window >= USUALLY:
                    await note_reconciled(
                        recourse.pool,
                        name,
                        since=at - window,
                        compared=comparison.compared,
                        differences=found - before,
                    )
            compared += comparison.compared
            moving += comparison.moving
            if reported and not json:
                console().print(f"{counted(reported, 'payment')} that came back: reported to the orders.")
    if json:
        say_json({"compared": compared, "differences": [one.model_dump() for one in kept]})
        return NO if found else DONE
    if kept:
        rows = [(one.order_id or "-", one.leg or "-", one.here, one.there, one.do) for one in kept]
        say_table(table(rows))
    if found > len(kept):
        console().print(f"And {found - len(kept)} more: --json shows all of them.")
    says = counted(found, "difference") if found else "The books agree"
    left = f", but for {moving} that moved within ten minutes" if moving else ""
    console().print(f"{says}; {counted(compared, 'leg')} compared{left}.")
    return NO if found else DONE


def table(rows: Iterable[Sequence[str]]) -> Listing:
    """Differences: the order, its leg, what is here and there, and what to do."""
    return Listing(("order", "leg", "here", "there", "do"), rows)


def _with_books(configured: str, only: str | None) -> "Mapping[str, PaymentProvider]":
    from recourse.activities.providers import load_providers
    from recourse.activities.reconciling import with_books

    loaded = load_providers(configured)
    if only is not None and only not in loaded:
        raise Stop(f"RECOURSE_PAYMENT_PROVIDERS names no provider {visible(only)}.")
    listing = {name: one for name, one in with_books(loaded).items() if only in (None, name)}
    if not listing:
        which = f"The adapter of {visible(only)} has no" if only else "No adapter in RECOURSE_PAYMENT_PROVIDERS has a"
        raise Stop(f"{which} method `movements`, which lists what was moved: see docs/payments.md.")
    return listing


async def _reported(recourse: Recourse, difference: "Difference") -> bool:
    """Whether the order has now taken that a payment came back."""
    from recourse.activities.providers import PaymentReport
    from recourse.starter.reporting import take_report

    if difference.kind != "returned_there" or difference.order_id is None:
        return False
    reference = difference.references[-1]
    fields: dict[str, Any] = {"event": "returned", "leg": difference.leg, "reference": reference}
    # Of the payment, so that it counts once however often it is found.
    about = PaymentReport(order_id=difference.order_id, event_id=f"reconciled.{reference}"[:200], fields=fields)
    return await take_report(recourse, difference.provider, about) in ("taken", "repeated")


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
