"""What Temporal has of an order: whether it runs, whether its workflow tasks failed, and how long its histories are."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

# A signal came while the order was ending its run, which it then did once more: how Temporal works, and no failure.
_USUAL = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
)
_ENDED_BADLY = ("FAILED", "TERMINATED", "TIMED_OUT", "CANCELED")


@dataclass(frozen=True)
class Lived:
    """One workflow with all of its runs. `events` and `size` (bytes) are those of its longest and largest run."""

    status: str
    runs: int
    events: int
    size: int
    failed_tasks: tuple[str, ...]
    why: str

    @property
    def wedged_or_failed(self) -> list[str]:
        """What no message may do to an order."""
        wrong = [f"a workflow task failed: {text}" for text in self.failed_tasks[:3]]
        return wrong + ([f"the workflow is {self.status}: {self.why}"] if self.status in _ENDED_BADLY else [])


async def lived(client: Client, workflow_id: str) -> Lived:
    """All runs of a workflow, read backwards from the last."""
    described = await client.get_workflow_handle(workflow_id).describe()
    run_id, runs, events, size, why = described.run_id, 0, 0, 0, ""
    failed: list[str] = []
    while run_id:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        history = [event async for event in handle.fetch_history_events()]
        runs, events = runs + 1, max(events, len(history))
        size = max(size, sum(event.ByteSize() for event in history))
        failed += [text for event in history if (text := _failure(event))]
        why = why or history[-1].workflow_execution_failed_event_attributes.failure.message
        run_id = history[0].workflow_execution_started_event_attributes.continued_execution_run_id
    return Lived(described.status.name if described.status else "?", runs, events, size, tuple(failed), why)


@dataclass(frozen=True)
class Run:
    """One run of a workflow."""

    id: str
    began: datetime


async def runs(client: Client, workflow_id: str) -> list[Run]:
    """All runs of a workflow, the first one first."""
    found: list[Run] = []
    run_id: str | None = (await client.get_workflow_handle(workflow_id).describe()).run_id
    while run_id:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        async for event in handle.fetch_history_events(page_size=1):
            found.append(Run(run_id, event.event_time.ToDatetime(UTC)))
            run_id = event.workflow_execution_started_event_attributes.continued_execution_run_id
            break
    return found[::-1]


def _failure(event: HistoryEvent) -> str | None:
    found = event.workflow_task_failed_event_attributes
    if event.event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED or found.cause in _USUAL:
        return None
    return found.failure.message or WorkflowTaskFailedCause.Name(found.cause)
