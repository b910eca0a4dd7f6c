"""The search attributes by which operators find orders in Temporal."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair
from temporalio.service import RPCError, RPCStatusCode

from recourse.errors import Unreachable

PHASE = SearchAttributeKey.for_keyword("RecoursePhase")
POLICY = SearchAttributeKey.for_keyword("RecoursePolicy")
TURN = SearchAttributeKey.for_keyword("RecourseTurn")
CASE_STAGE = SearchAttributeKey.for_keyword("RecourseCaseStage")
NEXT_DUE_AT = SearchAttributeKey.for_datetime("RecourseNextDueAt")
GROUP = SearchAttributeKey.for_keyword("RecourseGroup")
SEARCH_ATTRIBUTES = (PHASE, POLICY, TURN, CASE_STAGE, NEXT_DUE_AT, GROUP)

# How the kinds of a marketplace's own are named, and which values they hold.
_KINDS: dict[str, tuple[Callable[[str], SearchAttributeKey[Any]], type, str]] = {
    "Keyword": (SearchAttributeKey.for_keyword, str, "a text"),
    "Int": (SearchAttributeKey.for_int, int, "a whole number"),
    "Bool": (SearchAttributeKey.for_bool, bool, "true or false"),
}
_MOST = 10
_NAMED = re.compile(r"(?!Recourse|Temporal)([A-Za-z][A-Za-z0-9]{0,63})=(\w+)")


def read_own(text: str) -> dict[str, str]:
    """The kind of each search attribute of one's own, from `NAME=KIND` separated by spaces. Raises ValueError."""
    own: dict[str, str] = {}
    for part in text.split():
        found = _NAMED.fullmatch(part)
        if found is None or found[2] not in _KINDS:
            raise ValueError(
                f"each part is NAME=KIND, not {part}: names have letters and digits and do not begin with Recourse or "
                f"Temporal, a kind is one of {', '.join(_KINDS)}"
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
        _, kind, meant = _KINDS[own[name]]
        if type(value) is not kind:
            return f"search.{name} is {meant}"
    return None


def own_pairs(values: Mapping[str, Any]) -> list[SearchAttributePair[Any]]:
    """An order's own search attributes, as Temporal takes them. Their values say of which kind they are."""
    keys = {kind: key for key, kind, _ in _KINDS.values()}
    return [SearchAttributePair(keys[type(value)](name), value) for name, value in values.items()]


class SearchAttributesMissing(Unreachable):
    """The search attributes are not registered and cannot be; the text says why and what to do."""


async def register_search_attributes(client: Client, own: Mapping[str, str] | None = None) -> None:
    """Register those that are missing, ours and a marketplace's `own`. Raises SearchAttributesMissing."""
    wanted: tuple[SearchAttributeKey[Any], ...] = (
        *SEARCH_ATTRIBUTES,
        *(_KINDS[kind][0](name) for name, kind in (own or {}).items()),
    )
    try:
        service = client.operator_service
        known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing = [key for key in wanted if key.name not in known.custom_attributes]
        if missing:
            kinds = {key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in missing}
            await service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
            )
    except RPCError as error:
        why = error.message.rstrip(".")
        if error.status is RPCStatusCode.NOT_FOUND:
            raise SearchAttributesMissing(f"Temporal: {why}; check TEMPORAL_NAMESPACE.") from error
        names = ", ".join(key.name for key in wanted)
        raise SearchAttributesMissing(
            f"Temporal: the search attributes {names} could not be registered: {why}. "
            "Register them by hand, with `temporal operator search-attribute create`."
        ) from error
