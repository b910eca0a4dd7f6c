"""What the policy model says against the values of a file, in plain sentences; and the policy without them."""

from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from recourse.policies.findings import Remark
from recourse.policies.keys import Key, names_beside
from recourse.resolution.model.policy import Policy

_STAND_INS: dict[Key, Any] = {
    ("name",): "unnamed",
    ("requests",): {"cancel": {"silence": {"client_asked": "escalate", "freelancer_asked": "escalate"}}},
    ("requests", "cancel"): {"silence": {"client_asked": "escalate", "freelancer_asked": "escalate"}},
    ("requests", "cancel", "silence"): {"client_asked": "escalate", "freelancer_asked": "escalate"},
    ("requests", "cancel", "silence", "client_asked"): "escalate",
    ("requests", "cancel", "silence", "freelancer_asked"): "escalate",
}
"""What stands in for a required key while the rest of the file is looked at."""


def read_values(document: Mapping[str, Any]) -> tuple[Policy, list[Remark]]:
    """The policy that a parsed file makes, and what is wrong with single values of it.

    Wrong values are left out, so that the rest can still be looked at; no remark means that it is whole.
    """
    rest = deepcopy(dict(document))
    remarks: list[Remark] = []
    while True:
        try:
            return Policy.model_validate(rest), remarks
        except ValidationError as found:
            # What is missing because it was left out a moment ago has been reported already.
            told = {key for remark in remarks for key in remark.keys}
            changed = False
            for problem in found.errors(include_url=False):
                remark, key = _remark(problem)
                if not any(key[: len(known)] == known for known in told):
                    remarks.append(remark)
                changed |= _leave_out(rest, key, missing=problem["type"] == "missing")
            if not changed:
                raise AssertionError("a value that is wrong and cannot be left out") from found


def _remark(problem: Any) -> tuple[Remark, Key]:
    key, item = _key(problem["loc"])
    given = problem.get("input")
    match problem["type"]:
        case "extra_forbidden":
            return Remark("error", "unknown-key", (key,), f"unknown key; {_instead(key)}"), key
        case "missing":
            return _missing(key), key
        case "literal_error" if problem["loc"][-1] == "[key]":
            return Remark("error", "unknown-key", (key,), f"unknown phase; {_instead(key)}"), key
        case kind:
            reason = _wrong_value(kind, given, problem)
            if item is not None:
                reason = f"item {item + 1} of the list: {reason}"
            return Remark("error", "wrong-value", (key,), reason), key


def _key(place: tuple[str | int, ...]) -> tuple[Key, int | None]:
    """The key of a place in the document, and which item of its list is meant."""
    names = [part for part in place if part != "[key]"]
    item = next((position for position, part in enumerate(names) if isinstance(part, int)), None)
    if item is None:
        return tuple(str(part) for part in names), None
    return tuple(str(part) for part in names[:item]), int(names[item])


def _instead(key: Key) -> str:
    names = names_beside(key)
    near = get_close_matches(key[-1], names, 1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(names)}"


def _missing(key: Key) -> Remark:
    if key[:2] == ("requests", "cancel") or key == ("requests",):
        sides = [key[-1]] if len(key) == 4 else ["client_asked", "freelancer_asked"]
        silences = tuple(("requests", "cancel", "silence", side) for side in sides)
        who = sides[0].removesuffix("_asked") if len(sides) == 1 else "party asked"
        reason = (
            f"a window without a silence rule: say what it means when the {who} does not answer in time "
            "(accept, decline, escalate or lapse)"
        )
        return Remark("error", "missing-silence", silences, reason)
    if key == ("name",):
        return Remark("error", "missing-key", (key,), 'missing: give the policy a name, such as name = "my_shop"')
    if key[0] == "reasons":
        reason = 'missing: say who may give this reason, such as by = ["client"]'
        return Remark("error", "missing-key", (key,), reason)
    return Remark("error", "missing-key", (key,), "missing, and required")


def _wrong_value(kind: str, given: Any, problem: Any) -> str:
    context = problem.get("ctx", {})
    match kind:
        case "literal_error":
            known = str(context["expected"])
            near = get_close_matches(str(given), known.replace(" or ", ", ").replace("'", "").split(", "), 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            return f"{given!r} is not known here: write {known}{hint}"
        case "tuple_type":
            return f'must be a list in square brackets, such as ["client"], not {_shown(given)}'
        case "int_type" | "int_from_float" | "greater_than_equal" | "less_than_equal":
            most = " of at most 1000000" if kind == "less_than_equal" else ""
            return f"must be a whole number{most}, 0 or more, without quotes, not {_shown(given)}"
        case "bool_type":
            return f"must be true or false, without quotes, not {_shown(given)}"
        case "string_type":
            return f"must be a text in quotes, not {_shown(given)}"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must not be longer than {context['max_length']} characters"
        case "model_type" | "dict_type":
            return f"must be a table of keys, not {_shown(given)}"
        case "value_error":
            return str(context["error"])
        case _:
            return str(problem["msg"])


def _shown(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def _leave_out(document: dict[str, Any], key: Key, *, missing: bool) -> bool:
    """Take a value out, or let something stand in for it where the model requires one. Whether anything changed."""
    table: Any = document
    for part in key[:-1]:
        table = table.get(part) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return False
    if not missing:
        given = key[-1] in table
        table.pop(key[-1], None)
        return given
    table[key[-1]] = deepcopy(["client", "freelancer"] if key[0] == "reasons" else _STAND_INS[key])
    return True
