"""`recourse changes`: every step of every order, a page at a time or as they come."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated

from cyclopts import Parameter

from recourse.cli.output import Json, more, remark, say_json
from recourse.cli.tables import Listing
from recourse.cli.typed import Limit
from recourse.database.changes import START, Change
from recourse.runtime.stopping import until_stopped
from recourse.starter.reading import Orders
from recourse.wording.english import as_words

COLUMNS = ("at", "order", "step", "what", "outcome", "by", "told", "cursor")


async def changes(
    *,
    after: Annotated[str, Parameter(help="A cursor, `start`, or `now` for what is yet to come.")] = START,
    limit: Limit = 50,
    follow: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> None:
    """Show what changed since a cursor: every step of every order, in an order that misses none.

    Each line, or each JSON object, has the cursor from which to go on.

    Parameters
    ----------
    follow
        Print all, and what comes, until Ctrl-C.
    """
    async with Orders.connect() as orders:
        if not follow:
            page = await orders.changes_page(after, limit=limit)
            _say(page.changes, json=json)
            if not json:
                remark(more(page.next) if page.changes else f"Nothing changed since: --after '{page.next}'")
            return
        async with until_stopped() as stop, aclosing(orders.changes(after)) as coming:
            following = asyncio.create_task(_follow(coming, json=json))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if following.cancel():
                await asyncio.gather(following, return_exceptions=True)
            else:
                await following


async def _follow(coming: AsyncIterator[Change], *, json: bool) -> None:
    head = True
    async for change in coming:
        _say([change], json=json, head=head)
        sys.stdout.flush()
        head = False


def _say(found: Sequence[Change], *, json: bool, head: bool = True) -> None:
    if json:
        for change in found:
            say_json(change)
        return
    lines = Listing(COLUMNS, [_cells(change) for change in found]).with_tabs()
    sys.stdout.write(lines if head else lines.partition("\n")[2])


def _cells(change: Change) -> Sequence[str]:
    return (
        f"{change.at:%Y-%m-%d %H:%M:%SZ}" if change.at else "-",
        change.order_id,
        str(change.step),
        as_words(change.what) if change.what else "-",
        change.outcome or "-",
        change.by or "-",
        ", ".join(f"{as_words(one.name)} to {one.to}" for one in change.told) or "-",
        change.cursor,
    )
