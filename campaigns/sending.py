"""Messages sent byte by byte as their sender made them, and what an order makes of them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.api.common.v1 import Header, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest, UpdateWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode

from campaigns.malformed import Malformed
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.reading import Message
from recourse.running import connected_for_work
from recourse.runtime.names import TOKEN, workflow_id
from recourse.runtime.payloads import WHY_UNOPENED, Undecodable, Unopened
from recourse.starter.temporal_errors import takes_nothing_now
from recourse.workflows.inbound import message_of

_COMPLETED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
# An order that goes on in a new run takes nothing for a moment, and a server takes ten updates of one order at a time.
_FOR_A_MOMENT = (RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.ABORTED, RPCStatusCode.NOT_FOUND)
_RUN_ENDED = "AcceptedUpdateCompletedWorkflow"
AGAIN_AFTER = 0.1  # seconds
PATIENCE = 60.0  # seconds until what was sent counts as never answered


class TurnedAway(Exception):
    """The server itself did not take a message: no order ever heard of it."""


async def send_signal(client: Client, order_id: str, malformed: Malformed) -> None:
    """Send a message as a signal. Raises TurnedAway."""
    request = SignalWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
        signal_name=malformed.name,
        input=Payloads(payloads=malformed.payloads),
        header=Header(fields=malformed.headers),
    )
    await _taken(lambda: client.workflow_service.signal_workflow_execution(request))


async def send_update(client: Client, order_id: str, malformed: Malformed) -> Any:
    """Send a message as an update; its answer. Raises TurnedAway, TimeoutError; AssertionError where it failed."""
    request = UpdateWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
        request=Request(
            meta=Meta(update_id=malformed.update_id),
            input=Input(
                name=malformed.name,
                args=Payloads(payloads=malformed.payloads),
                header=Header(fields=malformed.headers),
            ),
        ),
        wait_policy=WaitPolicy(lifecycle_stage=_COMPLETED),
    )
    async with asyncio.timeout(PATIENCE):
        while True:
            response = await _taken(lambda: client.workflow_service.update_workflow_execution(request))
            failure = response.outcome.failure
            if response.outcome.HasField("success"):
                return json.loads(response.outcome.success.payloads[0].data)
            if failure.application_failure_info.type != _RUN_ENDED:
                raise AssertionError(f"the update failed: {failure}")


async def _taken(call: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call()
            except RPCError as error:
                if error.status is RPCStatusCode.INVALID_ARGUMENT:
                    raise TurnedAway(error.message) from error
                if error.status not in _FOR_A_MOMENT and not takes_nothing_now(error):
                    raise
            await asyncio.sleep(AGAIN_AFTER)


async def as_read(client: Client, order_id: str, malformed: Malformed, unnamed: str) -> Message:
    """The message that an order without keys reads; `unnamed` is its id where it has none."""
    context = WorkflowSerializationContext(namespace=client.namespace, workflow_id=workflow_id(order_id))
    converter = connected_for_work(client).data_converter.with_context(context)
    codec, reader = converter.payload_codec, converter.payload_converter
    payloads = await codec.decode(list(malformed.payloads)) if codec else list(malformed.payloads)
    if malformed.name in COMMANDS:
        values = reader.from_payloads(payloads, None)
    else:
        values = [value for payload in payloads for value in reader.from_payloads([payload], None)]
    unopened = next((value for value in values if isinstance(value, Unopened)), None)
    if unopened is not None:
        values = [Undecodable(WHY_UNOPENED[unopened.verdict])]
    if len(values) == 1 and isinstance(values[0], dict):
        values = [{key: value for key, value in values[0].items() if key != TOKEN}]
    return message_of(malformed.name, values, unnamed)
