"""One order for a backend: its commands, and where it stands."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from recourse.database.access import DatabaseMissing
from recourse.database.orders import Stored, read_answered, read_order
from recourse.database.steps import StepOutOfOrder
from recourse.errors import NoSuchOrder, OrderNotRunning, TemporalUnreachable
from recourse.resolution.answers import check_build
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.fields import UNNAMED
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Applied, Outcome, Refused, read_outcome
from recourse.resolution.model.reading import read_message
from recourse.resolution.rules.clocks import is_over
from recourse.resolution.shown.answering import unrecorded
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.names import TOKEN, workflow_id
from recourse.runtime.signing import RecordSigner
from recourse.starter.actors import AnyActor
from recourse.starter.commands import Commands
from recourse.starter.messages import unsendable
from recourse.starter.reading import StoredOrder
from recourse.starter.temporal_errors import (
    takes_nothing_now,
    task_failure,
    unanswered,
    unanswered_update,
    unless_not_found,
)

# An update that a closing run turns away is taken by the next run, if there is one.
TRIES = 3
AGAIN_AFTER = 0.1  # seconds
LOOKS_FOR = 3.0  # seconds


# Sends a command and its payload to an order whose workflow has ended; None: it is to be sent again.
BringsBack = Callable[[Order, str, dict[str, Any]], Awaitable[Outcome | None]]


def answer_to(command: str, payload: Mapping[str, Any], answer: Mapping[str, Any]) -> Outcome:
    """The outcome of a command. Raises Unanswered where a worker answered that something else was done.

    A program that takes a workflow task away from our workers can return an answer that it has seen.
    """
    outcome = read_outcome(answer)
    if isinstance(outcome, Applied) and (outcome.command, outcome.command_id) != (command, payload["command_id"]):
        raise unanswered(f"`{command}` was done", "the answer is that to another command", payload)
    return outcome


class OrderHandle(StoredOrder, Commands):
    """One order: a method for each command, and methods that read it.

    `Recourse.order` makes it. A command returns its outcome once that is committed; a refusal is an outcome too. The
    same `command_id` again, from the same actor with the same command and fields, gets the first outcome; with others
    it is refused `command_id_reused`. Without an id, a new one is made.

    Raises NoSuchOrder, OrderNotRunning, DatabaseUnreachable, TemporalUnreachable, BadInput (Temporal cannot take such
    an order id, or the client was made without a database), and Unanswered: no answer came within the handle's
    patience, so it is unknown whether the command arrived.
    """

    def __init__(
        self,
        temporal: Client,
        pool: Any,
        order_id: str,
        *,
        now: Callable[[], datetime],
        stamped: Callable[[Mapping[str, Any]], dict[str, Any]],
        patience: timedelta,
        signer: RecordSigner | None = None,
        bring_back: BringsBack,
    ) -> None:
        super().__init__(pool, order_id, now, signer)
        self.temporal = temporal
        self._stamped = stamped
        self._patience = patience
        self._bring_back = bring_back

    async def _give(self, command: str, actor: AnyActor, command_id: str | None, /, **fields: Any) -> Outcome:
        given = {name: _plain(value) for name, value in fields.items() if value is not None}
        sender = {"role": actor.role, "id": actor.id}
        return await self.send(command, {"actor": sender, "command_id": command_id, **given})

    async def send(self, command: str, fields: Mapping[str, Any]) -> Outcome:
        """Send a command by its name and wait for its outcome, which comes once its step is committed.

        `fields` is the message as JSON: `actor`, `command_id`, and the fields of the command. Use the method of the
        command where you know which one it is. Raises the same errors.
        """
        payload = self._stamped(fields)
        problem = unsendable(payload)
        if problem:
            return unrecorded(self.id, command, payload["command_id"], "malformed", problems={"payload": problem})
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                return await self._ask(command, payload)
        except TimeoutError as error:
            why = await self._why_silent() or (
                f"no answer within {self._patience.total_seconds():g} s; check that a worker runs"
            )
            raise unanswered(f"order {self.id} received `{command}`", why, payload) from error

    async def signal(self, command: str, fields: Mapping[str, Any]) -> Refused | None:
        """Send a command by its name and do not wait: Temporal keeps it, even while every worker is down.

        None: it is on its way. Refused: it was not sent, since the order answers no more, or the message is too large
        or no JSON. Raises the same errors as `send`.
        """
        payload = self._stamped(fields)
        problem = unsendable(payload)
        if problem:
            return unrecorded(self.id, command, payload["command_id"], "malformed", problems={"payload": problem})
        doing = f"order {self.id} received `{command}`"
        try:
            await self.workflow.signal(command, payload)
        except RPCError as error:
            unless_not_found(error, doing, payload)
            over = await self._take_after_the_end(command, payload)
            if over is None:
                raise unanswered(doing, "the order was restarting", payload) from error
            return over if isinstance(over, Refused) else None
        return None

    async def _why_silent(self) -> str | None:
        """What an order waits for; None: unknown."""
        try:
            async with asyncio.timeout(LOOKS_FOR):
                described = await self.workflow.describe()
                failure = await task_failure(self.temporal, self.id)
        except (RPCError, TimeoutError):
            return None
        if failure is not None and failure.application_failure_info.type == NeedsNewerBuild.__name__:
            return failure.message.rstrip(".")
        failures = [pending.last_failure for pending in described.raw_description.pending_activities]
        if any(failure.application_failure_info.type == StepOutOfOrder.__name__ for failure in failures):
            return f"the database was set back: `recourse order repair {self.id}` restores it"
        return None

    async def _ask(self, command: str, payload: dict[str, Any]) -> Outcome:
        doing, tries = f"order {self.id} received `{command}`", 0
        while tries < TRIES:
            try:
                # Each call is an update of its own, so that the order itself answers a repeated id as repeated.
                answer: dict[str, Any] = await self.workflow.execute_update(command, payload, result_type=dict)
            except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                raise unanswered_update(error, doing, payload) from error
            except RPCError as error:
                if takes_nothing_now(error):
                    await asyncio.sleep(AGAIN_AFTER)
                    continue
                unless_not_found(error, doing, payload)
            except WorkflowUpdateFailedError:
                pass  # its workflow ended first; the database knows whether it was decided before
            else:
                return answer_to(command, payload, answer)
            over = await self._take_after_the_end(command, payload)
            if over is not None:
                return over
            tries += 1
        raise unanswered(doing, "the order was restarting", payload)

    async def _take_after_the_end(self, command: str, payload: dict[str, Any]) -> Outcome | None:
        """The answer of an order that Temporal says is not there; None where it runs after all.

        What the payment provider reports brings its workflow back.
        """
        message = read_message(command, {key: value for key, value in payload.items() if key != TOKEN}, UNNAMED)
        try:
            with explaining_database_errors():
                stored = await read_order(self.pool, self.id)
                first = await read_answered(self.pool, self.id, *message.key)
        except DatabaseMissing:
            if await self._status() is WorkflowExecutionStatus.RUNNING:
                return None
            raise
        if first is not None and first.fingerprint in (None, message.fingerprint):
            return first.outcome.model_copy(update={"repeated": True})
        if not await self._has_ended(stored):
            return None
        if first is not None and stored is not None:
            check_build(stored.order, message, first.outcome)
        if stored is not None and message.brings_back:
            return await self._bring_back(stored.order, command, payload)
        return unrecorded(self.id, command, message.command_id, "order_closed")

    async def is_orphaned(self) -> bool:
        """Whether the order needs a workflow and has none."""
        try:
            await self.has_ended()
        except OrderNotRunning:
            return True
        return False

    async def has_ended(self) -> bool:
        """Whether the order answers no more; False where its workflow runs. Raises NoSuchOrder, OrderNotRunning."""
        with explaining_database_errors():
            return await self._has_ended(await read_order(self.pool, self.id))

    async def _has_ended(self, stored: Stored | None) -> bool:
        status = await self._status()
        if status is WorkflowExecutionStatus.RUNNING:
            return False
        if stored is None:
            if status in (None, WorkflowExecutionStatus.FAILED):
                raise NoSuchOrder(f"There is no order {self.id}.")
            raise ended_unwritten(self.id)
        # By its own clock, which may be ahead of ours.
        by_itself = status is WorkflowExecutionStatus.COMPLETED
        if is_over(stored.order, self._now()) or (by_itself and stored.order.closed):
            return True
        raise database_is_behind(self.id) if by_itself else not_running(self.id, stored.order.phase)

    async def _status(self) -> WorkflowExecutionStatus | None:
        """How the workflow of an order stands; None: Temporal has none."""
        try:
            return (await self.workflow.describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                unless_not_found(error, f"order {self.id} was looked at")
                return None
            raise TemporalUnreachable(f"Temporal does not answer: {error.message}") from error

    @property
    def workflow(self) -> WorkflowHandle[Any, Any]:
        """Its workflow, for a Temporal client."""
        return self.temporal.get_workflow_handle(workflow_id(self.id))


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return write_duration(value)
        case datetime():
            return value.isoformat()
        case _:
            return value


def not_running(order_id: str, phase: str) -> OrderNotRunning:
    """The order is in the database, and no workflow of it runs."""
    remedy = f"recourse order revive {order_id}"
    return OrderNotRunning(
        f"Order {order_id} is {phase.replace('_', ' ')} in the database, but has no workflow: it was terminated or "
        "deleted, or TEMPORAL_ADDRESS or TEMPORAL_NAMESPACE names another Temporal. Nothing is lost: "
        f"`{remedy}` restarts the order.",
        remedy,
    )


def database_is_behind(order_id: str) -> OrderNotRunning:
    """The workflow has ended by itself, and the database has the order as open."""
    remedy = f"recourse order repair {order_id}"
    return OrderNotRunning(
        f"Order {order_id} has ended, but the database was set back to an earlier state: `{remedy}` restores it.",
        remedy,
    )


def ended_unwritten(order_id: str) -> OrderNotRunning:
    """The workflow was ended, and the database does not have the order."""
    remedy = f"recourse doctor {order_id}"
    return OrderNotRunning(
        f"Order {order_id} is not in the database, and its workflow was ended: `{remedy}` shows the fix.",
        remedy,
    )
