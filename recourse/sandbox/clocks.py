"""The clocks of a sandbox: each order has its own, which goes on from wherever it was moved to."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from recourse.errors import RecourseError
from recourse.starter.simulate.order_clock import OrderClock

with workflow.unsafe.imports_passed_through():
    from recourse.resolution.model.order import Opening
    from recourse.runtime.names import ORDER
    from recourse.workflows.carried import Carried
    from recourse.workflows.order import OrderWorkflow, Pending

PATIENCE = 60.0  # seconds that one deadline may take to be decided
_read: ContextVar[str | None] = ContextVar("the order that a call is about", default=None)


class ClockStopped(RecourseError):
    """The clock of an order cannot be moved; the text says why."""


@workflow.defn(name=ORDER)
class SandboxOrder(OrderWorkflow):
    """An order whose clock may be ahead of its senders' clocks.

    Clients stamp what they send by the clock of this machine. By the order's own clock that may be days ago, so what is
    sent counts when it comes.
    """

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """Run the order from its start to its end; returns how it ended."""
        return await super().run(start)

    def put(self, pending: Pending) -> None:
        """Put a message into the inbox, as coming now."""
        pending.message = pending.message.model_copy(update={"sent_at": None})
        super().put(pending)


class Clocks:
    """How far the clock of each order is ahead of this machine's."""

    def __init__(self, temporal: Client, pool: Any) -> None:
        self._temporal, self._pool = temporal, pool
        self._ahead: dict[str, timedelta] = {}
        self._moves: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def now(self) -> datetime:
        """The clock of the order that the current call is about; this machine's where it is about none."""
        return self.of(_read.get())

    def of(self, order_id: str | None) -> datetime:
        """The clock of an order."""
        return datetime.now(UTC) + self._ahead.get(order_id or "", timedelta(0))

    @contextmanager
    def reading(self, order_id: str | None) -> Iterator[None]:
        """Let `now` be the clock of this order while the block runs."""
        token = _read.set(order_id)
        try:
            yield
        finally:
            _read.reset(token)

    async def move(self, order_id: str, to: datetime) -> datetime:
        """Move the clock of an order forward, through each of its deadlines; returns what it reads then.

        Raises ClockStopped.
        """
        async with self._moves[order_id]:
            clock = OrderClock(self._temporal, self._pool, order_id, patience=PATIENCE)
            await _runs(clock, order_id)
            try:
                await clock.move_to(to)
            except TimeoutError as error:
                raise ClockStopped(
                    f"The clock of order {order_id} has stopped on its way: within {PATIENCE:g} s the order did not "
                    "finish what it was doing. Check that no payment is blocked, that your webhook receiver answers, "
                    "and that nothing is away."
                ) from error
            finally:
                reads = to if clock.ended else await clock.now()
                self._ahead[order_id] = reads - datetime.now(UTC)
            return self.of(order_id)


async def _runs(clock: OrderClock, order_id: str) -> None:
    try:
        status = (await clock.handle.describe()).status
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        status = None
    if status is WorkflowExecutionStatus.COMPLETED:
        raise ClockStopped(f"Order {order_id} takes no more commands and has no deadlines left, so its clock stands.")
    if status is not WorkflowExecutionStatus.RUNNING:
        raise ClockStopped(f"Order {order_id} has lost its workflow: `recourse order revive {order_id}` restarts it.")
