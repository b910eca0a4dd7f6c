"""The search attributes that a marketplace adds to its orders: their names, kinds and values, as texts say them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# How the kinds are named, and which values they hold.
KINDS: dict[str, tuple[type, str]] = {
    "Keyword": (str, "a text"),
    "Int": (int, "a whole number"),
    "Bool": (bool, "true or false"),
}
_MOST = 10
_NAMED = re.compile(r"(?!Recourse|Temporal)([A-Za-z][A-Za-z0-9]{0,63})=(\w+)")


def read_own(text: str) -> dict[str, str]:
    """The kind of each search attribute of one's own, from `NAME=KIND` separated by spaces. Raises ValueError."""
    own: dict[str, str] = {}
    for part in text.split():
        found = _NAMED.fullmatch(part)
        if found is None or found[2] not in KINDS:
            raise ValueError(
                f"each part is NAME=KIND, not {part}: names have letters and digits and do not begin with Recourse or "
                f"Temporal, a kind is one of {', '.join(KINDS)}"
            )
        if found[1] in own:
            raise ValueError(f"the name {found[1]} is there twice")
        own[found[1]] = found[2]
    if len(own) > _MOST:
        raise ValueError(f"there are more than {_MOST}")
    return own


def read_values(texts: Iterable[str], own: Mapping[str, str]) -> dict[str, str | int | bool]:
    """The values in `NAME=VALUE`, each of the kind of its name; what is of no kind stays a text. Raises ValueError."""
    values: dict[str, str | int | bool] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"a search attribute is NAME=VALUE, not {text}")
        kind = own.get(name)
        if kind == "Int" and re.fullmatch(r"-?[0-9]{1,16}", value):
            values[name] = int(value)
        elif kind == "Bool" and value in ("true", "false"):
            values[name] = value == "true"
        else:
            values[name] = value
    return values


def unfit_values(values: Mapping[str, Any], own: Mapping[str, str]) -> str | None:
    """What is wrong with an order's own search attributes, if anything; `own` are those that there are."""
    for name, value in values.items():
        if name not in own:
            there = ", ".join(own) or "none"
            return f"search.{name} is not in RECOURSE_SEARCH_ATTRIBUTES, which has {there}"
        kind, meant = KINDS[own[name]]
        if type(value) is not kind:
            return f"search.{name} is {meant}"
    return None
