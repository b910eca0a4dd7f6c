"""What each key of a policy means and may be, read off the policy model: for the schema, the page and files."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from recourse.policies.keys import KEYS, Key, model_at
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.reasons import Reason

_RULES = re.compile(r" \[(R\d+(?:, R\d+)*)\]")
_BY_PATTERN = {
    r"^(never|(\d+[smhd])+)$": 'a duration or `"never"`',
    r"^(\d+[smhd])+$": "a duration",
    r"^\d{1,3}(\.\d{1,9})?%$": "a percentage",
}


@dataclass(frozen=True)
class Reference:
    """One key. `rules` are the source rules that it comes from; none for what is ours."""

    meaning: str
    values: str
    rules: tuple[str, ...]
    required: bool


@cache
def reference(key: Key) -> Reference:
    """What the key means; a reason's key has CODE for its name, as in `reasons.CODE.by`."""
    descriptions = list(_descriptions(key))
    own = descriptions[-1]
    above = [rule for text in descriptions for rule in _rules(text)]
    table = model_at(key[:-1])
    required = table is not None and table.model_fields[key[-1]].is_required()
    return Reference(_RULES.sub("", own), _values(_schema(key)), tuple(dict.fromkeys(above)), required)


def _rules(text: str) -> Iterator[str]:
    for found in _RULES.finditer(text):
        yield from found[1].split(", ")


def _descriptions(key: Key) -> Iterator[str]:
    """What the model says of the tables around a key, from the outermost to the key itself."""
    for depth in range(1, len(key) + 1):
        model = model_at(key[: depth - 1])
        if model and key[depth - 1] in model.model_fields:
            yield model.model_fields[key[depth - 1]].description or ""


@cache
def _definitions() -> Mapping[str, Any]:
    return Policy.model_json_schema()


def _schema(key: Key) -> Mapping[str, Any]:
    table = model_at(key[:-1])
    schema = _definitions()
    inside = schema if table is Policy else schema["$defs"][getattr(table, "__name__", "")]
    found: Mapping[str, Any] = inside["properties"][key[-1]]
    return found


def _values(schema: Mapping[str, Any]) -> str:
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _values(one)
    if "enum" in schema:
        return "one of " + ", ".join(f'`"{value}"`' for value in schema["enum"])
    if "pattern" in schema:
        return _BY_PATTERN[schema["pattern"]]
    match schema["type"]:
        case "array":
            return f"a list of {_items(schema['items'])}"
        case "boolean":
            return "`true` or `false`"
        case "object":
            return "a table"
        case "integer":
            return "a whole number"
        case _:
            return "a text"


def _items(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return _values(schema).removeprefix("one of ")
    if schema.get("format") == "date":
        return "dates"
    return {"a duration": "durations", "a text": "texts"}[_values(schema)]


def row(key: Key) -> Key:
    """The key as a reference lists it: PHASE where each phase has its own, CODE where each reason has."""
    if key[:3] == ("requests", "cancel", "silence_in"):
        return (*key[:3], "PHASE", *key[4:])
    return ("reasons", "CODE", *key[2:]) if key[0] == "reasons" and len(key) > 1 else key


def rows() -> dict[Key, tuple[Key, ...]]:
    """Every key as a reference lists it, each with those that it stands for."""
    listed: dict[Key, tuple[Key, ...]] = {}
    for key in KEYS:
        if key == ("reasons",):
            listed |= {("reasons", "CODE", name): () for name in Reason.model_fields}
        else:
            listed[row(key)] = (*listed.get(row(key), ()), key)
    return listed
