"""What Temporal's histories know of an order: the steps that were written, the messages that were not decided.

A history holds no step; it holds what a replay needs to make each of them again. The replay is the worker's own.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.common.v1 import Header, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    Interceptor,
    Replayer,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from recourse.activities.contract import DELIVER_NOTICES, RECORD_STEP, StepRecorded
from recourse.resolution.model.fields import UNNAMED
from recourse.resolution.model.order import Opening
from recourse.resolution.model.step import Step
from recourse.running import connected_for_work, how_workflows_run
from recourse.runtime.names import FORMER, SIGNALS
from recourse.workflows.carried import Carried
from recourse.workflows.inbound import message_of, number_of, start_of
from recourse.workflows.order import WORKFLOWS, signals_of


class CannotFollow(Exception):
    """A history that this version cannot replay, or not with the keys that are here; the text says why."""


@dataclass
class Course:
    """What one or several runs of an order did. `reached`: the last step that they know to be in the database.

    `begun`: whether the last run has decided anything; at first it goes on from whatever the database has.
    `steps`: those that they wrote, by number; what an attempt wrote that was forgotten is not among them. What a build
    of another data version decided is not as it was written: this build makes it with other keys, and other hashes.
    `told_upto`: the last step of which everybody took the notices.
    """

    reached: int = -1
    told_upto: int = -1
    begun: bool = True
    steps: dict[int, Step] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """A message as it lies in a history. `senders`: under which names the order may have answered it.

    `number`: its number among the signals of its order, which it keeps when it is sent again; None for an update.
    """

    name: str
    input: Payloads
    header: Header
    senders: tuple[str, ...]
    command_id: str
    number: int | None
    event: str

    @property
    def has_id(self) -> bool:
        """Whether it carries an id, by which it is known again."""
        return not self.command_id.startswith(UNNAMED)


class Run:
    """One run of an order's workflow, with its whole history."""

    def __init__(self, client: Client, history: WorkflowHistory) -> None:
        self._client = client
        self.history = history
        self.run_id = history.run_id
        self.started = history.events[0].workflow_execution_started_event_attributes
        self._converter = _for_workflow(client, connected_for_work(client).data_converter, history.workflow_id)

    @property
    def former(self) -> str | None:
        """The run before: the one that was reset, went on in this one, or in whose place this one was started."""
        return self._former

    async def read(self) -> "Run":
        """Decode how it began."""
        came = await self._converter.decode(self.started.input.payloads, [self._kind])
        begun = start_of(came, self._kind)
        self.begun: Opening | Carried | None = None if isinstance(begun, str) else begun
        memo = self.started.memo.fields
        said = {name: (await self._converter.decode([memo[name]]))[0] for name in (SIGNALS, FORMER) if name in memo}
        went_on_from = self.started.continued_execution_run_id or former_of(said.get(FORMER))
        self._former = _reset_from(self.history.events) or went_on_from
        self.signals_revived = signals_of(said.get(SIGNALS))
        if isinstance(self.begun, Carried):
            self.signals_before, self.steps_before = self.begun.signals, self.begun.steps
        else:
            self.signals_before, self.steps_before = self.signals_revived, 0
        return self

    @property
    def has_decided(self) -> bool:
        """Whether any of its workflow tasks is done, or it goes on from a run of which one is."""
        done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        return isinstance(self.begun, Carried) or any(event.event_type == done for event in self.history.events)

    @property
    def carries_messages(self) -> bool:
        """Whether it began with messages that the run before had not decided."""
        return isinstance(self.begun, Carried) and bool(self.begun.messages)

    @property
    def _kind(self) -> type[Opening | Carried]:
        return Carried if self.started.continued_execution_run_id else Opening

    async def follow(self, course: Course, behind: int) -> None:
        """Replay it, and keep what it wrote behind a step. Raises CannotFollow."""
        course.reached = max(course.reached, self.steps_before - 1)
        how = how_workflows_run()
        how["interceptors"] = [*how["interceptors"], _Watching(course, behind)]
        replayer = Replayer(
            workflows=WORKFLOWS,
            namespace=self._client.namespace,
            data_converter=connected_for_work(self._client).data_converter,
            **how,
        )
        result = await replayer.replay_workflow(self.history, raise_on_replay_failure=False)
        if result.replay_failure:
            raise CannotFollow(
                f"The history of run {self.run_id} of {self.history.workflow_id} cannot be replayed here: "
                f"{result.replay_failure}"
            )

    @property
    def signals_upto(self) -> int:
        """The highest number of a signal of its order, as far as it knows."""
        return self.signals_before + sum(map(_is_signal, self.history.events))

    async def sent(self) -> list[Sent]:
        """Every message that came to it, in order: signals, and updates that it accepted."""
        found, came = list[Sent](), self.signals_before
        for event in self.history.events:
            if _is_signal(event):
                signal = event.workflow_execution_signaled_event_attributes
                came += 1
                again = number_of(signal.header.fields)
                number = again if again and again <= self.signals_revived else came
                found.append(await self._sent(event, signal.signal_name, signal.input, signal.header, number))
            elif event.HasField("workflow_execution_update_accepted_event_attributes"):
                update = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
                found.append(await self._sent(event, update.name, update.args, update.header, None))
        return found

    async def _sent(self, event: HistoryEvent, name: str, input: Payloads, header: Header, number: int | None) -> Sent:
        arguments = await self._converter.decode(input.payloads)
        message = message_of(name, arguments, f"{UNNAMED}{number}")
        return Sent(
            name=name,
            input=input,
            header=header,
            # Unproven or unopened when it came, it went by nobody's name.
            senders=(message.sender, "unknown:"),
            command_id=message.command_id,
            number=number,
            event=f"{self.run_id}-{event.event_id}",
        )


