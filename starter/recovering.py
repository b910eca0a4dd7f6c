"""Bringing an order's workflow and its database together again, whatever people did to either of them.

A workflow that is lost, or older than the database, starts anew from the database (`revive`). A database that was set
back gets the steps that it lost from Temporal's histories (`repair`). Neither decides anything anew.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from recourse.database.orders import Stored, read_order
from recourse.database.recovering import highest_unnamed, is_answered, mark_told
from recourse.database.steps import StepOutOfOrder, record_step
from recourse.errors import NoSuchOrder, RecourseError
from recourse.resolution.model.data_version import DATA_VERSION
from recourse.resolution.model.order import Opening
from recourse.resolution.rules.clocks import is_over
from recourse.runtime.database_connection import explaining_database_errors
from recourse.runtime.names import FORMER, ORDER, workflow_id
from recourse.starter.client import Recourse
from recourse.starter.histories import CannotFollow, Course, Run, course_of, former_of, runs
from recourse.starter.reading import now
from recourse.starter.starting import begin, found_by, options_to_go_on
from recourse.starter.temporal_errors import unless_not_found
from recourse.wording.english import PHASES
from recourse.workflows.inbound import NUMBER, numbered

# A workflow task that is under way may be writing a step that no history has yet.
TASK_TAKES = 12.0  # seconds
LOOKS_AGAIN_AFTER = 0.25  # seconds

State = Literal["well", "over", "orphaned", "temporal_behind", "database_behind", "unknown"]


def counted(number: int, thing: str) -> str:
    """So many of a thing, as `1 order` or `2 orders`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


class CannotRecover(RecourseError):
    """An order that cannot be brought together again this way; the text says why, and what to do."""


@dataclass(frozen=True)
class Finding:
    """How an order's workflow and its database stand to each other.

    `well`: they agree. `over`: the order answers no more and needs no workflow. `orphaned`: it needs one and none runs.
    `temporal_behind`: the workflow that runs lacks steps which the database has. `database_behind`: the other way
    round. `unknown`: its history cannot be replayed here.
    """

    order_id: str
    state: State
    says: str
    run_id: str | None = None

    @property
    def command(self) -> str | None:
        """What puts it right."""
        match self.state:
            case "orphaned" | "temporal_behind":
                return f"recourse order revive {self.order_id}"
            case "database_behind":
                return f"recourse order repair {self.order_id}"
            case _:
                return None


@dataclass(frozen=True)
class Done:
    """What was done to an order; `sent_again`: messages that its former run had not decided, `written`: steps."""

    order_id: str
    says: str
    sent_again: int = 0
    written: int = 0


