"""The keys of a policy file, taken from the policy model itself: their names, their values, their origins."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import OPEN_PHASES

Key = tuple[str, ...]


def dotted(key: Key) -> str:
    """The key as a policy file and a scenario file write it."""
    return ".".join(key)


def undotted(name: str) -> Key:
    """The key of a dotted name."""
    return tuple(name.split("."))


def model_at(key: Key) -> type[BaseModel] | None:
    """The table of keys that stands under `key`; None where it is a value, or a table whose keys one chooses."""
    model: type[BaseModel] = Policy
    position = 0
    while position < len(key):
        field = model.model_fields.get(key[position])
        inner = _table(field.annotation) if field else None
        if inner is None:
            return None
        table, chosen_names = inner
        position += 2 if chosen_names else 1
        if position > len(key):
            return None
        model = table
    return model


def _table(annotation: Any) -> tuple[type[BaseModel], bool] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is dict:
        return get_args(annotation)[1], True
    return None


def names_beside(key: Key) -> tuple[str, ...]:
    """The names that may stand where the last part of `key` stands."""
    if key[:-1] == ("requests", "cancel", "silence_in"):
        return OPEN_PHASES
    table = model_at(key[:-1])
    names = tuple(table.model_fields) if table else ()
    return ("extends", *names) if len(key) == 1 else names


def _leaves(model: type[BaseModel], above: Key) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        key = (*above, name)
        inner = _table(field.annotation)
        if key == ("reasons",) or inner is None:
            yield key
        elif inner[1]:
            for phase in OPEN_PHASES:
                yield from _leaves(inner[0], (*key, phase))
        else:
            yield from _leaves(inner[0], key)


KEYS: tuple[Key, ...] = tuple(_leaves(Policy, ()))
"""Every key that holds a value, in the order of the model. The list of reasons counts as one value, as it does when
a file replaces it."""


def written(policy: Policy) -> dict[Key, Any]:
    """Each key's value as a policy file would write it; None where the policy has none (`silence_in`)."""
    document = policy.model_dump(mode="json") | {"keeping": policy.keeping.model_dump(mode="json")}
    return {key: _inside(document, key) for key in KEYS}


def _inside(document: Mapping[str, Any], key: Key) -> Any:
    value: Any = document
    for part in key:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
