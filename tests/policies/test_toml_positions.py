"""Where each key of a TOML text stands."""

import tomllib
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recourse.policies.toml_positions import key_lines
from recourse.policies.writing import dotted_name, write_value

WAYS = '''# a comment
name = "x"  # name2 = 1

[requests.cancel]
window.client_asked = "5d"
reminders = [
  "1d",  # a = 1
  "2d",
]
by = ["client"]
[ 'odd key' . inner ]
table = {one = 1, two.three = "]"}
long = """
[not.a.table]
nor = "a key"
"""
"last" = 1'''


def test_every_way_to_write_a_key_is_found_on_its_line() -> None:
    assert key_lines(WAYS) == {
        ("name",): 2,
        ("requests",): 4,
        ("requests", "cancel"): 4,
        ("requests", "cancel", "window"): 5,
        ("requests", "cancel", "window", "client_asked"): 5,
        ("requests", "cancel", "reminders"): 6,
        ("requests", "cancel", "by"): 10,
        ("odd key",): 11,
        ("odd key", "inner"): 11,
        ("odd key", "inner", "table"): 12,
        ("odd key", "inner", "table", "one"): 12,
        ("odd key", "inner", "table", "two"): 12,
        ("odd key", "inner", "table", "two", "three"): 12,
        ("odd key", "inner", "long"): 13,
        ("odd key", "inner", "last"): 17,
    }


def test_windows_line_ends_do_not_shift_the_lines() -> None:
    assert key_lines('a = 1\r\n\r\n[b]\r\nc = """\r\n"""\r\nd = 2\r\n') == {
        ("a",): 1,
        ("b",): 3,
        ("b", "c"): 4,
        ("b", "d"): 6,
    }


_names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=5)
_values = st.one_of(st.booleans(), st.integers(-5, 5), _names, st.lists(_names, max_size=2))
_tables = st.dictionaries(_names, st.one_of(_values, st.dictionaries(_names, _values, max_size=3)), max_size=4)


@given(_tables)
def test_every_key_that_the_reader_finds_has_the_line_that_wrote_it(document: dict[str, Any]) -> None:
    lines: list[str] = []
    expected: dict[tuple[str, ...], int] = {}
    for name, value in sorted(document.items(), key=lambda item: isinstance(item[1], Mapping)):
        if isinstance(value, Mapping):
            lines += ["", f"[{dotted_name((name,))}]"]
            expected[(name,)] = len(lines)
            for inner, inner_value in value.items():
                lines.append(f"{dotted_name((inner,))} = {write_value(inner_value)}")
                expected[name, inner] = len(lines)
        else:
            lines.append(f"{dotted_name((name,))} = {write_value(value)}")
            expected[(name,)] = len(lines)
    text = "\n".join(lines)
    assert tomllib.loads(text) == document
    assert key_lines(text) == expected
