"""On which line of a TOML text each of its keys stands; the standard library's reader keeps no positions.

It is asked statement by statement, so the grammar stays its own: a statement is the shortest run of lines that it
can read.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from recourse.policies.keys import Key


def key_lines(text: str) -> dict[Key, int]:
    """The line, counted from 1, on which each key and table of a valid TOML text first stands."""
    found: dict[Key, int] = {}
    table = statement = ""
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        start = start if statement else number
        statement += line + "\n"
        header = statement.lstrip().startswith("[")
        try:
            document = tomllib.loads(statement if header else table + statement)
        except tomllib.TOMLDecodeError:
            continue
        table = statement if header else table
        statement = ""
        for key in _paths(document, ()):
            found.setdefault(key, start)
    return found


def _paths(table: Mapping[str, Any], above: Key) -> Iterator[Key]:
    for name, value in table.items():
        yield (*above, name)
        if isinstance(value, Mapping):
            yield from _paths(value, (*above, name))
