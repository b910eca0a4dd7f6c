"""Telling the parties and the operators, beside everything else that an order does."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from recourse.activities.contract import DELIVER_NOTICES

ONE_ATTEMPT = timedelta(minutes=2)
NOTICES_FOR = timedelta(days=7)


class Deliveries:
    """The notices of one order on their way; that they fail never fails the order.

    `upto` is the last step whose notices are to be told, `told_upto` the last one whose notices everybody took.
    """

    def __init__(self, order_id: str, *, upto: int = -1, told_upto: int = -1) -> None:
        self._order_id = order_id
        self.upto, self.told_upto = upto, told_upto
        self._delivering: asyncio.Task[None] | None = None
        self._see_to_it()

    @property
    def done(self) -> bool:
        """Whether nothing is on its way."""
        return self._delivering is None or self._delivering.done()

    def deliver(self, upto: int) -> None:
        """Have the notices of all steps up to this one delivered as well."""
        self.upto = upto
        self._see_to_it()

    def _see_to_it(self) -> None:
        if self.told_upto < self.upto and self.done:
            self._delivering = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        """Deliver the notices of all steps so far.

        What a receiver does not take is tried again for days. Notices that come meanwhile get a try of their own at
        once: somebody else may be waiting for them.
        """
        while self.told_upto < self.upto:
            upto = self.upto
            if not await self._try(upto, once=True):
                trying = asyncio.create_task(self._try(upto))
                await workflow.wait_condition(lambda: trying.done() or self.upto > upto)  # noqa: B023
                if not trying.done():
                    trying.cancel()
                    continue
            self.told_upto = upto

    async def _try(self, upto: int, *, once: bool = False) -> bool:
        """Whether everybody took what waits up to a step."""
        try:
            await workflow.execute_activity(
                DELIVER_NOTICES,
                args=[self._order_id, upto],
                start_to_close_timeout=ONE_ATTEMPT,
                schedule_to_close_timeout=NOTICES_FOR,
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=10), maximum_attempts=1 if once else 0),
                summary=f"tell the parties, up to step {upto}",
            )
        except ActivityError as error:
            if not once:
                workflow.logger.warning("notices up to step %s were not delivered: %s", upto, error.cause)
            return False
        return True
