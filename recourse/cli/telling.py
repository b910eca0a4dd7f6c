"""An order's life as it happened: entry by entry, as the demonstration and `recourse simulate --show` print it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.money import Balances
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import Export
from recourse.resolution.shown.views import view
from recourse.web.pages.timeline import TimelineEntry, timeline
from recourse.wording import texts
from recourse.wording.english import PHASES

_HOW = texts("how", "short")
WIDEST = 110  # columns, beyond which lines are hard to read


def chapters_of(document: Mapping[str, Any], currency: str) -> Sequence[TimelineEntry]:
    """The entries of an operator's export, in words."""
    return timeline(Export.model_validate(document).entries, "operator", currency)


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


def ending_of(order: Order) -> str:
    """How the order stands at the end, such as `canceled by silence`."""
    return f"{PHASES[order.phase]}{f' {_HOW[order.resolution.how]}' if order.resolution else ''}"


def closing(money: str, ended: str) -> Iterator[Text]:
    """The two lines below the entries."""
    for first, text in (("money", money), ("ended", ended)):
        yield Text.assemble((f"  {first}   ", "dim"), (text, "bold" if first == "money" else "green"))


def told(order: Order, document: Mapping[str, Any], screen: Console) -> Iterator[Text]:
    """The whole life of an order, from the operator's export."""
    currency = order.terms.currency
    chapters = chapters_of(document, currency)
    for chapter in chapters:
        yield happened(chapter, screen)
    lasted = f" · {length(chapters[-1].at - order.terms.ordered_at)}" if chapters else ""
    money = money_line(view(order, "operator", order.decided_at).money, currency)
    yield from closing(money, f"{ending_of(order)}{lasted}")
