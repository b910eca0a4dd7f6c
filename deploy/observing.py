"""The parts of docs/observing.md that are read off the code and the alerts: `make docs` writes them."""

from pathlib import Path
from typing import Any

import yaml

from recourse.database.figures import FIGURES
from recourse.runtime.metrics import MEANINGS
from recourse.web import reported
from recourse.web.figures import ORPHANED, ORPHANED_MEANING, UP, UP_MEANING

ROOT = Path(__file__).resolve().parent.parent
OBSERVING = ROOT / "docs" / "observing.md"
ALERTS = ROOT / "deploy" / "observability" / "alerts.yml"


def read_alerts() -> list[dict[str, Any]]:
    """The rules of Prometheus, as written."""
    [group] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def _metrics(rows: dict[str, str]) -> str:
    lines = [f"| `{name}` | {meaning} |" for name, meaning in rows.items()]
    return "\n".join(["| Metric | Meaning |", "| --- | --- |", *lines])


def _alerts() -> str:
    lines = []
    for rule in read_alerts():
        page = rule["annotations"]["runbook"].removeprefix("docs/")
        lines.append(
            f"| [{rule['alert']}]({page}) | {rule['labels']['severity']} | `{rule['expr']}` for {rule['for']} |"
        )
    return "\n".join(["| Alert | Severity | Raised when |", "| --- | --- | --- |", *lines])


def observing_page(page: str) -> str:
    """The page with its tables as they are now."""
    tables = {
        "counts": _metrics(MEANINGS),
        "figures": _metrics(
            {
                UP: UP_MEANING,
                **{figure.name: figure.meaning for figure in FIGURES},
                ORPHANED: ORPHANED_MEANING,
                reported.NAME: reported.MEANING,
            }
        ),
        "alerts": _alerts(),
    }
    for name, table in tables.items():
        begin, end = f"<!-- {name}: written by `make docs` -->", f"<!-- end of {name} -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    return page


def main() -> None:
    """Write the page anew."""
    OBSERVING.write_text(observing_page(OBSERVING.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
