"""An order each of whose new runs begins late, when signals have come to it already."""

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from recourse.resolution.model.order import Opening
    from recourse.runtime.names import ORDER
    from recourse.workflows.carried import Carried
    from recourse.workflows.order import OrderWorkflow

WAITS_FOR = 3  # signals


@workflow.defn(name=ORDER)
class LateOrder(OrderWorkflow):
    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """As ever, but a new run waits until some signals are there, or no more seem to come."""
        if isinstance(start, Carried):
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self.signals >= WAITS_FOR, timeout=timedelta(seconds=2))
        return await super().run(start)
