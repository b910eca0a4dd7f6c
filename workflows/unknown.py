"""What is no order."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from recourse.runtime.names import ORDER


@workflow.defn(dynamic=True)
class UnknownWorkflow:
    """Fails what no worker knows at once, instead of letting it wait for ever."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:
        """Say which name came and which is meant."""
        name = workflow.info().workflow_type
        raise ApplicationError(f"There is no workflow type {name!r}; orders are of type {ORDER!r}.", non_retryable=True)
