"""What the benchmark says of what it measured: which blocks count, which goals are met, and the pictures of it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.blocks import Block
from bench.cost import DISTURBED, undisturbed
from bench.findings import Findings, Goal
from bench.pictures import bars, latencies
from bench.replay import replay
from bench.report import save


def block(name: str, foreign: float) -> Block:
    return Block(name, 1, cpu={"server": 20.0, "worker": 10.0}, seconds=0.1, foreign=foreign)


def test_a_block_beside_which_others_kept_the_machine_busy_is_dropped() -> None:
    quiet = [block("ours", DISTURBED) for _ in range(3)]
    noisy = block("ours", DISTURBED + 0.1)

    kept, dropped = undisturbed([noisy, *quiet])

    assert (kept, dropped) == ({"ours": quiet}, [noisy])


def test_on_a_machine_that_is_never_quiet_the_three_quietest_blocks_count() -> None:
    kept, dropped = undisturbed([block("ours", foreign) for foreign in (1.5, 0.9, 1.2, 1.1)])

    assert [one.foreign for one in kept["ours"]] == [0.9, 1.1, 1.2]
    assert [one.foreign for one in dropped] == [1.5]


@pytest.mark.parametrize(
    ("measured", "sign", "met"),
    [(0.81, "≥", "yes"), (0.79, "≥", "no"), (0.81, "≤", "no"), (0.8, "≤", "yes"), (None, "≥", "not measured")],
)
def test_a_goal_says_whether_it_is_met(measured: float | None, sign: str, met: str) -> None:
    assert Goal("a ratio", measured, sign, 0.8).met == met


def test_pictures_are_drawn_without_any_library() -> None:
    costs = {"ours": [{"server": 20.0, "worker": 9.0}, {"server": 21.0, "worker": 8.0}], "rows": [{"worker": 1.0}]}
    drawn = [bars("Cost & spread", "ms", costs), latencies("Latency", {"ours": [1.0, 2.0, 90.0], "bare": [0.9]})]

    for picture in drawn:
        words = [element.text for element in ElementTree.fromstring(picture).iter() if element.text]
        assert "ours" in words


async def test_a_part_is_measured() -> None:
    found = await replay(2, 3, 1)

    assert [goal.met for goal in found.goals if goal.measured is None] == []
    assert found.figures["histories"] == 3


def test_a_report_has_the_goals_the_figures_and_the_pictures(tmp_path: Path) -> None:
    found = Findings("Replaying", goals=[Goal("replayed", 0.5, "≥", 0.6)], figures={"histories": 3})
    found.pictures["a.svg"] = "<svg/>"

    said = save(tmp_path, [found, Findings("Another", goals=[Goal("nothing", None, why="no servers")])])

    assert "| replayed | 0.5 | ≥ 0.6 | no |  |" in said
    assert "| nothing | - | - | not measured | no servers |" in said
    kept = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert kept["parts"]["Replaying"]["histories"] == 3
    assert {path.name for path in tmp_path.iterdir()} == {"bench.md", "bench.json", "a.svg"}
