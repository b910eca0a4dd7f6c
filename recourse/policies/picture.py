"""A chart as an SVG picture: a card for each box, with everything that leads out of it, and lines to where it leads."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from recourse.policies.chart import BOXES, OPEN, Chart, notes
from recourse.resolution.model.vocabulary import OPEN_PHASES

WIDTH, GAP, MARGIN = 300, 120, 30
LINE, TITLE, SPACE = 17, 30, 22
LANE = 12
"""Between two lines that run side by side."""
LETTERS = 46
"""So many letters of the small text fit on a card; of letters alone the width is not known without a font."""

LANES = (OPEN, "mediation", "review", "canceled_held", "canceled", "completed")
"""The boxes at which far lines end; each has its own lane across, above the cards."""
TOP = MARGIN + 34 + LANE * len(LANES)
"""Where the cards begin."""

_COLORS = {"phase": "#2f6690", "request": "#b26a00", "case": "#6a4c93", "end": "#3a7d44"}
_COLUMNS = ("phase", "request", "case", "end")
_LEGEND = {
    "phase": "the order is open",
    "request": "a party must answer a request",
    "case": "operators decide",
    "end": "closed, or about to be",
}
HOW_TO_READ = (
    "A card is a state. On it, in bold, is where an order can go from there, and below that what takes it there: what "
    "somebody does, or time that passes. Orders begin at a thick frame. “The order goes on” leads back to where it was."
)
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
    wide = MARGIN + len(_COLUMNS) * (WIDTH + GAP)
    below = max(card.y + card.height for card in cards) + MARGIN
    note = [line for text in (HOW_TO_READ, *notes(drawn)) for line in textwrap.wrap(text, 190)]
    high = below + LINE * (len(note) + 3)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 8}" font-size="20" font-weight="bold">{escape(title)}</text>',
        *_markers(),
        *(part for card in cards for part in _drawn(card, starts=drawn.starts)),
        *(line for card in cards for way in card.ways for line in _line(card, way, places)),
        *_legend(below),
        *_texts(note, MARGIN, below + 2 * LINE, "#333333"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend(y: int) -> Iterator[str]:
    x = MARGIN
    for name, means in _LEGEND.items():
        color = _COLORS[name]
        yield f'<path d="M{x} {y - 4} h24" stroke="{color}" stroke-width="1.5" marker-end="url(#to-{name})"/>'
        yield f'<text x="{x + 34}" y="{y}" font-size="12" fill="{color}">{escape(means)}</text>'
        x += WIDTH


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
        x, y = MARGIN + number * (WIDTH + GAP), TOP
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
    """From the way's place on the card to the title of its target; never over or under another card."""
    target = places[way.target]
    y, end = way.at, target.y + TITLE // 2
    columns = (target.x - card.x) // (WIDTH + GAP)
    if way.target in LANES and columns not in (0, 1):
        path = _across(card, way, target, end)
    elif columns > 0:
        x, into, bend = card.x + WIDTH, target.x, GAP * 0.6
        path = f"M{x} {y} C{x + bend} {y} {into - bend} {end} {into - 1} {end}"
    elif columns < 0:
        x, into, bend = card.x, target.x + WIDTH, GAP * 0.6
        path = f"M{x} {y} C{x - bend} {y} {into + bend} {end} {into + 1} {end}"
    else:
        x = card.x + WIDTH
        path = f"M{x} {y} C{x + GAP * 0.4} {y} {x + GAP * 0.4} {end} {x + 1} {end}"
    name = kind(way.target)
    yield f'<path d="{path}" fill="none" stroke="{_COLORS[name]}" stroke-opacity="0.75" marker-end="url(#to-{name})"/>'


def _across(card: _Card, way: _Way, target: _Card, end: int) -> str:
    """Out of the card, up between the columns, across above all cards, and down again. Lines to a box run together."""
    place = LANES.index(way.target)
    lane, aside = TOP - LANE * (place + 1), 16 + LANE * place
    if target.x > card.x:
        out, up, down, into = card.x + WIDTH, card.x + WIDTH + aside, target.x - aside, target.x - 1
    else:
        out, up, down, into = card.x, card.x - aside, target.x + WIDTH + aside, target.x + WIDTH + 1
    if abs(card.x - target.x) == WIDTH + GAP:
        return f"M{out} {way.at} H{down} V{end} H{into}"
    return f"M{out} {way.at} H{up} V{lane} H{down} V{end} H{into}"