def _is_signal(event: HistoryEvent) -> bool:
    return event.HasField("workflow_execution_signaled_event_attributes")


def former_of(kept: Any) -> str | None:
    """The run that a memo names under `FORMER`; None for anything else, since any starter may write a memo."""
    return kept if isinstance(kept, str) else None


def _for_workflow(client: Client, converter: DataConverter, workflow_id: str) -> DataConverter:
    return converter.with_context(WorkflowSerializationContext(namespace=client.namespace, workflow_id=workflow_id))


def _reset_from(events: Sequence[HistoryEvent]) -> str | None:
    resets = [event.workflow_task_failed_event_attributes.base_run_id for event in events]
    return next((run_id for run_id in reversed(resets) if run_id), None)


async def runs(client: Client, workflow_id: str, run_id: str | None) -> AsyncIterator[Run]:
    """The runs of an order from this one back, as far as Temporal still has their histories."""
    while run_id:
        try:
            history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        except RPCError as error:
            # A memo may name what is no id of a run.
            if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
                return
            raise
        run = await Run(client, history).read()
        yield run
        run_id = run.former


async def course_of(client: Client, workflow_id: str, run_id: str, behind: int) -> Course:
    """What the runs of an order, from this one back, did behind a step, as far as their histories are there.

    Raises CannotFollow.
    """
    course = Course()
    async for run in runs(client, workflow_id, run_id):
        if run.run_id == run_id:
            course.begun = run.has_decided
        await run.follow(course, behind)
        missing = set(range(behind + 1, course.reached + 1)) - set(course.steps)
        if not missing:
            break
    return course


class _Watching(Interceptor):
    """The worker interceptor of a replay that keeps what the order had written."""

    def __init__(self, course: Course, behind: int) -> None:
        self._course, self._behind = course, behind

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """Watches what leaves one workflow."""
        course, behind = self._course, self._behind

        class Watched(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_Watch(outbound, course, behind))

        return Watched


class _Watch(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, course: Course, behind: int) -> None:
        super().__init__(next)
        self._course, self._behind = course, behind

    def start_local_activity(self, input: StartLocalActivityInput) -> Any:
        return self._watch(input.activity, input.args, super().start_local_activity(input))

    def start_activity(self, input: StartActivityInput) -> Any:
        return self._watch(input.activity, input.args, super().start_activity(input))

    def _watch(self, activity: str, args: Sequence[Any], handle: Any) -> Any:
        def ended(done: Any) -> None:
            if done.cancelled() or done.exception() is not None:
                return
            if activity == RECORD_STEP:
                self._written(args[0], done.result())
            elif activity == DELIVER_NOTICES:
                self._course.told_upto = max(self._course.told_upto, args[1])

        handle.add_done_callback(ended)
        return handle

    def _written(self, step: Step, recorded: StepRecorded) -> None:
        course, adopted = self._course, recorded.adopted
        course.reached = max(course.reached, step.number if adopted is None else adopted.step)
        if adopted is None and step.number > self._behind:
            # Of two runs that wrote the same step the later one is asked first.
            decided_by = {"data_version": recorded.data_version}
            course.steps.setdefault(step.number, step.model_copy(update=decided_by))
