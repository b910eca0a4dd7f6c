"""Lists on the command line: on a terminal, redrawn on a terminal, as lines with tabs, or as JSON."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from recourse.cli.output import Stop, console, remark, say_json
from recourse.cli.tables import Listing
from recourse.errors import Unreachable
from recourse.resolution.model.fields import visible
from recourse.runtime.stopping import until_stopped

EVERY = 2.0  # seconds
SHARE = 9  # a list that is watched is read for a tenth of the time at most, however slow it is

Watch = Annotated[bool, Parameter(name="--watch", negative="", help="Redraw it every two seconds, until Ctrl-C.")]


@dataclass(frozen=True)
class Listed:
    """What a list holds: `values` for JSON, its table, what to say where it is empty, and what else to say."""

    values: Any
    table: Listing
    nothing: str
    remarks: Sequence[str] = ()

    @property
    def said(self) -> list[str]:
        """What people are told in addition to the table."""
        return [*([] if self.table.rows else [self.nothing]), *self.remarks]


def say_list(listed: Listed, *, json: bool) -> None:
    """Print a list. Remarks go to standard error where a program reads the list."""
    if json:
        say_json(listed.values)
        return
    if listed.table.rows or not sys.stdout.isatty():
        say_table(listed.table)
    for said in listed.said:
        remark(said)


def say_table(table: Listing) -> None:
    """Print a table: fitted to the terminal, or with tabs for programs."""
    if sys.stdout.isatty():
        console().print(table)
    else:
        sys.stdout.write(table.with_tabs())


async def keep_saying(read: Callable[[], Awaitable[Listed]], *, json: bool, watch: bool) -> None:
    """Print a list once, or redraw it until Ctrl-C. Raises Stop where it can be watched by nobody."""
    if not watch:
        say_list(await read(), json=json)
        return
    if json or not sys.stdout.isatty():
        raise Stop("--watch needs a terminal, and does not go with --json.")
    async with until_stopped() as stop:
        tasks = [asyncio.ensure_future(_redraw(read)), asyncio.ensure_future(stop.wait())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            await task


def pause(took: float) -> float:
    """How long a list rests after a reading that took so long; both in seconds."""
    return max(EVERY, SHARE * took)


async def _redraw(read: Callable[[], Awaitable[Listed]]) -> None:
    with Live(console=console(), screen=True, auto_refresh=False) as screen:
        while True:
            began = time.monotonic()
            try:
                shown = _shown(await read())
            except Unreachable as away:
                # It may be back in a moment.
                shown = Text(visible(str(away)), "red")
            took = time.monotonic() - began
            screen.update(Group(shown, Text("\nCtrl-C ends this.", "dim")), refresh=True)
            await asyncio.sleep(pause(took))


def _shown(listed: Listed) -> RenderableType:
    table = [listed.table] if listed.table.rows else []
    return Group(*table, *(Text(visible(said)) for said in listed.said))
