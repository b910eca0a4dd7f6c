"""What a campaign found: its verdicts, its figures, its seed; saved as JSON, told in one line."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPORTS = Path("reports")


def keep(name: str, text: str) -> Path:
    """Keep something to look at; returns where."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / name
    path.write_text(text, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Verdict:
    """One thing that was tried; `wrong` says what is not as promised, `evidence` what is needed to look closer."""

    what: str
    wrong: tuple[str, ...] = ()
    evidence: Any = None


@dataclass
class Report:
    """The verdicts of one campaign, as they come in."""

    campaign: str
    seed: int
    size: int
    verdicts: list[Verdict] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def judge(self, what: str, wrong: Sequence[str], evidence: Any = None) -> None:
        """Take in one verdict; evidence is kept of failures only."""
        self.verdicts.append(Verdict(what, tuple(wrong), evidence if wrong else None))

    def count(self, figure: str, more: int = 1) -> None:
        """Add to a figure."""
        self.figures[figure] = self.figures.get(figure, 0) + more

    def most(self, figure: str, seen: float) -> None:
        """Keep the largest value of a figure."""
        self.figures[figure] = max(self.figures.get(figure, seen), seen)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Take note of how many seconds a part takes."""
        started = time.monotonic()
        yield
        self.figures.setdefault("seconds", {})[part] = round(time.monotonic() - started, 1)

    @property
    def failed(self) -> list[Verdict]:
        """What was not as promised."""
        return [verdict for verdict in self.verdicts if verdict.wrong]

    @property
    def closing_line(self) -> str:
        """`N passed, N failed`."""
        return f"{len(self.verdicts) - len(self.failed)} passed, {len(self.failed)} failed"

    def document(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "campaign": self.campaign,
            "seed": self.seed,
            "size": self.size,
            "again": f"make {self.campaign} SIZE={self.size} SEED={self.seed}",
            "seconds": round(time.monotonic() - self.started, 1),
            "passed": len(self.verdicts) - len(self.failed),
            "failed": len(self.failed),
            "figures": self.figures,
            "failures": [
                {"what": verdict.what, "wrong": verdict.wrong, "evidence": verdict.evidence} for verdict in self.failed
            ],
        }

    def save(self, folder: Path = REPORTS) -> Path:
        """Write the report to `folder`; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.campaign}-{self.size}-{self.seed}.json"
        text = json.dumps(self.document(), indent=1, ensure_ascii=False, default=str)
        path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        return path
