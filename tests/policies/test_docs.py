"""The guide to policies, done step by step: every file that it shows is written, every command run and compared."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from recourse.policies import load_policy
from recourse.policies.files import read_file
from recourse.policies.keys import KEYS, dotted, written
from recourse.policies.linting import lint
from recourse.resolution.model.order import Opening
from recourse.starter.simulate.engine import SALT, PureEngine
from recourse.starter.simulate.play import Play
from recourse.starter.simulate.story import read_story

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "policies.md"
EXAMPLES = ROOT / "docs" / "examples"
PRESETS = ROOT / "recourse" / "policies"
SCENARIOS = ROOT / "tests" / "scenarios"
EXAMPLE = EXAMPLES / "another_marketplace.toml"


def blocks() -> list[tuple[str, str]]:
    """The code blocks of the guide, in order: language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it prints."""
    return [(command, output) for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)]


def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    done: list[str] = []
    for language, text in blocks():
        if language in ("toml", "yaml"):
            name = text.partition("\n")[0].removeprefix("# ")
            (tmp_path / name).write_text(text)
            continue
        for command, output in commands(text):
            done.append(" ".join(command.split()[1:3]))
            run = subprocess.run(
                f"{Path(sys.executable).parent}/{command}",
                shell=True,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert run.stderr == ""
            assert run.stdout == output or not output
            assert run.returncode == (1 if " error" in output and "0 errors" not in output else 0)
    assert {f"policy {name}" for name in ("list", "show", "lint", "diff", "diagram")} <= set(done)
    assert "simulate my_shop.yaml" in done
    assert (tmp_path / "my_shop.svg").read_text().startswith("<svg")
    assert (tmp_path / "my_shop.mmd").read_text().startswith("---\ntitle: An order under the policy my_shop")
    assert load_policy(tmp_path / "whole.toml") == load_policy("resolution_center")


def test_the_guide_shows_the_whole_of_the_policy_that_it_recommends() -> None:
    written = (PRESETS / "fair.toml").read_text(encoding="utf-8")
    assert ("toml", written) in blocks()


async def test_the_story_of_the_guide_goes_as_told(tmp_path: Path) -> None:
    for language, text in blocks():
        if language in ("toml", "yaml"):
            (tmp_path / text.partition("\n")[0].removeprefix("# ")).write_text(text)
    await play(tmp_path / "my_shop.yaml")


async def play(path: Path, policy: Path | None = None) -> None:
    story = read_story(path)
    chosen = load_policy(policy) if policy else story.policy
    opening = Opening(terms=story.terms, policy=chosen, record_salt=SALT, provider=story.provider)
    await Play(story, PureEngine(opening)).run()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
async def test_the_stories_of_the_example_go_as_told(path: Path) -> None:
    await play(path)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("s111*.yaml")), ids=lambda path: path.stem)
async def test_the_example_from_scratch_is_the_contracts_other_marketplace(path: Path) -> None:
    await play(path, EXAMPLE)


def test_the_example_says_in_one_file_what_the_contract_says_by_changing_a_preset() -> None:
    changed = written(read_story(SCENARIOS / "s111a-another-marketplace-silence-cancels.yaml").policy)
    scratch = written(load_policy(EXAMPLE))
    different = {dotted(key) for key in KEYS if changed[key] != scratch[key]}
    # Nobody can escalate there, so whether that needs a dialogue is of no matter.
    assert different == {"name", "cases.dialogue_required"}


def test_the_example_has_no_errors_and_the_warnings_that_silence_asks_for() -> None:
    assert {finding.rule for finding in lint(read_file(EXAMPLE))[1]} == {"silence-unearned", "silence-taken-back"}
