"""Every scenario file passes on both engines, which agree in every expected field."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from docs import story_keys
from recourse.cli.demo.show import stories as demonstration
from recourse.cli.simulate import simulate
from recourse.starter.simulate import run
from recourse.starter.simulate.run import closing_line, play
from recourse.starter.simulate.story import EngineName, StoryError, stories_in
from recourse.starter.simulate.story_keys import story_schema

TESTS = Path(__file__).resolve().parent.parent
OURS = TESTS / "scenarios"
FOLDERS = [folder for folder in (OURS, TESTS / "scenarios_cheating", TESTS / "scenarios_fair") if folder.is_dir()]
SHARED = TESTS.parent.parent / "shared"
CONTRACT, SECOND = SHARED / "scenarios", SHARED / "scenarios-2"
# The wording of the second folder counts.


@pytest.mark.skipif(not SECOND.is_dir(), reason="the contract's own folders are not beside this checkout")
def test_our_copy_of_the_contract_is_the_contract() -> None:
    ours = {path.name: path.read_text() for path in OURS.iterdir()}
    assert ours == {path.name: path.read_text() for path in (*CONTRACT.iterdir(), *SECOND.iterdir())}


@pytest.mark.parametrize("engines", [("pure",), ("temporal",)], ids=["pure", "temporal"])
async def test_every_story_passes(engines: tuple[EngineName, ...]) -> None:
    paths = stories_in(FOLDERS)
    results = [result async for result in play([*paths, *(story.path for story in demonstration())], engines)]
    assert [result.sentence for result in results if result.outcome != "ok"] == []
    assert len(results) > 200
    assert closing_line(results) == f"{len(results)} passed, 0 failed, 0 not expressible"


STORY = """id: T1
title: A test
policy: resolution_center
steps:
- at: 2025-03-04T10:00:00Z
  by: client
  do: request
  with: {kind: cancel}
  expect: {phase: in_progress}
"""


@asynccontextmanager
async def written(folder: Path, text: str) -> AsyncIterator[run.Result]:
    path = folder / "story.yaml"
    path.write_text(text)
    async for result in play([path], ["pure"]):
        yield result


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("phase: in_progress", "phase: delivered"), 9, "expected 'delivered', actual 'in_progress'"),
        (("phase: in_progress", "colour: red"), 9, "(no such key)"),
        (("do: request", "do: request\n  refused: request_open"), 8, "expected 'request_open', actual 'applied'"),
        (("by: client", "by: stranger"), 7, "expected 'applied', actual 'not_a_party'"),
        (("expect:", "expects:"), 9, "unknown key `expects`"),
        (("title: A test", "titel: A test"), 2, "unknown key `titel`"),
        (("2025-03-04T10:00:00Z", "yesterday"), 5, "`at` must be an instant"),
        (("2025-03-04T10:00:00Z", "0001-01-01T00:00:00+01:00"), 5, "outside of the years 1 to 9999"),
        (("2025-03-04T10", "2024-03-04T10"), 5, "the order is placed only at"),
        (("policy: resolution_center", "policy: nobody"), 3, "no such preset and no readable file"),
        (("steps:", "order: {currency: UDS}\nsteps:"), 4, "'UDS' is not a currency that ISO 4217 has today"),
        (("steps:", "order: {ordered_at: 1700000000}\nsteps:"), 4, "an instant is a text"),
        (("by: client", "by: judge"), 6, "`judge` is nobody"),
        (("id: T1", "id: [T1"), 2, "cannot be read"),
    ],
)
async def test_a_difference_or_mistake_is_named_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, says: str
) -> None:
    async with written(tmp_path, STORY.replace(*change)) as result:
        assert result.outcome == "FAILED"
        assert result.line == line
        assert says in result.sentence


async def test_money_that_is_not_where_the_story_says_fails_it(tmp_path: Path) -> None:
    text = STORY.replace("{phase: in_progress}", "{money: {held: 10549}}")
    async with written(tmp_path, text) as result:
        assert (result.expected, result.actual) == (10549, 10550)


def test_a_folder_without_stories_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StoryError, match=r"no \.yaml files in this folder"):
        stories_in([tmp_path])


async def test_instants_may_be_texts_as_programs_write_them(tmp_path: Path) -> None:
    at = "2025-03-04T10:00:00Z"
    asked = STORY.replace(at, f'"{at}"').replace(
        "{phase: in_progress}", '{request: {answer_due_at: "2025-03-06T10:00:00Z", comment: null}}'
    )
    async with written(tmp_path, asked) as result:
        assert result.outcome == "ok"
    async with written(tmp_path, asked.replace("06T10:00:00Z", "06T10:00:01Z")) as result:
        assert result.outcome == "FAILED"


async def test_a_story_for_one_engine_is_not_played_on_the_other(tmp_path: Path) -> None:
    shutil.copy(OURS / "s01-client-request-accepted.yaml", tmp_path / "one.yaml")
    path = tmp_path / "one.yaml"
    path.write_text(path.read_text().replace("steps:", "only: temporal\nsteps:"))
    assert [result async for result in play([path], ["pure"])] == []


async def test_everything_that_differs_is_named_not_only_the_first(tmp_path: Path) -> None:
    text = STORY.replace("{phase: in_progress}", "{phase: delivered, turn: {who: client}, price: 10000}")
    text += "- at: 2025-03-05T10:00:00Z\n  by: freelancer\n  do: accept\n  refused: expired\n"
    async with written(tmp_path, text) as result:
        assert [(one["line"], one["key"]) for one in result.differences] == [
            (9, "steps.0.expect.phase"),
            (9, "steps.0.expect.turn.who"),
            (13, "steps.1.refused"),
        ]
        assert all(f":{one['line']}: {one['key']}: expected" in result.sentence for one in result.differences)
        assert result.as_json()["expected"] == "delivered"


async def test_a_story_is_shown_as_it_happens_and_a_failing_one_always(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(STORY)
    assert await simulate([path]) == 0
    assert "The client" not in capsys.readouterr().out
    assert await simulate([path], show=True) == 0
    shown = capsys.readouterr().out
    assert "Tue 2025-03-04 10:00  The client" in shown
    assert "held 105.50 USD" in shown
    assert "ended   in progress" in shown
    path.write_text(STORY.replace("phase: in_progress", "phase: delivered"))
    assert await simulate([path]) == 1
    assert "Tue 2025-03-04 10:00  The client" in capsys.readouterr().out


def test_the_page_of_all_keys_is_what_the_reader_takes() -> None:
    assert story_keys.PAGE.read_text(encoding="utf-8") == story_keys.page(), "run `make docs`"


def test_every_story_fits_the_schema_for_editors_which_refuses_mistakes(tmp_path: Path) -> None:
    fits = jsonschema_rs.validator_for(story_schema())
    for path in stories_in(FOLDERS):
        assert list(fits.iter_errors(as_json(path.read_text()))) == [], path
    for change in (("expect:", "expects:"), ("steps:", "order: {prize: 1}\nsteps:"), ("by: client", "by: judge")):
        assert list(fits.iter_errors(as_json(STORY.replace(*change)))), change


def as_json(story: str) -> Any:
    """A story as an editor checks it, with instants as texts."""
    return json.loads(json.dumps(yaml.safe_load(story), default=str))
