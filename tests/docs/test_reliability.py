"""Every promise of docs/reliability.md names a test or campaign that is there and could break it."""

import re

import pytest

from tests.docs.pages import ROOT, TARGETS

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, line by line."""
    section = PAGE.split(heading, 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


PROMISES = rows("# What is promised")


@pytest.mark.parametrize("promise", PROMISES, ids=lambda row: row[0][:50])
def test_a_promise_names_what_could_break_it(promise: list[str]) -> None:
    named = re.findall(r"`(tests/[^`]*|make [a-z-]+)`", promise[1])
    assert named, promise[0]
    for name in named:
        assert name.removeprefix("make ") in TARGETS if name.startswith("make ") else (ROOT / name).exists(), name


def test_every_campaign_has_its_figures() -> None:
    campaigns = {"races", "faults", "fuzz", "soak", "followers", "mutants"}
    assert campaigns <= TARGETS
    assert {row[0] for row in rows("## Figures")} == campaigns
