"""`recourse outbox`: the notices that nobody has taken, why, to try them again, and to enable what is disabled."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any

from cyclopts import App, Parameter

from recourse.activities.notifying import GIVEN_UP_AFTER, Notifying
from recourse.cli.lists import Listed, Watch, keep_saying
from recourse.cli.output import DONE, NO, After, Json, Stop, Yes, ask, console, more, say_json
from recourse.cli.tables import Cell, Column, Listing, toned
from recourse.cli.times import away, length
from recourse.cli.typed import Limit
from recourse.database.outbox import (
    Undelivered,
    disabled_channels,
    enable_channels,
    orders_with_undelivered,
    undelivered,
)
from recourse.resolution.model.fields import visible
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.settings import read_settings
from recourse.starter.reading import Orders, now
from recourse.wording.english import as_words

app = App(name="outbox", help="Show undelivered notices and retry them.")

# For one order; a slow receiver of many notices is given the time.
ONE_ORDER = timedelta(minutes=10)
# A receiver that takes nothing is not asked for thousands of orders.
IN_A_ROW = 5


@app.command(name="list")
async def list_undelivered(
    order_id: str | None = None, /, *, after: After = "", limit: Limit = 50, watch: Watch = False, json: Json = False
) -> None:
    """List undelivered notices that were tried, oldest first.

    Parameters
    ----------
    order_id
        Only notices of this order.
    """
    async with Orders.connect() as orders:
        if order_id is not None:
            await orders.order(order_id).state()

        async def read() -> Listed:
            with explaining_database_errors():
                found = await undelivered(orders.pool, order_id=order_id, after=_place(after), limit=limit)
                disabled = await disabled_channels(orders.pool)
            return _listed(found, disabled, now(), limit)

        await keep_saying(read, json=json, watch=watch)


def _listed(found: list[Undelivered], disabled: Mapping[str, datetime], at: datetime, limit: int) -> Listed:
    remarks = [
        f"The {channel} is disabled: its receiver answered 410 Gone {away(since, at)}. "
        "Nothing is sent there until you run `recourse outbox enable`, or give the workers another address."
        for channel, since in disabled.items()
    ]
    if found and len(found) == limit:
        since, *rest = found[-1].place
        remarks.append(more(" ".join((since.isoformat(), *rest))))
    values = [row.model_dump(exclude={"written_at"}) | {"given_up_at": _given_up_at(row)} for row in found]
    return Listed(values, _table(found, at), "Nothing waits: every notice that was tried has been delivered.", remarks)


def _place(text: str) -> tuple[datetime, str, str] | None:
    if not text:
        return None
    try:
        since, notice_id, channel = text.split(" ")
        instant = datetime.fromisoformat(since)
    except ValueError as error:
        raise Stop(
            f"--after {text!r} is not the end of a page: use the value that the previous page printed, in quotes."
        ) from error
    return instant, notice_id, channel


def _given_up_at(row: Undelivered) -> datetime:
    return row.written_at + GIVEN_UP_AFTER


def _table(found: list[Undelivered], at: datetime) -> Listing:
    tries = Column("tries", right=True)
    return Listing(("order", "notice", "first tried", tries, "then", "why"), [_cells(row, at) for row in found])


def _cells(row: Undelivered, at: datetime) -> Sequence[Cell]:
    behind = f" and {row.behind} behind it" if row.behind else ""
    notice = f"{as_words(row.name)} to {row.receiver} by {row.channel}{behind}"
    left = _given_up_at(row) - at
    tried = left > timedelta(0)
    then = f"tried for {length(left)} more" if tried else f"given up {length(left)} ago"
    then = f"waits: {row.channel} is disabled" if row.disabled_since else then
    then = "being sent now" if row.sending else then
    stands = toned(then, "" if row.sending else "yellow" if tried and not row.disabled_since else "red")
    return row.order_id, notice, away(row.since, at), str(row.attempts), stands, row.last_error or "-"


@app.command
async def enable(*, json: Json = False) -> None:
    """Re-enable a receiver that answered 410 Gone.

    The workers send what waits within ten minutes. Send expired notices with `recourse outbox retry`.
    """
    at = now()
    async with Orders.connect() as orders:
        with explaining_database_errors():
            enabled = await enable_channels(orders.pool)
    if json:
        say_json({"enabled": [{"channel": channel, "disabled_since": since} for channel, since in enabled.items()]})
        return
    for channel, since in enabled.items():
        console().print(f"The {channel} is enabled again; it was disabled {away(since, at)}.")
    if enabled:
        console().print("The workers send what waits within ten minutes; `recourse outbox retry --all` sends it now.")
    else:
        console().print("Nothing is disabled.")


@app.command
async def retry(
    order_id: str | None = None,
    /,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Send undelivered notices now, in order and never twice. Includes expired ones and those of closed orders.

    This command sends them itself, through the channels that RECOURSE_WEBHOOK_URL, RECOURSE_SMTP_URL and the other
    worker settings configure. It may run while workers send too.

    Parameters
    ----------
    order_id
        Only notices of this order.
    all_
        Notices of every order. Shows how many and asks for confirmation. Stops after five orders in a row fail.
    """
    if (order_id is None) != all_:
        raise Stop("Name an order or pass --all.")
    async with _sender() as (orders, notifying):
        with explaining_database_errors():
            if order_id is not None:
                await orders.order(order_id).state()
                ids = [order_id]
            else:
                ids = await orders_with_undelivered(orders.pool)
                if not json:
                    console().print(f"{len(ids)} orders have undelivered notices.")
                if ids:
                    ask(f"Send the undelivered notices of {len(ids)} orders now?", yes=yes)
            told = await _send(notifying, ids)
    if json:
        say_json(told)
        return NO if told["failures"] else DONE
    console().print(f"{told['orders']} of {len(ids)} orders tried; {told['waited']} notices waited in them.")
    for one in told["failures"]:
        console().print(f"{one['order_id']}: {visible(one['why'])}")
    if told["orders"] < len(ids):
        console().print("Stopped: the receiver accepts nothing. See the errors above, then try again.")
    return NO if told["failures"] else DONE


async def _send(notifying: Notifying, ids: list[str]) -> dict[str, Any]:
    waited, tried, in_a_row, failures = 0, 0, 0, list[dict[str, str]]()
    for order_id in ids:
        ended = await notifying.deliver(order_id, within=ONE_ORDER, given_up_too=True)
        waited, tried = waited + ended.waited, tried + 1
        in_a_row = in_a_row + 1 if ended.failures else 0
        failures += [{"order_id": order_id, "why": why} for why in ended.failures]
        if in_a_row == IN_A_ROW:
            break
    return {"orders": tried, "waited": waited, "failures": failures}


@asynccontextmanager
async def _sender() -> AsyncIterator[tuple[Orders, Notifying]]:
    # The worker knows the channels; a list needs none of it.
    from recourse.worker import channels_of

    settings = read_settings()
    channels = channels_of(settings)
    if not channels:
        raise Stop("Nothing can be sent from here: set RECOURSE_WEBHOOK_URL or RECOURSE_SMTP_URL as for the worker.")
    try:
        async with Orders.connect(settings) as orders:
            yield orders, Notifying(orders.pool, channels)
    finally:
        for channel in channels:
            await channel.close()