class Recovery:
    """Examines orders and brings them together again, on the servers of a client."""

    def __init__(self, recourse: Recourse, *, now: Callable[[], datetime] = now) -> None:
        self._recourse, self._now = recourse, now
        self._temporal, self._pool = recourse.temporal, recourse.pool

    async def examine(self, order_id: str) -> Finding:
        """How an order stands. Raises NoSuchOrder, DatabaseUnreachable, TemporalUnreachable, Unanswered."""
        stored, described = await self._stored(order_id), await self._described(order_id)
        if described is None:
            if stored is None:
                raise NoSuchOrder(f"There is no order {order_id}.")
            return self._without_workflow(order_id, stored, "Temporal has no workflow for it")
        run_id = described.run_id
        try:
            course = await course_of(self._temporal, described.id, run_id, stored.step if stored else -1)
        except CannotFollow as error:
            return Finding(order_id, "unknown", str(error), run_id)
        if described.status is WorkflowExecutionStatus.RUNNING:
            return await self._running(order_id, course, run_id)
        if course.reached > (stored.step if stored else -1):
            return _database_behind(order_id, stored, course, run_id)
        ended = _words(described.status)
        if stored is None:
            return Finding(order_id, "orphaned", f"its workflow was {ended} before its order was written", run_id)
        # It ended by itself, by its own clock, which may be ahead of ours.
        if described.status is WorkflowExecutionStatus.COMPLETED and course.reached == stored.step:
            return Finding(order_id, "over", "it is over and needs no workflow", run_id)
        return self._without_workflow(order_id, stored, f"its workflow was {ended}", run_id)

    def _without_workflow(self, order_id: str, stored: Stored, why: str, run_id: str | None = None) -> Finding:
        if is_over(stored.order, self._now()):
            return Finding(order_id, "over", "it is over and needs no workflow", run_id)
        phase = PHASES[stored.order.phase]
        return Finding(order_id, "orphaned", f"it is {phase} in the database, but {why}", run_id)

    async def _running(self, order_id: str, course: Course, run_id: str | None) -> Finding:
        """Compare a workflow that runs; a step of which its history says nothing yet is waited for."""
        until = asyncio.get_running_loop().time() + TASK_TAKES
        while True:
            stored = await self._stored(order_id)
            step = stored.step if stored else -1
            if course.reached > step:
                return _database_behind(order_id, stored, course, run_id)
            if course.reached == step:
                return Finding(order_id, "well", "its workflow runs", run_id)
            if not course.begun:
                return Finding(order_id, "well", "its workflow runs, and begins once a worker picks it up", run_id)
            described = await self._temporal.get_workflow_handle(workflow_id(order_id)).describe()
            course = await course_of(self._temporal, described.id, described.run_id, step)
            task = described.raw_description.pending_workflow_task
            late = asyncio.get_running_loop().time() > until
            if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED and late:
                return Finding(order_id, "unknown", "its workflow task does not complete; see the worker's log", run_id)
            # Where nothing is under way, its workflow lacks whatever its history lacks.
            if course.reached < step and course.begun and (late or not task.state):
                why = f"its workflow is at step {course.reached}, the database at step {step}"
                return Finding(order_id, "temporal_behind", why, described.run_id)
            await asyncio.sleep(LOOKS_AGAIN_AFTER)

    async def revive(self, order_id: str) -> Done:
        """Restart the workflow of an order that has none but needs it, or whose workflow is behind the database.

        What nobody has decided is sent again. Raises CannotRecover where something else is wrong with it.
        """
        found = await self.examine(order_id)
        match found.state:
            case "well":
                # Where an earlier attempt ended half way, what it did not send is still to be sent.
                sent = await self._send_undecided_of_former(order_id)
                return Done(order_id, f"Order {order_id}: {found.says}.", sent)
            case "over":
                return Done(order_id, f"Order {order_id}: {found.says}.")
            case "database_behind" | "unknown":
                raise CannotRecover(_sentence(found))
        stored = await self._stored(order_id)
        opening = stored.order.opening if stored else await self._opening(order_id, found)
        if found.state == "temporal_behind":
            await self._end(order_id, found.run_id)
        # Nothing comes to a run that has ended, so what is read of it now is all that it has.
        former = [run async for run in self._chain(workflow_id(order_id), found.run_id)]
        with explaining_database_errors():
            answered = await highest_unnamed(self._pool, order_id)
        signals = max([answered, *(run.signals_upto for run in former)])
        options = options_to_go_on(opening, self._recourse.task_queue, self._recourse.web_url, signals, found.run_id)
        if stored:
            options["search_attributes"] = found_by(stored.order)
        try:
            await begin(self._recourse.temporal, options, opening)
        except WorkflowAlreadyStartedError:
            return Done(order_id, f"Order {order_id}: its workflow runs.")
        except RPCError as error:
            unless_not_found(error, f"order {order_id} was revived")
            raise
        sent = await self._send_undecided(order_id, former)
        return Done(order_id, f"Order {order_id} goes on. What was wrong: {found.says}.", sent)

    async def repair(self, order_id: str) -> Done:
        """Write the steps that a database lost, as they were.

        Raises CannotRecover where not all of them are there, or where a build of another data version decided some;
        what this build decided before those is written.
        """
        stored, described = await self._stored(order_id), await self._described(order_id)
        if described is None:
            raise CannotRecover(
                f"Temporal has no workflow for order {order_id}: there is no history to repair it from."
            )
        at = stored.step if stored else -1
        try:
            course = await course_of(self._temporal, described.id, described.run_id, at)
        except CannotFollow as error:
            raise CannotRecover(f"Order {order_id} cannot be repaired: {error}") from error
        if course.reached <= at:
            return Done(
                order_id, f"Order {order_id}: the database has all {counted(at + 1, 'step')} that Temporal has."
            )
        missing = [number for number in range(at + 1, course.reached + 1) if number not in course.steps]
        if missing:
            raise CannotRecover(
                f"Order {order_id} cannot be repaired: the database is at step {at}, and Temporal's histories lack "
                f"step {missing[0]}. Nothing was changed."
            )
        others = (step for _, step in sorted(course.steps.items()) if step.data_version != DATA_VERSION)
        of_another = next(others, None)
        upto = of_another.number - 1 if of_another else course.reached
        with explaining_database_errors():
            for number in range(at + 1, upto + 1):
                try:
                    other = await record_step(self._pool, course.steps[number])
                except StepOutOfOrder as error:
                    raise CannotRecover(str(error)) from error
                if other is not None:
                    raise CannotRecover(
                        f"Order {order_id} cannot be repaired: database and Temporal's history differ at step {number}."
                    )
            await mark_told(self._pool, order_id, course.told_upto, _channels())
        count = upto - at
        says = f"Order {order_id}: {counted(count, 'step')} restored, up to step {upto}."
        if of_another:
            raise CannotRecover(
                f"{says} Step {of_another.number} was decided by a build with data version {of_another.data_version}: "
                "run `repair` with that build."
            )
        return Done(order_id, says, written=count)

    async def _send_undecided_of_former(self, order_id: str) -> int:
        described = await self._described(order_id)
        former = await described.memo_value(FORMER, None) if described else None
        chain = self._chain(workflow_id(order_id), former_of(former))
        return await self._send_undecided(order_id, [run async for run in chain])

    async def _send_undecided(self, order_id: str, former: Sequence[Run]) -> int:
        """Send again, in order, whatever came to runs that ended and was not answered; how many that were.

        `former`: the last run, and those that it went on from. Each signal keeps its number, since a worker of a former
        run may answer it at the same time.
        """
        to_send = []
        for run in reversed(former):
            for sent in await run.sent():
                if not sent.has_id and sent.number is None:
                    # Its sender knows that it was not answered, and may have sent it again.
                    continue
                if not await is_answered(self._pool, order_id, sent.senders, sent.command_id):
                    to_send.append(sent)
        for sent in to_send:
            if sent.number is not None:
                sent.header.fields[NUMBER].CopyFrom(numbered(sent.number))
            await self._temporal.workflow_service.signal_workflow_execution(
                SignalWorkflowExecutionRequest(
                    namespace=self._temporal.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
                    signal_name=sent.name,
                    input=sent.input,
                    header=sent.header,
                    identity=self._temporal.identity,
                    # Temporal takes the same one once.
                    request_id=sent.event,
                ),
                retry=True,
            )
        return len(to_send)

    async def _chain(self, workflow: str, run_id: str | None) -> AsyncIterator[Run]:
        """A run and those that it went on from, as long as they handed on what they had not decided."""
        async for run in runs(self._temporal, workflow, run_id):
            yield run
            if not run.carries_messages:
                return

    async def _end(self, order_id: str, run_id: str | None) -> None:
        """End a run that goes on from what is no longer so, unless it has ended meanwhile."""
        try:
            await self._temporal.get_workflow_handle(workflow_id(order_id), run_id=run_id).terminate(
                reason="revived from the database"
            )
        except RPCError as error:
            unless_not_found(error, f"order {order_id} was revived")

    async def _opening(self, order_id: str, found: Finding) -> Opening:
        """What an order that never was written was started with."""
        async for run in runs(self._temporal, workflow_id(order_id), found.run_id):
            if isinstance(run.begun, Opening):
                return run.begun
        raise CannotRecover(f"Order {order_id} cannot be revived: its start input cannot be read.")

    async def _stored(self, order_id: str) -> Stored | None:
        with explaining_database_errors():
            return await read_order(self._pool, order_id)

    async def _described(self, order_id: str) -> WorkflowExecutionDescription | None:
        try:
            described = await self._temporal.get_workflow_handle(workflow_id(order_id)).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            unless_not_found(error, f"order {order_id} was looked at")
            return None
        return described if described.workflow_type == ORDER else None


def _channels() -> tuple[str, ...]:
    """By what receivers were told, as the rows of what was delivered name it."""
    # A web server, which only counts orders, loads neither.
    from recourse.activities.mail import MailChannel
    from recourse.activities.webhook import WebhookChannel

    return WebhookChannel.name, MailChannel.name


def _database_behind(order_id: str, stored: Stored | None, course: Course, run_id: str | None) -> Finding:
    at = f"at step {stored.step}" if stored else "without it"
    why = f"the database is {at}, its workflow was at step {course.reached}: the database was set back"
    return Finding(order_id, "database_behind", why, run_id)


def _sentence(found: Finding) -> str:
    advice = f" `{found.command}` restores the missing steps." if found.state == "database_behind" else ""
    return f"Order {found.order_id} cannot be revived: {found.says}.{advice}"


def _words(status: Any) -> str:
    return "ended" if status is None else str(status.name).lower().replace("_", " ")
