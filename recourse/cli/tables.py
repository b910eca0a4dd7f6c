"""Tables of the command line: fitted to a terminal, and lines with tabs for programs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from recourse.resolution.model.fields import visible

Cell = str | Text
_BETWEEN = 2  # blanks between two columns


class Column(NamedTuple):
    """A column: its name; whether its values stand to the right; whether it is left out where there is no room."""

    name: str
    right: bool = False
    extra: bool = False


class Listing:
    """Rows under named columns. A column is a text, or a `Column` where it is more than a name."""

    def __init__(self, columns: Iterable[str | Column], rows: Iterable[Sequence[Cell]], *, title: str = "") -> None:
        self.columns = [Column(one) if isinstance(one, str) else one for one in columns]
        self.rows = [[_text(cell) for cell in row] for row in rows]
        self.title = title

    def with_tabs(self) -> str:
        """A line of names and a line for each row, with a tab between two values."""
        lines = [[column.name for column in self.columns], *([cell.plain for cell in row] for row in self.rows)]
        return "".join("\t".join(" ".join(value.split()) for value in line) + "\n" for line in lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A table where no word breaks in it; otherwise each row as lines of its own."""
        if self.title:
            yield Text(self.title, "bold")
        shown = self._shown(options.max_width)
        widths = self._widths(shown, options.max_width)
        if widths is None:
            names = [column.name for column in self.columns]
            for row in self.rows:
                yield Padding(pairs(zip(names, row, strict=True)), (0, 0, 1, 0))
            return
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
        for number, width in zip(shown, widths, strict=True):
            column = self.columns[number]
            table.add_column(column.name, width=width, justify="right" if column.right else "left")
        for row in self.rows:
            table.add_row(*(row[number] for number in shown))
        yield table

    def _shown(self, room: int) -> list[int]:
        """The columns for which there is room."""
        shown = list(range(len(self.columns)))
        for number in reversed(shown):
            if self.columns[number].extra and sum(self._most(shown)) + _BETWEEN * (len(shown) - 1) > room:
                shown = [one for one in shown if one != number]
        return shown

    def _widths(self, shown: Sequence[int], room: int) -> list[int] | None:
        """How wide each column is; None where a word would break."""
        least, most = self._least(shown), self._most(shown)
        left = room - sum(least) - _BETWEEN * (len(shown) - 1)
        if left < 0:
            return None
        # The columns that need little get it first; the others share what remains.
        widths, order = list(least), sorted(range(len(shown)), key=lambda at: most[at] - least[at])
        for done, at in enumerate(order):
            more = min(most[at] - least[at], left // (len(order) - done))
            widths[at], left = least[at] + more, left - more
        return widths

    def _most(self, shown: Sequence[int]) -> list[int]:
        return [max(_wide(line) for text in self._column(at) for line in text.split("\n")) for at in shown]

    def _least(self, shown: Sequence[int]) -> list[int]:
        whole = self._most(shown)
        words = [max(_wide(word) for text in self._column(at) for word in text.split() or [""]) for at in shown]
        # A number stays on one line.
        return [
            all_of_it if self.columns[at].right else word
            for at, all_of_it, word in zip(shown, whole, words, strict=True)
        ]

    def _column(self, number: int) -> list[str]:
        return [self.columns[number].name, *(row[number].plain for row in self.rows)]


def pairs(lines: Iterable[tuple[str, Cell]]) -> Table:
    """Names and values in two columns, without lines."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    for name, value in lines:
        table.add_row(name, value if isinstance(value, Text) else Text(visible(value, lines=True)))
    return table


def toned(text: str, style: str) -> Text:
    """A cell with a colour, which only underlines what its words say."""
    return Text(visible(text), style)


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(visible(cell))


def _wide(text: str) -> int:
    return Text(text).cell_len
