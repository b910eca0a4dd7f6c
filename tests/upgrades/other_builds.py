"""Builds that should not have been rolled out."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from recourse.resolution.model.order import Opening
    from recourse.runtime.names import ORDER
    from recourse.workflows.carried import Carried
    from recourse.workflows.order import OrderWorkflow, Pending


@workflow.defn(name=ORDER)
class Broken(OrderWorkflow):
    """A build whose orders fail each workflow task."""

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        raise RuntimeError("a bug of this build")


@workflow.defn(name=ORDER)
class Differing(OrderWorkflow):
    """A build that asks Temporal for a timer more before it decides a request: no other can replay that."""

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        return await super().run(start)

    async def decide_message(self, pending: Pending) -> None:
        if pending.message.name == "request":
            await workflow.sleep(timedelta(milliseconds=1))
        await super().decide_message(pending)
