"""How workflows run: what workers and replays of their histories have in common."""

from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from recourse.runtime.actors import Actors
from recourse.runtime.encryption import for_work
from recourse.runtime.proofs import Proofs
from recourse.workflows.inbound import RefuseBadMessages


def connected_for_work(client: Client, *, refuse_plain: bool = False) -> Client:
    """The same connection with the worker's converter, which no message can make fail."""
    config = client.config()
    config["data_converter"] = for_work(client.data_converter, refuse_plain=refuse_plain)
    return Client(**config)


def how_workflows_run(
    actors: Actors | None = None, proofs: Proofs | None = None, *, refuse_plain: bool = False
) -> dict[str, Any]:
    """What a worker and a replay of its histories must have in common, in addition to the converter of
    `connected_for_work`."""
    return {
        "interceptors": [RefuseBadMessages(actors, proofs, refuse_plain=refuse_plain)],
        # The sandbox guards nothing in packages that are passed through it, as ours must be to be fast; it still costs
        # a sixth of the worker's time. What it would guard, a test does (tests/process/test_determinism.py).
        "workflow_runner": InTasksOnly(),
    }


# What comes to a workflow from outside; it always begins a task.
_NEWS = frozenset({"signal_workflow", "do_update", "fire_timer", "cancel_workflow"})


class InTasksOnly(UnsandboxedWorkflowRunner):
    """Runs workflows, and gives them what is new in workflow tasks alone.

    A query that waited for a worker may get to it before the task that waits as well. The SDK then hands over, for the
    query, what that task is about, and has no time for it but that of the task before. An order would decide by that
    time, and otherwise when it is replayed. So such a query fails, and the task comes to an order that is replayed.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The instance of one run."""
        instance = super().create_instance(det)
        activate, before, size_before = instance.activate, 0, 0

        def in_tasks_only(act: WorkflowActivation) -> WorkflowActivationCompletion:
            nonlocal before, size_before
            now, size = act.timestamp.ToNanoseconds(), act.history_size_bytes
            # Each task says how large the history is; the server that skips time does not, and its clock is coarse.
            is_same_task = now <= before and 0 < size == size_before
            if is_same_task and not act.is_replaying and any(map(_is_news, act.jobs)):
                completion = WorkflowActivationCompletion(run_id=act.run_id)
                completion.failed.failure.message = "No workflow task has brought this news yet. Ask again."
                return completion
            before, size_before = max(before, now), size
            return activate(act)

        instance.activate = in_tasks_only  # type: ignore[method-assign]
        return instance


def _is_news(job: Any) -> bool:
    kind = job.WhichOneof("variant")
    if kind == "resolve_activity":
        resolved = job.resolve_activity
        # A local activity ends within the task, and so does one that is canceled before it was scheduled.
        return not resolved.is_local and resolved.result.WhichOneof("status") != "cancelled"
    return kind in _NEWS
