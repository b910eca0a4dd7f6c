"""Delivering notices to the parties and the operators, while the order goes on."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from recourse.activities.contract import DELIVER_NOTICES
    from recourse.workflows.proving import ask

ONE_ATTEMPT = timedelta(minutes=2)
NOTICES_FOR = timedelta(days=7)


class Deliveries:
    """The deliveries of one order's notices; that they fail never fails the order.

    `to_deliver`: the last step whose notices are to be delivered. `delivered_to`: the last step whose notices every
    receiver took.
    """

    def __init__(self, order_id: str, *, to_deliver: int = -1, delivered_to: int = -1) -> None:
        self._order_id = order_id
        self.to_deliver, self.delivered_to = to_deliver, delivered_to
        self._delivering: asyncio.Task[None] | None = None
        self._ensure_delivering()

    @property
    def done(self) -> bool:
        """Whether no delivery is running."""
        return self._delivering is None or self._delivering.done()

    def deliver(self, to_deliver: int) -> None:
        """Deliver the notices of all steps up to this one as well."""
        self.to_deliver = to_deliver
        self._ensure_delivering()

    def _ensure_delivering(self) -> None:
        if self.delivered_to < self.to_deliver and self.done:
            self._delivering = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        """Deliver the notices of all steps so far.

        What a receiver does not take is tried again for days. Notices that come meanwhile get a try of their own at
        once: another receiver may be waiting for them.
        """
        while self.delivered_to < self.to_deliver:
            upto = self.to_deliver
            if not await self._try(upto, once=True):
                trying = asyncio.create_task(self._try(upto))
                await workflow.wait_condition(lambda: trying.done() or self.to_deliver > upto)  # noqa: B023
                if not trying.done():
                    trying.cancel()
                    continue
            self.delivered_to = upto

    async def _try(self, upto: int, *, once: bool = False) -> bool:
        """Whether every receiver took what waits up to a step."""
        try:
            await ask(
                DELIVER_NOTICES,
                args=[self._order_id, upto],
                start_to_close_timeout=ONE_ATTEMPT,
                schedule_to_close_timeout=NOTICES_FOR,
                retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=10), maximum_attempts=1 if once else 0),
                summary=f"deliver notices, up to step {upto}",
            )
        except ActivityError as error:
            if not once:
                workflow.logger.warning("notices up to step %s were not delivered: %s", upto, error.cause)
            return False
        return True
