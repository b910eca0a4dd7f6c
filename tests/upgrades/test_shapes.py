"""Whoever adds a key to stored data raises the number by which older builds know."""

from pathlib import Path

from recourse.resolution.model.data_version import DATA_VERSION
from tests.upgrades.shapes import RAISE, keep, shape, wrong


def test_the_data_has_the_shape_of_its_version() -> None:
    assert wrong(shape(), DATA_VERSION) is None


def test_a_key_or_a_value_more_needs_a_new_version(tmp_path: Path) -> None:
    keep(tmp_path, version=3)
    grown, widened = shape(), shape()
    grown["Order"]["properties"]["paused_until"] = {"type": "string"}
    widened["Order"]["properties"]["phase"]["enum"].append("paused")

    assert wrong(shape(), 3, tmp_path) is None
    assert [wrong(made, 3, tmp_path) for made in (grown, widened)] == [RAISE] * 2
    assert [wrong(made, 4, tmp_path) for made in (grown, widened)] == [None] * 2
    assert wrong(shape(), 2, tmp_path) == "DATA_VERSION is 2, and 3 is released: it never goes back."


def test_before_the_first_release_nothing_is_held(tmp_path: Path) -> None:
    assert wrong(shape(), 1, tmp_path) is None
