"""Pictures of what was measured, as SVG: bars with their spread, and latencies by quantile."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from bench.findings import median, quantile

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2")
_FONT = "font-family='sans-serif' font-size='12'"
_WIDTH = 640


def bars(title: str, unit: str, measured: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """One bar for each contestant, stacked by program: medians, with a line from the least to the most."""
    most = max(sum(block.values()) for blocks in measured.values() for block in blocks)
    programs = list(dict.fromkeys(name for blocks in measured.values() for block in blocks for name in block))
    scale, drawn = (_WIDTH - 190) / most, []
    for row, (name, blocks) in enumerate(measured.items()):
        top, left = 60 + row * 34, 80.0
        drawn.append(_text(left - 8, top + 15, name, "end"))
        for program in programs:
            width = median([block.get(program, 0.0) for block in blocks]) * scale
            colour = COLOURS[programs.index(program) % len(COLOURS)]
            drawn.append(f"<rect x='{left:.1f}' y='{top}' width='{width:.1f}' height='22' fill='{colour}'/>")
            left += width
        sums = [sum(block.values()) for block in blocks]
        low, high = 80 + min(sums) * scale, 80 + max(sums) * scale
        drawn.append(_line(low, top + 11, high, top + 11))
        drawn += [_line(end, top + 6, end, top + 16) for end in (low, high)]
        drawn.append(_text(max(high, left) + 8, top + 15, f"{median(sums):.1f} {unit}"))
    return _picture(title, programs, drawn, 70 + len(measured) * 34)


def latencies(title: str, measured: Mapping[str, Sequence[float]]) -> str:
    """Milliseconds by quantile, from the median to the slowest in a thousand; both axes count in powers."""
    shares = [1 - 0.5 * 0.002 ** (step / 60) for step in range(61)]
    values = {name: [quantile(one, share) for share in shares] for name, one in measured.items()}
    low = math.log10(max(min(min(one) for one in values.values()), 0.1)) - 0.05
    high = math.log10(max(max(one) for one in values.values())) + 0.05
    left, right, top, bottom = 60.0, _WIDTH - 20.0, 50.0, 300.0
    drawn = []
    for share in (0.5, 0.9, 0.99, 0.999):
        x = left + (right - left) * math.log((1 - share) / 0.5) / math.log(0.002)
        drawn += [_line(x, top, x, bottom, "#ddd"), _text(x, bottom + 18, f"p{share * 100:g}", "middle")]
    for tick in _ticks(low, high):
        y = bottom - (bottom - top) * (math.log10(tick) - low) / (high - low)
        drawn += [_line(left, y, right, y, "#ddd"), _text(left - 6, y + 4, f"{tick:g} ms", "end")]
    for number, one in enumerate(values.values()):
        points = " ".join(
            f"{left + (right - left) * step / 60:.1f},"
            f"{bottom - (bottom - top) * (math.log10(max(value, 0.1)) - low) / (high - low):.1f}"
            for step, value in enumerate(one)
        )
        colour = COLOURS[number % len(COLOURS)]
        drawn.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>")
    return _picture(title, list(values), drawn, 330)


def _ticks(low: float, high: float) -> list[float]:
    every = [digit * 10.0**power for power in range(-1, 6) for digit in (1, 2, 5)]
    return [tick for tick in every if low <= math.log10(tick) <= high]


def _picture(title: str, legend: Sequence[str], drawn: Sequence[str], height: int) -> str:
    keys, left = [], 12
    for number, name in enumerate(legend):
        keys.append(f"<rect x='{left}' y='30' width='10' height='10' fill='{COLOURS[number % len(COLOURS)]}'/>")
        keys.append(_text(left + 14, 39, name))
        left += 30 + 7 * len(name)
    parts = [_text(12, 20, title, weight="bold"), *keys, *drawn]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{height}' {_FONT}>\n"
        f"<rect width='100%' height='100%' fill='white'/>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = "#333") -> str:
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}'/>"


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}'>{escape(text)}</text>"
