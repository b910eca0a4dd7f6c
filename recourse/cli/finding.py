"""`recourse orders`: find orders among many."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import App, Parameter

from recourse.cli.lists import Listed, Watch, keep_saying
from recourse.cli.output import After, Json, Stop, more
from recourse.cli.tables import Cell, Column, Listing, toned
from recourse.cli.times import away
from recourse.cli.typed import Limit
from recourse.database.lists import ListedOrder, Wanted, list_orders, orders_due
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.vocabulary import How, Phase, SettlementStatus
from recourse.runtime.database_connection import explaining_database_errors
from recourse.starter.reading import STUCK_AFTER, Orders, now
from recourse.wording.english import PHASES, as_words

app = App(name="orders", help="Find orders.")

Within = Annotated[
    str | None,
    Parameter(help="Open orders whose delivery is due before this time: an instant, or a duration such as `24h`."),
]


def read_instant(text: str, option: str, *, at: datetime) -> datetime:
    """An instant as it is typed: with its offset, or as a duration from now. Raises Stop."""
    try:
        return at + parse_duration(text)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise Stop(
            f"{option} {text!r} is not a time: write `2025-03-04T11:00Z`, or `24h` for 24 hours from now."
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def read_place(text: str) -> tuple[datetime, str] | None:
    """Where a page of what is due ended, as its last line says it; None at the beginning. Raises Stop."""
    if not text:
        return None
    at, _, order_id = text.partition(" ")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not order_id:
        raise Stop(
            f"--after {text!r} is not the end of a page: use the value that the previous page printed, in quotes."
        )
    return instant, order_id


def place(at: datetime | None, order_id: str) -> str:
    """The same of a row, as `--after` takes it."""
    return f"{at.isoformat() if at else ''} {order_id}"


_TONES = {"retrying": "yellow", "blocked": "red"}


@app.command(name="list")
async def list_some(
    *,
    phase: Phase | None = None,
    policy: str | None = None,
    client: str | None = None,
    freelancer: str | None = None,
    settlement: SettlementStatus | None = None,
    how: How | None = None,
    group: str | None = None,
    due_before: Within = None,
    stuck: Annotated[bool, Parameter(negative="")] = False,
    after: After = "",
    limit: Limit = 50,
    watch: Watch = False,
    json: Json = False,
) -> None:
    """List orders by id or by due time, a page at a time.

    Parameters
    ----------
    phase
        The order's phase.
    policy
        The name of the order's policy.
    client
        The client's id.
    freelancer
        The freelancer's id.
    settlement
        The settlement's state: `held` until an undo window closes, `retrying` after the payment provider failed.
    how
        How the order was canceled.
    group
        The group that the order belongs to.
    stuck
        Orders with a clock that is minutes overdue: no worker has processed it.
    """
    if stuck and due_before:
        raise Stop("--stuck and --due-before cannot be combined: use one of them.")
    wanted = Wanted(phase, policy, client, freelancer, settlement, how, group)
    async with Orders.connect() as orders:

        async def read() -> Listed:
            at = now()
            with explaining_database_errors():
                if stuck or due_before:
                    clock: Literal["due_at", "next_clock_at"] = "next_clock_at" if stuck else "due_at"
                    before = at - STUCK_AFTER if stuck else read_instant(due_before or "", "--due-before", at=at)
                    rows = await orders_due(orders.pool, clock, before, wanted, after=read_place(after), limit=limit)
                else:
                    rows = await list_orders(orders.pool, wanted, after=after, limit=limit)
            remarks = []
            if len(rows) == limit:
                last = rows[-1]
                due = last.next_clock_at if stuck else last.due_at
                remarks.append(more(place(due, last.order_id) if stuck or due_before else last.order_id))
            return Listed(rows, orders_table(rows, at), "No matching orders.", remarks)

        await keep_saying(read, json=json, watch=watch)


def orders_table(rows: list[ListedOrder], at: datetime) -> Listing:
    """A page of orders: whose each is and for how much, where it stands, whose turn it is, and what time does next."""
    return Listing(
        (
            "order",
            Column("title", extra=True),
            Column("policy", extra=True),
            "parties",
            Column("price", right=True),
            "phase",
            "turn",
            "next",
            Column("settlement", extra=True),
        ),
        [_cells(row, at) for row in rows],
    )


def _cells(row: ListedOrder, at: datetime) -> Sequence[Cell]:
    turn = row.turn + (f", {away(row.turn_until, at)}" if row.turn_until else "")
    clock = f"{as_words(row.next_clock)} {away(row.next_clock_at, at)}" if row.next_clock else "-"
    case = f", case: {row.case_stage}" if row.case_stage not in (None, "closed") else ""
    late = row.next_clock_at is not None and row.next_clock_at < at - STUCK_AFTER
    return (
        row.order_id,
        (row.display and row.display.title) or "",
        row.policy,
        f"{row.client}, {row.freelancer}",
        write_amount(row.price, row.currency),
        PHASES[row.phase] + case,
        turn,
        toned(clock, "red" if late else ""),
        toned(as_words(row.settlement), _TONES.get(row.settlement, "")),
    )


app.command("recourse.cli.importing:import_file", name="import", help="Bring orders that began elsewhere, from a file.")
