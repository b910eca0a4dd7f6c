"""Playing the demonstration's orders and telling what happens to them, as it happens."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from recourse.cli.pages import money_table, words
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import verify
from recourse.resolution.model.step import Notice, RecordEntry
from recourse.resolution.shown.views import view
from recourse.starter.simulate.engine import exported
from recourse.starter.simulate.play import READERS, Play
from recourse.starter.simulate.story import Story, StoryStep, read_story
from recourse.starter.simulate.temporal import Stage, TemporalEngine, TooSlow, shift_of

LONG = timedelta(hours=1)  # time that passes unmentioned
TRIES = 10


def stories() -> list[Story]:
    """The orders of the demonstration, in the order in which they are shown."""
    folder = Path(str(files("recourse.cli.demo") / "stories"))
    return [read_story(path) for path in sorted(folder.glob("*.yaml"))]


class ToldPlay(Play):
    """A story that is told while it is played. What is told is the order's own record, entry by entry."""

    def __init__(self, story: Story, engine: TemporalEngine, shift: timedelta, screen: Console) -> None:
        super().__init__(story, engine, shift=shift)
        self._screen = screen
        self._told_entries = 0
        self._last = story.terms.ordered_at

    async def _step(self, step: StoryStep) -> None:
        if step.at - self._last >= LONG:
            self._screen.print(Text(f"      … {_length(step.at - self._last)} pass", style="dim"))
        self._last = step.at
        await super()._step(step)
        entries = await self.engine.record()
        currency = self.story.terms.currency
        for entry in entries[self._told_entries :]:
            self._screen.print(happened(entry, currency, self.shift))
        self._told_entries = len(entries)


def _length(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(part for part in parts if part)


def happened(entry: RecordEntry, currency: str, shift: timedelta = timedelta(0)) -> Text:
    """One entry of a record as one line: when, who, what, and what came of it."""
    content = entry.content
    actor = content.get("actor") or {"role": "somebody"}
    fields = content.get("fields", {})
    said = ", ".join(_said(key, value, currency) for key, value in fields.items() if key != "attestations")
    line = Text.assemble(
        (f"  {entry.number:>2}  ", "dim"),
        (f"{write_instant(entry.at - shift)}  ", "cyan"),
        ("by the clock" if actor["role"] == "system" else actor["role"], "bold"),
        f": {words(content['command'])}",
        f" ({said})" if said else "",
    )
    if content["outcome"] == "refused":
        return line.append(f"  → refused: {content['code']}", style="red")
    events = [_event(event) for event in content["events"]]
    style = "green" if content["to"] != content["from"] else ""
    return line.append(f"  → {', '.join(events)}" if events else "", style=style)


def _event(event: Mapping[str, Any]) -> str:
    return f"request {event['status']}" if event["event"] == "request_ended" else words(event["event"])


def _said(key: str, value: Any, currency: str) -> str:
    if key == "amount" and isinstance(value, int):
        return write_amount(value, currency)
    return f"“{value}”" if key in ("comment", "explanation") else words(value)


def ending(order: Order, notices: Sequence[Notice], entries: Sequence[RecordEntry], at: datetime) -> Group:
    """Where an order has ended: how, the money to the cent, the record, and what each was told."""
    page = view(order, "operator", at)
    how = f" · {words(order.resolution.how)}" if order.resolution else ""
    wrong = verify(exported(order, entries, "operator"))
    recorded = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
    told = Table.grid(padding=(0, 2))
    for reader in READERS:
        names = [words(notice.name) for notice in notices if notice.to == reader]
        told.add_row(f"      told {reader}", Text(", ".join(names) or "nothing", style="dim"))
    terms = order.terms
    return Group(
        Text(f"      {words(order.phase)}{how}, settlement {order.settlement}", style="bold"),
        money_table(page["money"], terms.currency, terms.price + terms.service_fee),
        Text(f"      record: {recorded}, {'broken: ' + wrong[0] if wrong else 'its chain verifies'}"),
        told,
    )


async def show(staged: Stage, screen: Console) -> list[str]:
    """Play every order of the demonstration; returns the ids of the orders."""
    shown = []
    for story in stories():
        screen.print()
        screen.print(Rule(f"{story.title}", align="left"))
        screen.print(Text(f"      policy {story.policy.name}, price {_price(story)}", style="dim"))
        began = time.monotonic()
        engine = await _play(story, staged, screen)
        order, entries = await engine.order(), await engine.record()
        screen.print(ending(order, await engine.notices(), entries, order.decided_at))
        passed = story.steps[-1].at - story.terms.ordered_at
        screen.print(Text(f"      {_length(passed)} in {time.monotonic() - began:.1f} s", style="dim"))
        shown.append(order.terms.order_id)
    return shown


async def _play(story: Story, staged: Stage, screen: Console) -> TemporalEngine:
    for attempt in range(1, TRIES + 1):
        shift = shift_of(story, datetime.now(UTC))
        engine = TemporalEngine(staged, story, shift)
        try:
            await engine.start()
            await ToldPlay(story, engine, shift, screen).run()
        except TooSlow as slow:
            if attempt == TRIES:
                raise
            screen.print(Text(f"      this machine was busy ({slow}); once more from the start", style="yellow"))
        else:
            return engine
    raise AssertionError("unreachable")


def _price(story: Story) -> str:
    terms = story.terms
    return f"{write_amount(terms.price, terms.currency)} + fee {write_amount(terms.service_fee, terms.currency)}"
