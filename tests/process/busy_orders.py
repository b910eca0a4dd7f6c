"""An order that keeps its worker's thread busy for some seconds, as thousands of messages at once do."""

import time

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from recourse.resolution.model.order import Opening
    from recourse.runtime.names import ORDER
    from recourse.workflows.carried import Carried
    from recourse.workflows.order import OrderWorkflow

BUSY = 3  # seconds


@workflow.defn(name=ORDER)
class BusyOrder(OrderWorkflow):
    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """As ever, after a while in which nothing else gets the thread."""
        with workflow.unsafe.sandbox_unrestricted():
            time.sleep(BUSY)  # noqa: ASYNC251 - that is what it is for
        return await super().run(start)
