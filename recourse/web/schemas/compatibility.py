"""Whether a schema of one version may become another: nobody who kept to the old one may be wrong under the new.

What is sent to an order and fits the old schema must fit the new one. What an order says must fit the old schema too,
with every field that the old one names; it may hold more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
_ABOUT = {"title", "description", "default", "examples", "$schema", "$id", "$defs", "deprecated"}
_AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_BOUNDS = {**dict.fromkeys(_AT_LEAST, 1), **dict.fromkeys(_AT_MOST, -1)}
_READ = {"type", "enum", "const", "anyOf", "oneOf", "properties", "required", "additionalProperties", "items", "$ref"}


def breaks(old: Schema, new: Schema, *, said_by_orders: bool) -> list[str]:
    """Every change that breaks somebody, as a sentence with the place; empty: the new one may take its place."""
    if said_by_orders:
        return list(_Within(_Side(new, "now"), _Side(old, "so far"), keeps_fields=True).problems(new, old, ""))
    return list(_Within(_Side(old, "so far"), _Side(new, "now"), keeps_fields=False).problems(old, new, ""))


@dataclass(frozen=True)
class _Side:
    """One of the two schemas, whole, and what it is called."""

    root: Schema
    name: str

    def alternatives(self, schema: Schema) -> Iterator[Schema]:
        """What a value may be, one after the other, each without references and of one type."""
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix("#/$defs/")
            yield from self.alternatives(self.root["$defs"][name])
        elif choices := schema.get("anyOf") or schema.get("oneOf"):
            for choice in choices:
                yield from self.alternatives(choice)
        else:
            yield schema


@dataclass(frozen=True)
class _Within:
    """Whether everything that fits `inner` fits `outer`."""

    inner: _Side
    outer: _Side
    keeps_fields: bool

    def problems(self, inner: Schema, outer: Schema, where: str) -> Iterator[str]:
        """Why not, as far as it can be seen from the schemas alone."""
        wider = list(self.outer.alternatives(outer))
        for one in self.inner.alternatives(inner):
            alike = [other for other in wider if _is_kind_of(one, other)]
            if alike:
                yield from min((list(self._leaf(one, other, where)) for other in alike), key=len)
            else:
                kinds = " or ".join(str(other["type"]) for other in wider)
                kind = one.get("type", "anything")
                yield f"{where or 'the message'}: {kind} is possible {self.inner.name}, {self.outer.name} only {kinds}"

    def _leaf(self, inner: Schema, outer: Schema, where: str) -> Iterator[str]:
        place = where or "the message"
        values, allowed = _values(inner), _values(outer)
        if allowed is not None:
            extra = ["any other text"] if values is None else [repr(value) for value in values if value not in allowed]
            if extra:
                yield f"{place}: {', '.join(extra)} is possible {self.inner.name}, but not {self.outer.name}"
        for bound, sign in _BOUNDS.items():
            if bound in outer and (bound not in inner or sign * inner[bound] < sign * outer[bound]):
                has = inner.get(bound, "open")
                yield f"{place}: {bound} is {has} {self.inner.name}, {outer[bound]} {self.outer.name}"
        for word in sorted(set(outer) - _ABOUT - _READ - set(_BOUNDS)):
            if inner.get(word) != outer[word]:
                yield f"{place}: {word} is {inner.get(word)!r} {self.inner.name}, {outer[word]!r} {self.outer.name}"
        yield from self._fields(inner, outer, where)
        if "items" in outer:
            yield from self.problems(inner.get("items", {}), outer["items"], f"{where}[]")

    def _fields(self, inner: Schema, outer: Schema, where: str) -> Iterator[str]:
        mine, others = inner.get("properties", {}), outer.get("properties", {})
        always = inner.get("required", ())
        for name in outer.get("required", ()):
            if name not in always:
                yield f"{_at(where, name)}: always there {self.outer.name}, but not {self.inner.name}"
        for name, field in mine.items():
            if name in others:
                yield from self.problems(field, others[name], _at(where, name))
            elif outer.get("additionalProperties") is False:
                yield f"{_at(where, name)}: known {self.inner.name}, but not {self.outer.name}"
        if self.keeps_fields:
            for name in others.keys() - mine.keys():
                yield f"{_at(where, name)}: said {self.outer.name}, but not {self.inner.name}"
        rest, others_rest = inner.get("additionalProperties", True), outer.get("additionalProperties", True)
        if isinstance(others_rest, Mapping) and isinstance(rest, Mapping):
            yield from self.problems(rest, others_rest, _at(where, "*"))
        elif others_rest is not True and rest is not False and rest != others_rest:
            yield f"{where or 'the message'}: may hold anything {self.inner.name}, but not {self.outer.name}"


def _is_kind_of(inner: Schema, outer: Schema) -> bool:
    kinds = (inner.get("type"), outer.get("type"))
    return kinds[1] is None or kinds[0] == kinds[1] or kinds == ("integer", "number")


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
