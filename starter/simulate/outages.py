"""Orders of stories in which a worker is away for a while, or something is reported after the end."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from recourse.resolution.model.order import Opening
    from recourse.resolution.model.reading import unreadable_message
    from recourse.runtime.names import ORDER
    from recourse.workflows.carried import Carried
    from recourse.workflows.order import OrderWorkflow, Pending

AWAY_UNTIL = "away_until"
STAYS_UNTIL = "stays_until"


@workflow.defn(name=ORDER)
class OrderWithOutages(OrderWorkflow):
    """An order whose worker is away until a given instant: everything waits, and is decided in one wake. Or one whose
    workflow runs until a given instant, also while the order is over.

    No worker can be held down across skipped time, since time is only skipped while no work waits. It is skipped for a
    run that is there, so none can come back at an instant of a story.
    """

    def __init__(self) -> None:
        super().__init__()
        self.back_at: datetime | None = None
        self.stays_until: datetime | None = None

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """As ever."""
        return await super().run(start)

    def receive(
        self, name: str, arguments: Sequence[Any], update_id: str | None = None, number: int | None = None
    ) -> Pending:
        """Everything as ever, and until when the worker is away."""
        if name == AWAY_UNTIL:
            self.back_at = datetime.fromisoformat(arguments[0])
            return Pending(unreadable_message(name, "not for the inbox", "away"))
        if name == STAYS_UNTIL:
            self.stays_until = datetime.fromisoformat(arguments[0])
            return Pending(unreadable_message(name, "not for the inbox", "stays"))
        return super().receive(name, arguments, update_id, number)

    async def drain(self) -> None:
        """As ever, once the workflow may end."""
        while self.over and self.stays_until and workflow.now() < self.stays_until:
            with suppress(TimeoutError):
                left = self.stays_until - workflow.now()
                await workflow.wait_condition(lambda: bool(self.inbox), timeout=left)
            await self.decide_pending()
        await super().drain()

    async def decide_pending(self) -> None:
        """Nothing before the worker is back."""
        if self.back_at is not None:
            await workflow.sleep(max(self.back_at - workflow.now(), timedelta(0)))
            self.back_at = None
        await super().decide_pending()
