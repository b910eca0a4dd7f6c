"""Stories of parties who want to cheat: what is mended, and what the contract itself allows (their first lines say)."""

from pathlib import Path

import pytest

from recourse.resolution.model.order import Opening
from recourse.starter.simulate.engine import SALT, PureEngine
from recourse.starter.simulate.play import Differs, Play
from recourse.starter.simulate.story import read_story

STORIES = sorted((Path(__file__).parent.parent / "scenarios_cheating").glob("*.yaml"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
async def test_a_story_ends_as_it_says(path: Path) -> None:
    story = read_story(path)
    engine = PureEngine(Opening(terms=story.terms, policy=story.policy, record_salt=SALT, provider=story.provider))

    try:
        await Play(story, engine).run()
    except Differs as found:
        first = found.differences[0]
        pytest.fail(f"{path.name}:{story.line(*first.where)}: {first.expected} is not {first.actual}")


def test_there_are_some() -> None:
    assert STORIES
