"""The effective policy as a file of its own: it loads to the same policy, and says where each value comes from."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recourse.policies import PRESETS, load_policy
from recourse.policies.files import read_file
from recourse.policies.keys import KEYS, Key, dotted
from recourse.policies.values import read_values
from recourse.policies.writing import write_policy
from tests.policies.other_values import RICH, changed_file, other_value

OWN = """extends = "base.toml"
name = "own"
[requests.cancel]
silence.client_asked = "lapse"
[reasons.changed_my_mind]
by = ["client"]
"""
BASE = """extends = "glimmer"
name = "base"
[undo]
window = "2h"
[reasons.changed_my_mind]
by = ["client"]
fault = "client"
"""


def extending(tmp_path: Path) -> Path:
    (tmp_path / "base.toml").write_text(BASE)
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize("defaults", [False, True])
@pytest.mark.parametrize("name", [*PRESETS, str(RICH)])
def test_what_is_shown_loads_to_the_same_policy(name: str, defaults: bool, tmp_path: Path) -> None:
    policy = load_policy(name)
    shown = tmp_path / "shown.toml"
    shown.write_text(write_policy(read_file(name), policy, defaults=defaults))
    assert load_policy(shown) == policy


@pytest.mark.parametrize("defaults", [False, True])
def test_what_is_shown_of_files_that_extend_each_other_loads_to_the_same_policy(tmp_path: Path, defaults: bool) -> None:
    path = extending(tmp_path)
    shown = tmp_path / "shown.toml"
    shown.write_text(write_policy(read_file(path), load_policy(path), defaults=defaults))
    assert load_policy(shown) == load_policy(path)
    assert "extends" not in tomllib.loads(shown.read_text())


_names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6)


@settings(max_examples=40)
@given(
    st.sets(st.sampled_from([key for key in KEYS if key != ("reasons",)]), max_size=8),
    st.dictionaries(_names, st.sampled_from([{"by": ["client"]}, {"by": [], "fault": "client"}]), max_size=2),
    st.lists(_names, max_size=2),
)
def test_any_values_that_are_shown_read_as_the_same_values(
    keys: set[Key], reasons: dict[str, Any], statements: list[str]
) -> None:
    plain = read_values(changed_file({}).document)[0].model_dump(mode="json")
    changes: dict[str, Any] = {"reasons": reasons, "requests.cancel.attestations": statements}
    for key in keys - {("requests", "cancel", "attestations")}:
        value: Any = plain
        for part in key:
            # What has its default may be left out.
            value = value.get(part, {})
        changes[dotted(key)] = other_value(key, value)
    file = changed_file(changes)
    policy, wrong = read_values(file.document)
    assert not wrong
    for defaults in (False, True):
        text = write_policy(file, policy, defaults=defaults)
        assert read_values(tomllib.loads(text)) == (policy, [])


def test_each_value_is_marked_with_the_file_that_it_comes_from(tmp_path: Path) -> None:
    path = extending(tmp_path)
    lines = write_policy(read_file(path), load_policy(path), defaults=True).splitlines()
    assert f'name = "own"  # {path}:2' in lines
    assert f'silence.client_asked = "lapse"  # {path}:4' in lines
    assert 'silence.freelancer_asked = "escalate"  # glimmer:14' in lines
    assert f'window = "2h"  # {tmp_path / "base.toml"}:4' in lines
    assert 'reminder = "24h"  # default' in lines


def test_a_reason_that_a_file_replaces_keeps_nothing_of_the_file_before(tmp_path: Path) -> None:
    path = extending(tmp_path)
    lines = write_policy(read_file(path), load_policy(path), defaults=True).splitlines()
    assert f'by = ["client"]  # {path}:6' in lines
    assert 'fault = "none"  # default' in lines
    assert not [line for line in lines if "cannot_deliver" in line]


def test_without_defaults_only_what_some_file_writes_is_shown() -> None:
    policy = load_policy("glimmer")
    short, whole = (write_policy(read_file("glimmer"), policy, defaults=defaults) for defaults in (False, True))
    assert "# default" not in short
    written = {line for line in short.splitlines() if "=" in line}
    assert written <= set(whole.splitlines())
    values = [key for key in KEYS if key != ("reasons",) and "silence_in" not in key]
    plain_keys = len(re.findall(r"^[a-z_.]+ = ", whole.partition("[reasons.")[0], re.MULTILINE))
    assert plain_keys == len(values)
