"""A chart as an SVG picture: a card for each box, with everything that leads out of it, and lines to where it leads."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from recourse.policies.chart import BOXES, OPEN, Chart, always_lines
from recourse.resolution.model.vocabulary import OPEN_PHASES

WIDTH, GAP, MARGIN = 290, 120, 30
LINE, TITLE, SPACE = 17, 30, 22
LETTERS = 46
"""So many letters of the small text fit on a card; of letters alone the width is not known without a font."""

_COLORS = {"phase": "#2f6690", "request": "#b26a00", "case": "#6a4c93", "end": "#3a7d44"}
_COLUMNS = ("phase", "request", "case", "end")
OPEN_TITLE = "While the order is open"


@dataclass(frozen=True)
class _Way:
    """What leads from a card to one other box, and where on the card it stands."""

    target: str
    labels: tuple[str, ...]
    at: int


@dataclass(frozen=True)
class _Card:
    name: str
    title: str
    x: int
    y: int
    ways: tuple[_Way, ...]

    @property
    def height(self) -> int:
        return TITLE + sum(_height(way.labels) for way in self.ways) + (8 if self.ways else 0)


def svg(drawn: Chart, title: str) -> str:
    """The chart as one SVG document, which needs nothing but a font without serifs."""
    cards = list(_laid_out(drawn))
    places = {card.name: card for card in cards}
    note = always_lines(drawn)
    wide = MARGIN + len(_COLUMNS) * (WIDTH + GAP)
    high = max(card.y + card.height for card in cards) + MARGIN + LINE * len(note)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 8}" font-size="20" font-weight="bold">{escape(title)}</text>',
        *_markers(),
        *(line for card in cards for way in card.ways for line in _line(card, way, places)),
        *(part for card in cards for part in _drawn(card, starts=drawn.starts)),
        *_texts(note, MARGIN, high - LINE * len(note), "#333333"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def kind(name: str) -> str:
    """The column, and the color, of a box."""
    if name == OPEN or name in OPEN_PHASES:
        return "phase"
    if name in ("canceled_held", "canceled", "completed") or name.startswith("undo"):
        return "end"
    return "case" if BOXES[name].startswith(("Case", "Ruled", "Appeal")) else "request"


def _laid_out(drawn: Chart) -> Iterator[_Card]:
    ways: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for (source, target), labels in drawn.pairs.items():
        ways.setdefault(source, []).append((target, tuple(_wrapped(labels))))
    for number, column in enumerate(_COLUMNS):
        x, y = MARGIN + number * (WIDTH + GAP), MARGIN + 30
        for name in (OPEN, *drawn.boxes):
            if kind(name) != column:
                continue
            card = _Card(name, BOXES.get(name, OPEN_TITLE), x, y, tuple(_placed(ways.get(name, ()), y + TITLE)))
            yield card
            y += card.height + SPACE


def _placed(ways: list[tuple[str, tuple[str, ...]]] | tuple[()], top: int) -> Iterator[_Way]:
    for target, labels in ways:
        yield _Way(target, labels, top + LINE)
        top += _height(labels)


def _height(labels: tuple[str, ...]) -> int:
    return LINE * (len(labels) + 1) + 6


def _wrapped(labels: list[str]) -> Iterator[str]:
    for label in labels:
        first, *more = textwrap.wrap(label, LETTERS)
        yield first
        yield from (f"\N{EM SPACE}{line}" for line in more)


def _drawn(card: _Card, starts: tuple[str, ...]) -> Iterator[str]:
    color = _COLORS[kind(card.name)]
    yield (
        f'<rect x="{card.x}" y="{card.y}" width="{WIDTH}" height="{card.height}" rx="6" fill="#ffffff" '
        f'stroke="{color}" stroke-width="{3 if card.name in starts else 1.5}"/>'
    )
    yield f'<path d="M{card.x} {card.y + TITLE} h{WIDTH}" stroke="{color}"/>' if card.ways else ""
    yield f'<text x="{card.x + 10}" y="{card.y + 20}" font-weight="bold" fill="{color}">{escape(card.title)}</text>'
    for way in card.ways:
        target = BOXES.get(way.target, "the order goes on")
        yield (
            f'<text x="{card.x + 10}" y="{way.at + 4}" font-size="12" font-weight="bold" '
            f'fill="{_COLORS[kind(way.target)]}">\N{RIGHTWARDS ARROW} {escape(target)}</text>'
        )
        yield from _texts(way.labels, card.x + 24, way.at + LINE + 4, "#222222")


def _texts(lines: list[str] | tuple[str, ...], x: int, y: int, color: str) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f'<text x="{x}" y="{y + number * LINE}" font-size="12" fill="{color}">{escape(line)}</text>'


def _markers() -> Iterator[str]:
    yield "<defs>"
    for name, color in _COLORS.items():
        yield (
            f'<marker id="to-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{color}"/></marker>'
        )
    yield "</defs>"


def _line(card: _Card, way: _Way, places: dict[str, _Card]) -> Iterator[str]:
    """From where it stands on the card to the title of the box that it leads to."""
    if way.target == OPEN:
        # So much leads back to an open order that lines would hide more than they show.
        return
    target = places[way.target]
    y, end = way.at, target.y + TITLE // 2
    if target.x > card.x:
        x, into, bend = card.x + WIDTH, target.x, GAP * 0.6
        path = f"M{x} {y} C{x + bend} {y} {into - bend} {end} {into - 1} {end}"
    elif target.x < card.x:
        x, into, bend = card.x, target.x + WIDTH, GAP * 0.6
        path = f"M{x} {y} C{x - bend} {y} {into + bend} {end} {into + 1} {end}"
    else:
        x = card.x + WIDTH
        path = f"M{x} {y} C{x + GAP * 0.4} {y} {x + GAP * 0.4} {end} {x + 1} {end}"
    name = kind(way.target)
    yield f'<path d="{path}" fill="none" stroke="{_COLORS[name]}" stroke-opacity="0.75" marker-end="url(#to-{name})"/>'
