"""Play the demonstration's orders, and show what happens to them as it happens."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recourse.cli.telling import chapters_of, closing, ending_of, happened, length, money_line
from recourse.errors import BadInput
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.record import verify
from recourse.resolution.shown.views import view
from recourse.starter.simulate.engine import exported
from recourse.starter.simulate.play import Difference, Differs, Play
from recourse.starter.simulate.story import Story, StoryStep, read_story
from recourse.starter.simulate.temporal import Stage, TemporalEngine, TooSlow, shift_of

TRIES = 10
INTRODUCTION = """\
Recourse ends orders of a freelance marketplace: when somebody cancels, when
the two disagree, and when nobody answers. {shown}

Each order is a durable workflow on a real Temporal server, with its money and
its record in a real PostgreSQL. Both run on this machine for as long as the
demo. The Temporal server skips the waiting, so 48 hours pass in a second. Each
order begins on a Monday to come, and each deadline fires on its second.

In each order a client has paid {paid} into escrow: the price of {price}
and a service fee of {fee}. Of what the freelancer gets, the marketplace
keeps a commission of 20%. What follows is the order's own record: when (UTC),
who, and what they did. Below it stands

  money   where each cent is at the end
  ended   how, and that the record's hash chain is whole

{one}   plays one of them
{brief}   prints the closing table alone
{keep}   ends with live orders to click through"""


@dataclass(frozen=True)
class Played:
    """One order that has ended: how, after how long on its own clock, and in how many seconds here."""

    story: Story
    order_id: str
    ending: str
    lasted: timedelta
    seconds: float


def introduction(chosen: int) -> str:
    """What is about to be seen, on one screen. `chosen`: how many of the orders."""
    made = "MAKELEVEL" in os.environ  # after `make`, `recourse` is not on the path
    ways = ("STORY=silence", "BRIEF=1", "KEEP=1") if made else ("--story silence", "--brief", "--keep")
    commands = [f"{'make' if made else 'recourse'} demo {way}" for way in ways]
    one, brief, keep = (f"  {command:<{max(map(len, commands))}}" for command in commands)
    known = stories()
    terms = known[0].terms
    paid, price, fee = (
        write_amount(minor, terms.currency)
        for minor in (terms.price + terms.service_fee, terms.price, terms.service_fee)
    )
    count = len(known)
    shown = {1: f"Below is one of {count} sample orders.", count: f"Below are {count} sample orders."}
    said = shown.get(chosen, f"Below are {chosen} of {count} sample orders.")
    return INTRODUCTION.format(shown=said, paid=paid, price=price, fee=fee, one=one, brief=brief, keep=keep)


def name(story: Story) -> str:
    """What a story is called on the command line, such as `silence`."""
    return story.path.stem.partition("-")[2]


def stories(wanted: str = "") -> list[Story]:
    """The orders of the demonstration, in the order in which they are shown; or those whose name has `wanted` in it.

    Raises BadInput where none has.
    """
    folder = Path(str(files("recourse.cli.demo") / "stories"))
    known = [read_story(path) for path in sorted(folder.glob("*.yaml"))]
    found = [story for story in known if wanted.strip().lower() in name(story)]
    if not found:
        raise BadInput(f"There is no story {wanted!r}. There are: {', '.join(name(story) for story in known)}.")
    # A whole name means that story alone.
    return [story for story in found if name(story) == wanted] or found


class ToldPlay(Play):
    """A story that is shown while it runs: the order's own record, entry by entry."""

    def __init__(self, story: Story, engine: TemporalEngine, shift: timedelta, screen: Console) -> None:
        super().__init__(story, engine, shift=shift)
        self._screen = screen
        self._shown = 0

    async def _step(self, step: StoryStep) -> None:
        await super()._step(step)
        chapters = chapters_of(await self.exported(), self.story.terms.currency)
        for chapter in chapters[self._shown :]:
            self._screen.print(happened(chapter, self._screen))
        self._shown = len(chapters)


def summary(played: Iterable[Played]) -> Table:
    """All orders that were played."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Story", no_wrap=True)
    table.add_column("Ending")
    table.add_column("Days played", justify="right", no_wrap=True)
    table.add_column("Seconds", justify="right", no_wrap=True)
    for one in played:
        table.add_row(name(one.story), one.ending, length(one.lasted), f"{one.seconds:.1f}")
    return table


async def show(staged: Stage, chosen: Sequence[Story], screen: Console) -> list[Played]:
    """Play these orders and show them on `screen`. Raises Differs where one did not go as its story says."""
    return [await _shown(staged, story, screen) for story in chosen]


async def _shown(staged: Stage, story: Story, screen: Console) -> Played:
    began = time.monotonic()
    engine = await _played(staged, story, screen)
    order, entries = await engine.order(), await engine.record()
    wrong = verify(exported(order, entries, "operator"))
    if wrong:
        raise Differs([Difference(("record",), "a record that verifies", wrong)])
    terms = order.terms
    lasted = entries[-1].at - terms.ordered_at
    played = Played(story, terms.order_id, ending_of(order), lasted, time.monotonic() - began)
    money = view(order, "operator", order.decided_at).money
    entered = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    ended = f"{played.ending} · {length(lasted)} in {played.seconds:.1f} s · record of {entered} verified"
    for line in closing(money_line(money, terms.currency), ended):
        screen.print(line)
    return played


def _heading(story: Story, order_id: str) -> Iterator[Text]:
    yield Text()
    yield Text(story.title, "bold")
    yield Text(f"  {name(story)} · order {order_id} · policy {story.policy.name}", "dim")


async def _played(staged: Stage, story: Story, screen: Console) -> TemporalEngine:
    for attempt in range(1, TRIES + 1):
        shift = shift_of(story, datetime.now(UTC))
        engine = TemporalEngine(staged, story, shift)
        for line in _heading(story, engine.order_id):
            screen.print(line)
        try:
            await engine.start()
            await ToldPlay(story, engine, shift, screen).run()
        except TooSlow as slow:
            if attempt == TRIES:
                raise
            screen.print(Text(f"  This machine was busy ({slow}); once more from the start.", "yellow"))
        else:
            return engine
    raise AssertionError("unreachable")
