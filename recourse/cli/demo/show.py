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

from recourse.errors import BadInput
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.money import Balances
from recourse.resolution.model.record import Export, verify
from recourse.resolution.shown.views import view
from recourse.starter.simulate.engine import exported
from recourse.starter.simulate.play import Difference, Play
from recourse.starter.simulate.story import Story, StoryStep, read_story
from recourse.starter.simulate.temporal import Stage, TemporalEngine, TooSlow, shift_of
from recourse.web.pages.timeline import TimelineEntry, timeline
from recourse.wording import texts
from recourse.wording.english import PHASES

TRIES = 10
_HOW = texts("how", "short")
WIDEST = 110  # columns, beyond which lines are hard to read
INTRODUCTION = """\
Recourse ends orders of a freelance marketplace: when somebody cancels, when
the two disagree, and when nobody answers. Below are {count} sample orders, one
for each way to end.

Each order is a durable workflow on a real Temporal server, with its money and
its record in a real PostgreSQL. Both run on this machine for as long as the
demo. The Temporal server skips the waiting, so 48 hours pass in a second. The
deadlines are real: each falls on its second, days or weeks ahead of today.

In each order a client has paid {paid} into escrow: the price of {price}
and a service fee of {fee}. What follows is the order's own record: when
(UTC), who, and what they did. Below it stands

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


def introduction() -> str:
    """What is about to be seen, on one screen."""
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
    return INTRODUCTION.format(count=len(known), paid=paid, price=price, fee=fee, one=one, brief=brief, keep=keep)


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
        document = exported(await self.engine.order(), await self.engine.record(), "operator")
        chapters = timeline(Export.model_validate(document).entries, "operator", self.story.terms.currency)
        for chapter in chapters[self._shown :]:
            self._screen.print(happened(chapter, self._screen))
        self._shown = len(chapters)


def happened(chapter: TimelineEntry, screen: Console) -> Text:
    """One entry of a record: when, who, and what came of it, with what somebody wrote."""
    who = "The clock" if chapter.party == "system" else chapter.who
    line = Text.assemble("  ", (write_instant(chapter.at).removesuffix(" UTC"), "cyan"), "  ", (f"{who:<14}  ", "bold"))
    said = Text(visible(" ".join([f"{chapter.headline}.", *chapter.details])), "yellow" if chapter.refused else "")
    for title, quote in chapter.quotes:
        said.append(f"{' ' + title + ':' if title else ''} “{visible(quote)}”", "italic")
    # A long text stays below itself.
    margin = line.cell_len
    lines = said.wrap(screen, max(30, min(screen.width, WIDEST) - margin))
    for part in lines:
        part.rstrip()
    return line.append_text(Text("\n" + " " * margin).join(lines))


def money_line(money: Balances, currency: str) -> str:
    """Where the money is, in one line with names."""
    shown = ((who, amount) for who, amount in money.parts.items() if who != "held" or amount)
    return " · ".join(f"{who} {write_amount(amount, currency)}" for who, amount in shown)


def length(lasted: timedelta) -> str:
    """A time in days and hours, or in minutes where it has none of these."""
    minutes = round(lasted.total_seconds() / 60)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", "" if days or hours else f"{minutes} min"]
    return " ".join(filter(None, parts))


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
    """Play these orders and show them on `screen`. Raises Difference where one did not go as its story says."""
    return [await _shown(staged, story, screen) for story in chosen]


async def _shown(staged: Stage, story: Story, screen: Console) -> Played:
    began = time.monotonic()
    engine = await _played(staged, story, screen)
    order, entries = await engine.order(), await engine.record()
    wrong = verify(exported(order, entries, "operator"))
    if wrong:
        raise Difference(("record",), "a record that verifies", wrong)
    terms, how = order.terms, f" {_HOW[order.resolution.how]}" if order.resolution else ""
    lasted = entries[-1].at - terms.ordered_at
    played = Played(story, terms.order_id, f"{PHASES[order.phase]}{how}", lasted, time.monotonic() - began)
    money = view(order, "operator", order.decided_at).money
    entered = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    for first, text in (
        ("money", money_line(money, terms.currency)),
        ("ended", f"{played.ending} · {length(lasted)} in {played.seconds:.1f} s · record of {entered} verified"),
    ):
        screen.print(Text.assemble((f"  {first}   ", "dim"), (text, "bold" if first == "money" else "green")))
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
