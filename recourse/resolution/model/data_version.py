"""Stored data that grows: how a build reads what a newer build wrote.

People write commands, terms and policies; unknown keys there are mistakes. Builds hand each other openings, states and
undecided messages; unknown keys there come from a newer build. `made_for` says which data version may have added keys,
`needs` which data version a build must have to decide. A build keeps the keys that it does not know, at every depth,
and waits where it does not have the needed version. CONTRIBUTING.md says when to raise the numbers.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError

from recourse.errors import RecourseError

# What this build knows of stored data. It grows when a release adds a key, a value or a kind to it.
DATA_VERSION = 2
FIRST = 1

_LARGEST = 1_000_000
Version = Annotated[int, Field(strict=True, ge=FIRST, le=_LARGEST)]
_Stored = TypeVar("_Stored", bound=BaseModel)


class NeedsNewerBuild(RecourseError):
    """Stored data from which this build may not decide. A program that meets it waits for a newer build."""

    def __init__(self, what: str, needs: int | None = None, why: str = "") -> None:
        version = f"data version {needs}" if needs else "a newer data version"
        super().__init__(
            f"{what} needs a build with {version}; this build has {DATA_VERSION}{f' ({why})' if why else ''}. "
            "Nothing is lost: it goes on when the newer build runs again."
        )


@dataclass(frozen=True)
class Since:
    """Marks a field of stored data without which an older build would decide wrongly, with the version that added it.

    Data in which the field has any value but its default then needs that version.
    """

    version: int


def needs_of(value: Any) -> int:
    """The data version that a build must have to decide from a value."""
    return max(_needs(value), default=FIRST)


def _needs(value: Any) -> Iterator[int]:
    if isinstance(value, BaseModel):
        for name, since in _marked(type(value)):
            inner = getattr(value, name)
            if since is not None and inner != type(value).model_fields[name].get_default(call_default_factory=True):
                yield since.version
            yield from _needs(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _needs(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _needs(inner)


@cache
def _marked(kind: type[BaseModel]) -> tuple[tuple[str, Since | None], ...]:
    """The fields of a model that are marked, or have a marked field inside."""
    found = []
    for name, field in kind.model_fields.items():
        since = next((mark for mark in field.metadata if isinstance(mark, Since)), None)
        if since or any(_marked(inner) for inner in _models(field.annotation)):
            found.append((name, since))
    return tuple(found)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def read_stored(kind: type[_Stored], stored: Mapping[str, Any], what: str) -> _Stored:
    """What a build has stored or handed on, as JSON has it. `what` begins the sentence of an error.

    Raises NeedsNewerBuild where this build may not decide from it, ValidationError where it does not fit at all.
    """
    needs = _number(stored, "needs")
    if needs > DATA_VERSION:
        raise NeedsNewerBuild(what, needs)
    made_for = max(_number(stored, "made_for"), _number(stored.get("opening"), "made_for"))
    newer = made_for > DATA_VERSION
    try:
        return kind.model_validate_json(json.dumps(stored), extra="allow" if newer else "forbid")
    except ValidationError as error:
        if not newer:
            raise
        where = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        raise NeedsNewerBuild(what, made_for, f"it does not know what stands in {where}") from error


def _number(stored: Any, name: str) -> int:
    found = stored.get(name) if isinstance(stored, Mapping) else None
    # No build ever has such a version, so nobody waits for it: the field itself says what is wrong.
    return found if isinstance(found, int) and found <= _LARGEST else FIRST


def dump_stored(
    value: BaseModel,
    *,
    newer: bool = True,
    without: frozenset[str] = frozenset(),
    defaults: bool = True,
    only_given: bool = False,
) -> dict[str, Any]:
    """A value as JSON has it, with the keys that only a newer build knows; `newer`: whether there can be any.

    `defaults`: also the keys that have their default values. `only_given`: only the keys that it was made or read with.
    """
    dumped = value.model_dump(
        mode="json", exclude=set(without), exclude_defaults=not defaults, exclude_unset=only_given
    )
    if newer:
        _add_unknown(value, dumped)
    return dumped


def _add_unknown(value: Any, dumped: Any) -> None:
    if isinstance(value, BaseModel):
        dumped.update(value.model_extra or {})
        for name in type(value).model_fields.keys() & dumped.keys():
            _add_unknown(getattr(value, name), dumped[name])
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _add_unknown(inner, dumped[key])
    elif isinstance(value, tuple | list):
        for inner, inner_dumped in zip(value, dumped, strict=True):
            _add_unknown(inner, inner_dumped)
