"""How workflows run: what workers and replays of their histories have in common."""

from typing import Any

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner

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
        "workflow_runner": UnsandboxedWorkflowRunner(),
    }
