"""The dashboard, the alerts and their pages: nothing in them is about what is not there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import observing
from deploy.observing import ROOT, read_alerts
from recourse.cli.app import app
from tests.observing.conftest import Seen

DASHBOARD = json.loads((ROOT / "deploy" / "observability" / "dashboard.json").read_text(encoding="utf-8"))
PAGES = {
    f"docs/runbooks/{path.name}": path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs" / "runbooks").glob("*.md"))
}
LINKED = {f"../{path.name}" for path in (ROOT / "docs").glob("*.md")} | {page.rpartition("/")[2] for page in PAGES}
# About what people do, and nothing raises an alarm.
UNALARMED = {f"docs/runbooks/{name}.md" for name in ("charged-back", "temporal-lost", "temporal-moves")}
METRIC = re.compile(r"\b(?:recourse|temporal)_\w+")


def queries() -> Iterator[str]:
    """Everything that the dashboard and the alerts ask."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for rule in read_alerts():
        yield rule["expr"]


def test_every_metric_that_is_drawn_or_alarms_is_in_a_scrape_of_the_real_programs(seen: Seen) -> None:
    shown = set(re.findall(r"^(\w+)[ {]", seen.all, re.MULTILINE))
    asked = {name for query in queries() for name in METRIC.findall(query)}
    assert len(asked) > 15
    assert asked - shown == set()


def test_every_label_that_is_asked_for_is_one_that_the_metric_has(seen: Seen) -> None:
    for query in queries():
        for name, given in re.findall(r"\b((?:recourse|temporal)_\w+)\{([^}]*)\}", query):
            lines = re.findall(rf"^{name}\{{([^}}]*)\}}", seen.all, re.MULTILINE)
            for wanted in given.split(","):
                label = wanted.split("=")[0]
                assert any(re.search(rf'\b{label}="', line) for line in lines), (name, wanted)


def test_the_dashboard_can_be_read_by_grafana() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["type"] in ("row", "stat", "timeseries")
        assert panel["type"] == "row" or panel["targets"]
    [variable] = DASHBOARD["templating"]["list"]
    assert all(
        panel.get("datasource", {}).get("uid", "${datasource}") == f"${{{variable['name']}}}" for panel in panels
    )


def test_the_page_is_current() -> None:
    page = observing.OBSERVING.read_text(encoding="utf-8")
    assert page == observing.observing_page(page), "run `make docs`"


def test_each_alert_has_a_page_of_its_own_and_each_page_its_alert() -> None:
    rules = {rule["annotations"]["runbook"]: rule["alert"] for rule in read_alerts()}
    assert set(rules) == set(PAGES) - UNALARMED
    for page in PAGES:
        assert page in UNALARMED or PAGES[page].startswith(f"# {rules[page]}: ")
        for part in ("**For customers**", "**See**", "**Do**", "**Don't**"):
            assert PAGES[page].count(part) == 1, (page, part)


@pytest.mark.parametrize("page", PAGES)
async def test_what_a_page_tells_to_ask_can_be_asked(page: str, pool: Any) -> None:
    text = PAGES[page]
    for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL):
        for statement in block.split(";\n"):
            if statement.strip():
                await pool.fetch(statement)
    for command in re.findall(r"`recourse ([^`]+)`", text):
        words = command.replace("ORDER", "1001").split()
        if words not in (["serve"], ["worker"]):
            app.parse_args(words, exit_on_error=False, print_error=False)
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link in LINKED, link


def test_the_alerts_are_raised_when_they_should_be(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; Debian has it in the package `prometheus`")
    for arguments in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        checked = subprocess.run(
            [promtool, *arguments],
            cwd=ROOT / "deploy" / "observability",
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_test_in_which_it_is_raised() -> None:
    tests = (ROOT / "deploy" / "observability" / "alerts.test.yml").read_text(encoding="utf-8")
    raised = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", tests))
    assert raised == {rule["alert"] for rule in read_alerts()}
