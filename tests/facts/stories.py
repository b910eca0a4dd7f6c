"""Scenario files played by the rules alone: for tests that want a life they know."""

from pathlib import Path

from recourse.resolution.model.order import Opening
from recourse.starter.simulate.engine import SALT, PureEngine
from recourse.starter.simulate.play import Play
from recourse.starter.simulate.story import read_story
from tests.facts.lives import Life

SCENARIOS = Path(__file__).parents[1] / "scenarios"


NAMES = sorted(path.stem for path in SCENARIOS.glob("*.yaml"))


async def played(name: str, order_id: str = "story") -> Life:
    """The order of one scenario file, at the end of its story."""
    story = read_story(SCENARIOS / f"{name}.yaml")
    terms = story.terms.model_copy(update={"order_id": order_id})
    opening = Opening(terms=terms, policy=story.policy, record_salt=SALT, provider=story.provider)
    engine = PureEngine(opening)
    await Play(story, engine).run()
    return Life(opening, engine.rules, engine.steps)
