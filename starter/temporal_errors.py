"""What an error of Temporal's means to a caller that sent a command or started an order."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure, WorkflowNotReadyFailure
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from recourse.errors import BadInput, TemporalUnreachable, Unanswered
from recourse.runtime.names import workflow_id


def unless_not_found(error: RPCError, doing: str, payload: Mapping[str, Any] | None = None) -> None:
    """Return where Temporal knows no such workflow that runs; raise what any other error means.

    `doing` is what was asked for, as `order 7 received accept`.
    Raises TemporalUnreachable, Unanswered, BadInput.
    """
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            details = error.grpc_status.details
            if details and details[0].Is(NamespaceNotFoundFailure.DESCRIPTOR):
                raise TemporalUnreachable(f"{error.message.rstrip('.')}; check TEMPORAL_NAMESPACE.") from error
        case RPCStatusCode.PERMISSION_DENIED | RPCStatusCode.UNAUTHENTICATED:
            raise TemporalUnreachable(f"Temporal refuses: {error.message}") from error
        case RPCStatusCode.INVALID_ARGUMENT:
            raise BadInput(f"Temporal does not take this: {error.message}") from error
        case RPCStatusCode.UNAVAILABLE | RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
            # What is said then are words of the library beneath.
            raise unanswered(doing, "Temporal does not answer", payload) from error
        case _:
            raise unanswered(doing, f"Temporal says: {error.message}", payload) from error


@contextmanager
def explaining_temporal_errors() -> Iterator[None]:
    """Turn an error of Temporal's into one sentence for people. Raises TemporalUnreachable."""
    try:
        yield
    except RPCError as error:
        raise TemporalUnreachable(f"Temporal does not answer ({error.message}); check that it runs.") from error


async def task_failure(temporal: Client, order_id: str) -> Failure | None:
    """Why the workflow task of an order fails, where it does; Temporal keeps its first failure. Raises RPCError."""
    newest_first = await temporal.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=temporal.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
            maximum_page_size=20,
        ),
        retry=True,
    )
    for event in newest_first.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            break
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return event.workflow_task_failed_event_attributes.failure
    return None


def takes_nothing_now(error: RPCError) -> bool:
    """Whether the order takes no update at this moment: it goes on in a new run, or its worker fails."""
    details = error.grpc_status.details
    return bool(details) and details[0].Is(WorkflowNotReadyFailure.DESCRIPTOR)


def quoted(text: str) -> str:
    """A text as a query of Temporal's has it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def lacks_search_attributes(error: RPCError) -> bool:
    """Whether the namespace has not got the search attributes of orders yet."""
    return error.status is RPCStatusCode.INVALID_ARGUMENT and "search attribute" in error.message


def unanswered_update(
    error: WorkflowUpdateRPCTimeoutOrCancelledError, doing: str, payload: Mapping[str, Any]
) -> Unanswered | asyncio.CancelledError:
    """What to raise for an update that got no answer. The SDK hides a cancellation of the caller's own in its error."""
    if isinstance(error.__cause__, asyncio.CancelledError):
        return error.__cause__
    return unanswered(doing, "Temporal does not answer", payload)


def unanswered(doing: str, why: str, payload: Mapping[str, Any] | None = None) -> Unanswered:
    """Nobody knows whether what was asked for was done; without a `payload` it was to start an order."""
    unknown = f"It is unknown whether {doing} ({why})"
    if payload is None:
        return Unanswered(f"{unknown}. It is safe to start it again with the same terms.")
    command_id = str(payload["command_id"])
    return Unanswered(f"{unknown}. It is safe to retry with the same command id, {command_id}.", command_id)
