"""The search attributes by which operators find orders in Temporal."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from recourse.errors import Unreachable

PHASE = SearchAttributeKey.for_keyword("RecoursePhase")
POLICY = SearchAttributeKey.for_keyword("RecoursePolicy")
TURN = SearchAttributeKey.for_keyword("RecourseTurn")
CASE_STAGE = SearchAttributeKey.for_keyword("RecourseCaseStage")
NEXT_DUE_AT = SearchAttributeKey.for_datetime("RecourseNextDueAt")
GROUP = SearchAttributeKey.for_keyword("RecourseGroup")
SEARCH_ATTRIBUTES = (PHASE, POLICY, TURN, CASE_STAGE, NEXT_DUE_AT, GROUP)


class SearchAttributesMissing(Unreachable):
    """The search attributes are not registered and cannot be; the text says why and what to do."""


async def register_search_attributes(client: Client) -> None:
    """Register those that are missing. Raises SearchAttributesMissing."""
    try:
        service = client.operator_service
        known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing = [key for key in SEARCH_ATTRIBUTES if key.name not in known.custom_attributes]
        if missing:
            kinds = {key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in missing}
            await service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
            )
    except RPCError as error:
        why = error.message.rstrip(".")
        if error.status is RPCStatusCode.NOT_FOUND:
            raise SearchAttributesMissing(f"Temporal: {why}; check TEMPORAL_NAMESPACE.") from error
        names = ", ".join(key.name for key in SEARCH_ATTRIBUTES)
        raise SearchAttributesMissing(
            f"Temporal: the search attributes {names} could not be registered: {why}. "
            "Register them by hand, with `temporal operator search-attribute create`."
        ) from error
