"""JSON that says everything once: programs differ in which of two equal keys they read."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any


def read_json(text: str, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """The value of a JSON text. Raises ValueError, also for a key that an object has twice, with the place of it."""
    doubled: list[tuple[dict[str, Any], str]] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
            doubled.append((made, key))
        return made

    value = json.loads(text, object_pairs_hook=once, parse_constant=parse_constant)
    if doubled:
        # The outermost one was read last; what it left out has no place of its own.
        made, key = doubled[-1]
        place = [*(_place(value, made) or ()), key]
        raise ValueError(f"it says `{'.'.join(place)}` twice; say it once")
    return value


def _place(value: Any, wanted: dict[str, Any]) -> list[str] | None:
    """Under which keys, from the outside in, `wanted` stands in `value`."""
    around: list[tuple[Any, list[str]]] = [(value, [])]
    while around:
        inner, place = around.pop()
        if inner is wanted:
            return place
        if isinstance(inner, dict):
            around += [(one, [*place, key]) for key, one in inner.items()]
        elif isinstance(inner, list):
            around += [(one, [*place, str(number)]) for number, one in enumerate(inner)]
    return None
