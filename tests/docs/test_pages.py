"""What the README and docs/ point to is there, and what they tell people to type can be typed."""

import re
from typing import Any

import pytest
from cyclopts import App

from recourse.cli.app import app
from tests.docs.pages import PAGES, ROOT, TARGETS, Page

FOR_MAINTAINERS = [page for page in PAGES if str(page).startswith(("CONTRIBUTING", "docs/decisions/", "docs/glossary"))]
TYPED = [(page, command) for page in PAGES for command in page.commands]
OURS = [(page, words[1:]) for page, words in TYPED if words[0] == "recourse"]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_and_picture_leads_somewhere(page: Page) -> None:
    for link in page.links:
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), link
        assert not anchor or anchor in Page(target).anchors, link


@pytest.mark.parametrize(("page", "words"), OURS, ids=lambda each: each if isinstance(each, str) else str(each)[:60])
def test_a_command_that_is_shown_is_taken_by_the_command_line(page: Page, words: list[str]) -> None:
    parsed: Any = app.parse_args(words, exit_on_error=False, print_error=False)
    assert callable(parsed[0])


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_command_that_is_named_exists(page: Page) -> None:
    for span in page.spans:
        if not span.startswith("recourse "):
            continue
        within: App = app
        for word in span.split()[1:]:
            if not re.fullmatch(r"[a-z-]+", word) or not subcommands(within):
                break
            assert word in subcommands(within), span
            within = within[word]


def subcommands(group: App) -> set[str]:
    """The names of the commands in a group; none of a command."""
    return {name for name in group if not name.startswith("-")}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_target_of_make_exists(page: Page) -> None:
    lines = [*page.spans, *(" ".join(words) for each, words in TYPED if each is page)]
    named = {found[1] for line in lines if (found := re.match(r"make ([a-z-]+)", line))}
    assert named <= TARGETS


@pytest.mark.parametrize("page", FOR_MAINTAINERS, ids=str)
def test_every_file_and_name_in_a_file_that_is_named_is_there(page: Page) -> None:
    """The form for a name in a file is "`name` in `file`"."""
    named = {span for span in page.spans if re.fullmatch(r"[\w.-]+(/[\w.-]*)+|\w+\.(py|toml|md)", span)}
    assert {file for file in named if not (ROOT / file).exists()} == set()
    for name, file in re.findall(r"`(?:\w+\.)?(\w+)`\s+in\s+`([\w./]+\.py)`", page.text):
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text(encoding="utf-8")), (name, file)


def test_all_kinds_of_commands_were_looked_at() -> None:
    kinds = {words[0] for _, words in OURS}
    assert {"order", "orders", "cases", "outbox", "policy", "record", "simulate", "stats", "token"} <= kinds
    assert len(OURS) > 40


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        links = [link.partition("#")[0] for link in Page(path).links]
        waiting += [(path.parent / link).resolve() for link in links if link.endswith(".md")]
    assert {str(page) for page in PAGES if page.path not in reached} == set()
