"""What a sealed message is for: the name of its command stands inside of it, so that no copy counts as anything else.

The encryption itself binds a payload to its order's workflow. It does not know the name of the signal or update, which
Temporal keeps in plain.
"""

from typing import Any

from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowUpdateHandle,
)
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter

from recourse.runtime.payloads import MEANT_FOR


class BindsMessages(Interceptor):
    """The client interceptor of a program with payload keys: it puts into each message what the message is for."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Binds what goes out."""
        return _Binding(next)


class _Binding(OutboundInterceptor):
    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.args = [_bound(f"signal:{input.signal}", value) for value in input.args]
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        input.args = [_bound(f"update:{input.update}", value) for value in input.args]
        return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        update = input.update_workflow_input
        update.args = [_bound(f"update:{update.update}", value) for value in update.args]
        return await super().start_update_with_start_workflow(input)


def _bound(purpose: str, value: Any) -> Any:
    if isinstance(value, RawValue):
        # Such as what is sent again as it was.
        return value
    [payload] = pydantic_data_converter.payload_converter.to_payloads([value])
    payload.metadata[MEANT_FOR] = purpose.encode()
    return RawValue(payload)
