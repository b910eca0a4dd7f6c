"""A policy drawn: nothing that orders do is missing, nothing is drawn that they do not, and all of it can be read."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from syrupy.assertion import SnapshotAssertion

from recourse.policies import PRESETS, load_policy
from recourse.policies.arrow_words import arrow_words
from recourse.policies.chart import BOXES, OPEN, Chart, box, chart
from recourse.policies.mermaid import mermaid
from recourse.policies.picture import LETTERS, svg
from recourse.policies.state_graph import Move, explore
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.step import Step
from recourse.resolution.model.vocabulary import OPEN_PHASES
from recourse.starter.simulate.engine import SALT, PureEngine
from recourse.starter.simulate.play import Play
from recourse.starter.simulate.story import read_story

STORIES = sorted(
    path
    for folder in ("scenarios", "scenarios_fair")
    for path in (Path(__file__).parent.parent / folder).glob("*.yaml")
)
SVG = "{http://www.w3.org/2000/svg}"
# Undo, appeal, review and every kind of request: each box that there is.
EVERYTHING = {
    "undo.by": ["client"],
    "undo.window": "2h",
    "undo.consent": True,
    "requests.kinds": ["cancel", "extension", "update", "partial_refund", "extra"],
    "order.regret_window": "30m",
    "requests.cancel.without_approval.client": ["regret_window"],
    "cases.appeal_window": "3d",
    "cases.after_completion": "7d",
}


@cache
def drawn(name: str) -> Chart:
    return chart(explore(load_policy(name)))


@cache
def everything() -> Chart:
    return chart(explore(load_policy("upwork", EVERYTHING)))


def words(step: Step, before: Order, after: Order) -> str:
    """What a chart calls what happened in a step of a real order."""
    assert step.entry
    content = step.entry.content
    role, name = content["actor"]["role"], content["command"]
    command = (
        COMMANDS[name].model_validate({"actor": content["actor"], **content["fields"]}) if name in COMMANDS else None
    )
    by: Any = "time" if role == "system" else role
    move = Move(by, name, command, 0, 0, after, (), step.at)
    return arrow_words(before.policy, move, before).format(who=role)


def leads(to_draw: Chart, before: Order, target: str, said: str) -> bool:
    """Whether the chart has an arrow for what happened to the order, in these words, in this phase."""
    source, phase = box(before), before.phase
    sources = {source, OPEN} if source in OPEN_PHASES else {source}
    if target in OPEN_PHASES and source not in OPEN_PHASES:
        target = OPEN
    # What ends an order out of a phase, also while a request or a case is open, is drawn once, at the phase.
    always = {phase, OPEN} if to_draw.always and target in ("canceled", "completed") else set()
    of_either = re.sub("^(client|freelancer)", "either party", said)
    return any(
        arrow.source in sources | always
        and arrow.target == target
        and arrow.words in (said, of_either)
        and (not arrow.phases or phase in arrow.phases)
        for arrow in to_draw.arrows
    )


def story_of_a_preset(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return "policy_changes" not in text and "only: temporal" not in text


@pytest.mark.parametrize("name", PRESETS)
async def test_whatever_happens_in_a_story_is_an_arrow_of_its_policys_chart(name: str) -> None:
    stories = [read_story(path) for path in STORIES if story_of_a_preset(path)]
    seen = 0
    for story in (story for story in stories if story.policy.name == name):
        engine = PureEngine(Opening(terms=story.terms, policy=story.policy, record_salt=SALT, provider=story.provider))
        await Play(story, engine).run()
        opening = engine.steps[0].opening
        steps = [(step, Order.model_validate({**step.order, "opening": opening})) for step in engine.steps]
        for (_, before), (step, after) in pairwise(steps):
            # What is possible almost everywhere is not drawn: a case that an operator opens, a chargeback.
            by_operator = after.case is not None and after.case.opened_by == "operator"
            if box(before) != box(after) and not by_operator and not after.charged_back:
                seen += 1
                said = words(step, before, after)
                assert leads(drawn(name), before, box(after), said), (story.id, box(before), box(after), said)
    assert seen > 5


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_drawn_as_it_was(name: str, snapshot: SnapshotAssertion) -> None:
    assert mermaid(drawn(name), name) == snapshot


def silences_of_the_freelancer(changes: dict[str, str]) -> list[tuple[str, str]]:
    arrows = chart(explore(load_policy("resolution_center", changes))).arrows
    of_silence = [arrow for arrow in arrows if arrow.source == "cancel_freelancer" and "of silence" in arrow.label]
    return [(arrow.target, arrow.label) for arrow in of_silence]


def test_what_a_key_changes_is_drawn_otherwise() -> None:
    assert silences_of_the_freelancer({}) == [
        ("mediation", "48h of silence (delivered, in revision)"),
        ("canceled", "48h of silence (waiting for requirements, in progress)"),
    ]
    changes = {"requests.cancel.silence.freelancer_asked": "lapse", "requests.cancel.window.freelancer_asked": "5d"}
    assert silences_of_the_freelancer(changes) == [
        (OPEN, "5d of silence (waiting for requirements, in progress)"),
        ("mediation", "5d of silence (delivered, in revision)"),
    ]


def test_a_right_to_cancel_alone_is_drawn_where_it_holds() -> None:
    arrows = {(arrow.source, arrow.target, arrow.label) for arrow in drawn("resolution_center").arrows}
    assert ("in_progress", "canceled", "client cancels alone, very late") in arrows
    assert ("waiting_requirements", "canceled", "client cancels alone") in arrows
    assert "client cancels alone, very late (in progress)" in drawn("resolution_center").always


def test_completion_is_the_end_also_where_a_case_may_come_after_it() -> None:
    late = drawn("fair")
    assert "completed" in late.ends
    assert {arrow.target for arrow in late.arrows if arrow.source == "late_case"} == {"completed"}


def test_only_boxes_that_orders_come_through_are_drawn() -> None:
    assert "canceled_held" not in drawn("resolution_center").boxes
    assert set(everything().boxes) == set(BOXES) - {"review", "undo_client"}


def labels(to_draw: Chart) -> Iterator[str]:
    yield from (arrow.label for arrow in to_draw.arrows)
    yield from to_draw.always


def test_the_mermaid_text_holds_every_box_and_every_arrow_and_no_colon_inside_a_label() -> None:
    text = mermaid(everything(), "everything: all of it")
    for label in labels(everything()):
        assert label in text
    for name in everything().boxes:
        assert re.search(rf'state "[^":]+" as {name}\n', text)
    arrows = [line for line in text.splitlines() if "-->" in line]
    assert all(re.fullmatch(r"\s*(\[\*\]|\w+) --> (\[\*\]|\w+)( : [^:;\"]+)?", line) for line in arrows)
    assert len(arrows) == len(everything().pairs) + 2 + 2


def test_the_picture_holds_every_box_and_every_arrow() -> None:
    root = ElementTree.fromstring(svg(everything(), "a < b & c"))
    lines = [(element.text or "").strip() for element in root.iter(f"{SVG}text")]
    assert lines[0] == "a < b & c"
    said = " ".join(lines)
    for label in labels(everything()):
        assert label in said
    for name in everything().boxes:
        assert BOXES[name] in lines


def test_the_cards_of_the_picture_lie_apart_and_their_texts_inside_them() -> None:
    root = ElementTree.fromstring(svg(everything(), "everything"))
    paper, *cards = [
        tuple(float(rect.get(name, 0)) for name in ("x", "y", "width", "height")) for rect in root.iter(f"{SVG}rect")
    ]
    assert len(cards) == len(everything().boxes) + 1
    for one, other in combinations(cards, 2):
        apart = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
        assert apart or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
    for x, y, width, height in cards:
        assert x >= 0
        assert y >= 0
        assert x + width <= paper[2]
        assert y + height <= paper[3]
    legend = max(y + height for _, y, _, height in cards)
    for text in root.iter(f"{SVG}text"):
        x, y = float(text.get("x", 0)), float(text.get("y", 0))
        inside = [card for card in cards if card[0] < x < card[0] + card[2] and card[1] < y < card[1] + card[3]]
        if x > 30 and y < legend:
            assert len(inside) == 1
            assert len(text.text or "") <= LETTERS + 2


def test_two_drawings_of_the_same_policy_are_the_same() -> None:
    again = chart(explore(load_policy("glimmer")))
    assert again == drawn("glimmer")
    assert svg(again, "x") == svg(drawn("glimmer"), "x")


def points(path: str) -> Iterator[tuple[float, float]]:
    """The points of a path that goes straight, or the outermost of a curve."""
    x = y = 0.0
    for letter, numbers in re.findall(r"([MHVC])([^MHVC]*)", path):
        given = [float(number) for number in numbers.split()]
        if letter == "H":
            x = given[0]
        elif letter == "V":
            y = given[0]
        else:
            *_, x, y = given
        yield x, y


@pytest.mark.parametrize("name", [*PRESETS, "everything"])
def test_no_line_of_the_picture_runs_over_or_under_a_card(name: str) -> None:
    to_draw = everything() if name == "everything" else drawn(name)
    root = ElementTree.fromstring(svg(to_draw, name))
    _, *cards = [tuple(float(r.get(key, 0)) for key in ("x", "y", "width", "height")) for r in root.iter(f"{SVG}rect")]
    lines = [path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    assert len(lines) == len(to_draw.pairs)
    for line in lines:
        for (x, y), (to_x, to_y) in pairwise(points(line)):
            for left, top, width, height in cards:
                across = min(x, to_x) < left + width and max(x, to_x) > left
                assert not (across and min(y, to_y) < top + height and max(y, to_y) > top), line


def test_the_picture_says_how_to_read_it() -> None:
    said = " ".join((text.text or "") for text in ElementTree.fromstring(svg(drawn("glimmer"), "x")).iter(f"{SVG}text"))
    for words in ("A card is a state.", "the order is open", "a party must answer a request", "operators decide"):
        assert words in said
    assert "an operator opens a case, or holds the order for a while" in said


def test_weekends_and_holidays_are_written_next_to_it() -> None:
    changes = {"answers.holidays": ["2027-12-25", "2027-12-26"], "answers.time_zone": "Europe/Berlin"}
    closed = chart(explore(load_policy("fair", changes)))
    assert closed.calendar == (
        "In the time to answer a request, these days do not count: Saturday and Sunday.",
        "Nor do these dates: 2027-12-25 and 2027-12-26.",
        "Those days begin and end as in the time zone Europe/Berlin.",
    )
    for line in closed.calendar:
        assert line in svg(closed, "x")
        assert line.replace(":", " -") in mermaid(closed, "x")
    assert drawn("upwork").calendar == ()
