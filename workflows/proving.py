"""Activities that an order asks for, each with the proof that a worker of ours asks."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import StartActivityInput, StartLocalActivityInput, WorkflowOutboundInterceptor

with workflow.unsafe.imports_passed_through():
    from recourse.activities.contract import UNPROVEN
    from recourse.runtime.proofs import HEADER, Caller, Proofs

AGAIN_AFTER = timedelta(seconds=10)


async def ask(activity: str, **options: Any) -> Any:
    """The result of a regular activity.

    What a worker without the key of the others asked for is refused, as is what was asked for before there were keys:
    it is asked for anew.
    """
    while True:
        try:
            return await workflow.execute_activity(activity, **options)
        except ActivityError as error:
            if not (isinstance(error.cause, ApplicationError) and error.cause.type == UNPROVEN):
                raise
            workflow.logger.warning("%s Check that all workers have the same RECOURSE_WORKER_KEYS.", error.cause)
        await workflow.sleep(AGAIN_AFTER)


class Proving(WorkflowOutboundInterceptor):
    """Adds the proof to whatever an order asks for."""

    def __init__(self, next: WorkflowOutboundInterceptor, proofs: Proofs) -> None:
        super().__init__(next)
        self._proofs = proofs

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        """With its proof."""
        self._prove(input)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        """With its proof."""
        self._prove(input)
        return super().start_local_activity(input)

    def _prove(self, input: StartActivityInput | StartLocalActivityInput) -> None:
        info = workflow.info()
        inputs = workflow.payload_converter().to_payloads(input.args)
        # As they are now, so that nothing is written as JSON twice.
        input.args = [RawValue(payload) for payload in inputs]
        caller = Caller(input.activity, info.workflow_id, info.run_id)
        input.headers = {**input.headers, HEADER: self._proofs.make(caller, inputs)}
