"""The clocks of a sandbox: each order has its own, which goes on from wherever it was moved to."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from recourse.errors import RecourseError
from recourse.starter.client import Recourse
from recourse.starter.simulate.order_clock import OrderClock

with workflow.unsafe.imports_passed_through():
    from recourse.resolution.model.fields import Instant
    from recourse.resolution.model.order import Opening
    from recourse.runtime.names import ORDER
    from recourse.workflows.carried import Carried
    from recourse.workflows.order import OrderWorkflow, Pending

PATIENCE = 60.0  # seconds that one deadline may take to be decided
# How a stamp by the clock of its order ends. It says UTC as well, and no other sender writes it so.
BY_THE_ORDERS_CLOCK = "-00:00"
_STAMP: TypeAdapter[datetime] = TypeAdapter(Instant)
_read: ContextVar[str | None] = ContextVar("the order that a call is about", default=None)


class ClockStopped(RecourseError):
    """The clock of an order cannot be moved; the text says why."""


@workflow.defn(name=ORDER)
class SandboxOrder(OrderWorkflow):
    """An order whose clock may be ahead of its senders' clocks.

    The web server of the sandbox stamps commands by the order's clock. Other clients stamp them by the clock of this
    machine. By the order's own clock that may be days ago, so what they send counts when it is decided.
    """

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """Run the order from its start to its end; returns how it ended."""
        return await super().run(start)

    def receive(
        self, name: str, arguments: Sequence[Any], update_id: str | None = None, number: int | None = None
    ) -> Pending:
        """Put one message into the inbox, without a stamp by another clock."""
        return super().receive(name, [_without_foreign_stamp(argument) for argument in arguments], update_id, number)


def _without_foreign_stamp(argument: Any) -> Any:
    if not isinstance(argument, Mapping):
        return argument
    try:
        _STAMP.validate_python(argument.get("sent_at"))
    except ValidationError:
        return argument  # no stamp, or one that makes the message malformed
    if argument["sent_at"].endswith(BY_THE_ORDERS_CLOCK):
        return argument
    return {key: value for key, value in argument.items() if key != "sent_at"}


class Clocks:
    """How far the clock of each order is ahead of this machine's."""

    def __init__(self, temporal: Client, pool: Any) -> None:
        self._temporal, self._pool = temporal, pool
        self._ahead: dict[str, timedelta] = {}
        # By how much is not known while a clock moves, and after a move that did not reach its end.
        self._moving: set[str] = set()
        self._moves: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def now(self) -> datetime:
        """The clock of the order that the current call is about; this machine's where it is about none."""
        return self.of(_read.get())

    def of(self, order_id: str | None) -> datetime:
        """The clock of an order."""
        return datetime.now(UTC) + self._ahead.get(order_id or "", timedelta(0))

    def stamp(self) -> str | None:
        """The stamp of what is sent now to the order that the current call is about; None where its clock is not
        known."""
        order_id = _read.get()
        if order_id is None or order_id in self._moving:
            return None
        return f"{self.of(order_id):%FT%T}{BY_THE_ORDERS_CLOCK}"

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
            self._moving.add(order_id)
            try:
                await clock.move_to(to)
            except TimeoutError as error:
                raise ClockStopped(
                    f"The clock of order {order_id} has stopped on its way: within {PATIENCE:g} s the order did not "
                    "finish what it was doing. Check that no payment is blocked, that your webhook receiver answers, "
                    "and that nothing is away."
                ) from error
            finally:
                here = datetime.now(UTC)
                reads = to if clock.ended else await clock.now()
                self._ahead[order_id] = reads - here
            self._moving.discard(order_id)
            return self.of(order_id)


class SandboxOrders(Recourse):
    """Orders for the web server of a sandbox: it shows and stamps by the clock of the order that a call is about."""

    def __init__(self, temporal: Client, pool: Any, clocks: Clocks, **more: Any) -> None:
        super().__init__(temporal, pool, now=clocks.now, **more)
        self._clocks = clocks

    def stamped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The message that is sent."""
        message, stamp = super().stamped(fields), self._clocks.stamp()
        return message if stamp is None else message | {"sent_at": stamp}


async def _runs(clock: OrderClock, order_id: str) -> None:
    try:
        status = (await clock.handle.describe()).status
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        status = None
    if status is WorkflowExecutionStatus.COMPLETED:
        raise ClockStopped(
            f"Order {order_id} takes no more commands and has no deadlines left, so its clock has stopped."
        )
    if status is not WorkflowExecutionStatus.RUNNING:
        raise ClockStopped(f"Order {order_id} has lost its workflow: `recourse order revive {order_id}` restarts it.")
