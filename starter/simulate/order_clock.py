"""The clock of one order, which a Temporal server with time skipping moves forward."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from recourse.database.orders import read_order
from recourse.resolution.rules.clocks import next_clock
from recourse.runtime.names import workflow_id

# A skip that is still going on when its target passes goes on to the next timer, so it ends this much before a clock,
# and the rest passes in real time.
ROOM = timedelta(milliseconds=250)
SKIPS = 10_000  # the server stops skipping silently after 200 otherwise
Condition = Callable[[], Awaitable[bool]]


class OrderClock:
    """One order's own time. It runs on in real time between the moves.

    `patience`: after how many seconds of waiting for the order's worker a move raises TimeoutError.
    """

    def __init__(self, client: Client, pool: Any, order_id: str, *, patience: float) -> None:
        self._skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=SKIPS))
        self._pool, self._order_id, self._patience = pool, order_id, patience
        self.handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id(order_id))
        self.ended = False  # the order answers no more, so its time stands still

    async def now(self) -> datetime:
        """What the clock reads."""
        return await self._skipper.get_current_time(self.handle)

    async def fire_next(self, until: datetime) -> datetime | None:
        """Fire the order's next deadline, if it is due by `until`, and return its instant."""
        due = None if self.ended else await self._next()
        if due is None or due > until:
            return None
        await self.skip_to(due - ROOM)
        await self.wait_until(self.past(due))
        return due

    async def move_to(self, at: datetime) -> None:
        """Fire every deadline up to `at`, one after the other, then stand at `at`."""
        while await self.fire_next(at) is not None:
            pass
        await self.skip_to(at)

    async def skip_to(self, at: datetime) -> None:
        """Move straight to an instant. No deadline may lie before it."""
        if self.ended:
            return
        try:
            await self.wait_until(self._idle)
            left = at - await self.now()
            if left > timedelta(0):
                async with asyncio.timeout(self._patience):
                    self.ended = not await self._skipper.fast_forward(self.handle, left)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            self.ended = True

    def past(self, at: datetime) -> Condition:
        """Whether everything that was due at `at` is decided."""

        async def past() -> bool:
            due = await self._next()
            return due is None or due > at

        return past

    async def wait_until(self, so: Condition) -> None:
        """Wait for something that the order's worker does. Raises TimeoutError."""
        async with asyncio.timeout(self._patience):
            while not await so():  # noqa: ASYNC110 - what it waits for is in the database or in Temporal
                await asyncio.sleep(0.01)

    async def _next(self) -> datetime | None:
        stored = await read_order(self._pool, self._order_id)
        clock = next_clock(stored.order) if stored else None
        return clock.at if clock else None

    async def _idle(self) -> bool:
        """Whether no work of the order is under way: a target that passes meanwhile is missed."""
        return not _works((await self.handle.describe()).raw_description)


def _works(described: DescribeWorkflowExecutionResponse) -> bool:
    """Whether a task of the workflow or an attempt at an activity is under way; one that waits to be retried is not."""
    return described.HasField("pending_workflow_task") or any(
        activity.state != PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        or not activity.HasField("next_attempt_schedule_time")
        for activity in described.pending_activities
    )
