"""What a part of the benchmark found: goals with what was measured, a text for people, figures, pictures."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A ratio (or another figure that hardly depends on the machine) and what it should be; no goal: only reported.

    `measured` is None where it could not be measured, and then `why` says why not.
    """

    title: str
    measured: float | None
    sign: str = ""
    goal: float | None = None
    why: str = ""

    @property
    def met(self) -> str:
        """In one word."""
        if self.measured is None:
            return "not measured"
        if self.goal is None:
            return "reported"
        return "yes" if (self.measured >= self.goal if self.sign == "≥" else self.measured <= self.goal) else "no"

    def row(self) -> str:
        """One line of the table of goals."""
        measured = "-" if self.measured is None else f"{self.measured:.3g}"
        wanted = "-" if self.goal is None else f"{self.sign} {self.goal:g}"
        return f"| {self.title} | {measured} | {wanted} | {self.met} | {self.why} |"


@dataclass
class Findings:
    """One part's results. `pictures` are SVG by file name, `figures` go into the JSON as they are."""

    title: str
    goals: list[Goal] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile of measured values."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    return statistics.median(values)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]


def settings_table(settings: Mapping[str, object]) -> list[str]:
    """What a reader needs to judge the figures."""
    return [f"- {key}: {value}" for key, value in settings.items()]
