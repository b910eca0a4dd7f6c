"""A build that should not have been rolled out."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.shapes import Carried
    from resolution.order import Opening
    from workflows.messages import ORDER
    from workflows.order import OrderWorkflow


@workflow.defn(name=ORDER)
class Broken(OrderWorkflow):
    """A build whose orders fail each workflow task."""

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        raise RuntimeError("a bug of this build")
