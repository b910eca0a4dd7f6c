"""The search attributes by which operators find orders in Temporal."""

from collections.abc import Callable, Mapping
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair
from temporalio.service import RPCError, RPCStatusCode

from recourse.errors import Unreachable
from recourse.runtime.own_attributes import KINDS

PHASE = SearchAttributeKey.for_keyword("RecoursePhase")
POLICY = SearchAttributeKey.for_keyword("RecoursePolicy")
TURN = SearchAttributeKey.for_keyword("RecourseTurn")
CASE_STAGE = SearchAttributeKey.for_keyword("RecourseCaseStage")
NEXT_DUE_AT = SearchAttributeKey.for_datetime("RecourseNextDueAt")
GROUP = SearchAttributeKey.for_keyword("RecourseGroup")
SEARCH_ATTRIBUTES = (PHASE, POLICY, TURN, CASE_STAGE, NEXT_DUE_AT, GROUP)

_KEYS: dict[str, Callable[[str], SearchAttributeKey[Any]]] = {
    "Keyword": SearchAttributeKey.for_keyword,
    "Int": SearchAttributeKey.for_int,
    "Bool": SearchAttributeKey.for_bool,
}


def own_pairs(values: Mapping[str, Any]) -> list[SearchAttributePair[Any]]:
    """An order's own search attributes, as Temporal takes them. Their values say of which kind they are."""
    keys = {kind: _KEYS[name] for name, (kind, _) in KINDS.items()}
    return [SearchAttributePair(keys[type(value)](name), value) for name, value in values.items()]


class SearchAttributesMissing(Unreachable):
    """The search attributes are not registered and cannot be; the text says why and what to do."""


async def register_search_attributes(client: Client, own: Mapping[str, str] | None = None) -> None:
    """Register those that are missing, ours and a marketplace's `own`. Raises SearchAttributesMissing."""
    wanted: tuple[SearchAttributeKey[Any], ...] = (
        *SEARCH_ATTRIBUTES,
        *(_KEYS[kind](name) for name, kind in (own or {}).items()),
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
