"""Everything that the stories send to orders and hear from them is as the schemas say."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs
import pytest
from pydantic_core import to_jsonable_python

from recourse.activities.webhook import payload
from recourse.policies import PRESETS, load_policy
from recourse.resolution.model.fields import is_blank
from recourse.resolution.model.notice import NOTICES, NoticeData
from recourse.resolution.model.order import Opening, Order, read_state
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.refusals import CODES
from recourse.resolution.model.step import Step
from recourse.resolution.shown.views import view
from recourse.starter.simulate.engine import SALT, PureEngine
from recourse.starter.simulate.play import Play
from recourse.starter.simulate.story import read_story
from recourse.web.schemas import schemas
from tests.facts.lives import live
from tests.outcomes import code, repeated

STORIES = sorted((Path(__file__).resolve().parents[1] / "scenarios").glob("*.yaml"))
# What is refused for these was not written as the schemas say.
MISWRITTEN = {"malformed", "unknown_command", "role_not_allowed", "not_a_party"}


class Listening(PureEngine):
    """The rules alone; it keeps what was sent to it and what it answered."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(opening)
        self.heard: list[tuple[str, Any, Outcome]] = []

    async def send(self, pairs: Sequence[tuple[str, Any]]) -> list[Outcome] | None:
        outcomes = await super().send(pairs)
        self.heard += [(*pair, outcome) for pair, outcome in zip(pairs, outcomes or (), strict=bool(outcomes))]
        return outcomes


@cache
def played() -> list[Listening]:
    """Every story, played to its end."""

    async def play_all() -> list[Listening]:
        engines = []
        for story in map(read_story, STORIES):
            if story.only in (None, "pure"):
                engine = Listening(
                    Opening(terms=story.terms, policy=story.policy, record_salt=SALT, provider=story.provider)
                )
                await Play(story, engine).run()
                engines.append(engine)
        return engines

    return asyncio.run(play_all())


@cache
def steps() -> list[Step]:
    """The steps of every story, and of some lives that nobody wrote."""
    lives = (live(Random(seed), order_id=f"o-{seed}", moves=12).steps for seed in range(40))
    return [*itertools.chain.from_iterable(engine.steps for engine in played()), *itertools.chain.from_iterable(lives)]


def orders() -> Iterator[Order]:
    """The order as it is after each of these steps."""
    opening = None
    for step in steps():
        opening = step.opening or opening
        yield read_state({**step.order, "opening": opening})


def closed(node: Any) -> Any:
    """A schema that takes only what it names, also where readers should be ready for more."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    narrowed = {key: value if key == "examples" else closed(value) for key, value in node.items()}
    if "properties" in node and "type" in node:
        narrowed["additionalProperties"] = False
    if node.get("type") == "string" and "examples" in node and "pattern" not in node:
        narrowed["enum"] = node["examples"]
    return narrowed


def check(name: str, *, strictly: bool = True) -> Any:
    schema = schemas()[name]
    return jsonschema_rs.Draft202012Validator(closed(schema) if strictly else schema, validate_formats=True)


def misfits(validator: Any, said: Iterator[Any]) -> list[str]:
    """What does not fit, in the first few words."""
    plain = (json.loads(json.dumps(to_jsonable_python(message))) for message in said)
    return [f"{error.instance_path}: {error.message}"[:200] for one in plain for error in validator.iter_errors(one)][
        :5
    ]


def test_every_notice_is_as_described() -> None:
    told = [json.loads(payload(notice)) for step in steps() for notice in step.notices]
    assert misfits(check("notice"), iter(told)) == []
    assert misfits(check("notice", strictly=False), iter(told)) == []


def test_every_kind_of_notice_and_every_field_is_seen() -> None:
    told = [notice for step in steps() for notice in step.notices]
    assert {notice.name for notice in told} == set(NOTICES)
    seen = Counter(field for notice in told for field in notice.body.model_dump())
    # What a channel adds to the body, from what the database keeps of the order.
    added = {"to", "display", "page_url"}
    assert {*seen} | added == {field.alias or name for name, field in NoticeData.model_fields.items()}


def test_every_outcome_is_as_described() -> None:
    said = [step.answer.outcome for step in steps() if step.answer]
    assert misfits(check("outcome"), iter(said)) == []
    assert {outcome.status for outcome in said} == {"applied", "refused"}
    codes = {outcome.code for outcome in said if isinstance(outcome, Refused)}
    assert codes <= set(CODES)
    assert len(codes) > 30


def test_an_answer_that_is_repeated_or_comes_after_the_end_is_as_described() -> None:
    heard = [outcome for engine in played() for *_, outcome in engine.heard]
    assert misfits(check("outcome"), map(repeated, heard)) == []
    assert any(code(one) == "order_closed" and one.entry is None for one in heard)


def test_every_page_is_as_described() -> None:
    pages = (view(order, "operator", order.decided_at) for order in itertools.islice(orders(), 0, None, 7))
    assert misfits(check("page"), pages) == []


def test_every_command_that_can_be_read_is_as_described() -> None:
    sent = [(name, fields) for engine in played() for name, fields, outcome in engine.heard if readable(name, outcome)]
    for name in {name for name, _ in sent}:
        # An empty text counts as left out.
        fitting = (
            {key: said for key, said in fields.items() if not is_blank(said)} for other, fields in sent if other == name
        )
        assert misfits(check(f"commands/{name}", strictly=False), fitting) == [], name
    assert len({name for name, _ in sent}) == sum(name.startswith("commands/") for name in schemas())


def readable(name: str, outcome: Outcome) -> bool:
    return name not in ("order_again", "payment_event") and code(outcome) not in MISWRITTEN


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("request", {"kind": "refund"}),
        ("request", {}),
        ("request", {"kind": "cancel", "colour": "red"}),
        ("rule", {"outcome": "cancel", "amount": 1.5}),
        ("accept", {"actor": {"role": "operator", "id": "op-1"}}),
        ("message", {"comment": "x" * 10_001}),
    ],
)
def test_what_an_order_cannot_read_does_not_fit(command: str, wrong: Mapping[str, Any]) -> None:
    sound = {"actor": {"role": "operator" if command == "rule" else "client", "id": "c-1"}}
    assert misfits(check(f"commands/{command}", strictly=False), iter([{**sound, **wrong}])) != []


@pytest.mark.parametrize("name", PRESETS)
def test_what_an_order_starts_with_is_as_described(name: str) -> None:
    terms = read_story(STORIES[0]).terms
    whole = Opening(terms=terms, policy=load_policy(name), record_salt=SALT).model_dump(mode="json")
    assert misfits(check("start", strictly=False), iter([whole])) == []
    for field in ("terms", "policy", "record_salt"):
        assert misfits(check("start", strictly=False), iter([{**whole, field: None}])) != []
