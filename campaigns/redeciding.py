"""Whether an order decides the same again when a worker replays its history.

It must: what it decides next is built on that. Temporal compares the commands of a replay with the history, but not
what they hold: a step that is decided otherwise, such as at another instant, goes unseen until the next one does not
fit the database.
"""

from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from recourse.database.orders import read_record
from recourse.resolution.engine import Plan
from recourse.resolution.model.order import Opening
from recourse.resolution.model.step import RecordEntry
from recourse.running import connected_for_work, how_workflows_run
from recourse.runtime.names import ORDER
from recourse.workflows.carried import Carried
from recourse.workflows.order import OrderWorkflow

_decided: dict[str, list[RecordEntry]] = {}


@workflow.defn(name=ORDER)
class Watched(OrderWorkflow):
    """An order of which every entry that it takes for written is kept."""

    @workflow.run
    async def run(self, start: Opening | Carried) -> str:
        """As ever."""
        return await super().run(start)

    async def commit(self, plan: Plan, title: str | None = None) -> bool:
        """Write it, and keep its entry unless the database had another step."""
        written = await super().commit(plan, title)
        if written and plan.step.entry is not None:
            _decided.setdefault(plan.step.order_id, []).append(plan.step.entry)
        return written


async def redecided(client: Client, pool: Any, order_id: str, history: WorkflowHistory) -> list[str]:
    """What a replay of this run of an order decides otherwise than the database has it."""
    _decided.pop(order_id, None)
    replayer = Replayer(
        workflows=[Watched], data_converter=connected_for_work(client).data_converter, **how_workflows_run()
    )
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    wrong = [f"its history cannot be replayed: {result.replay_failure}"] if result.replay_failure else []
    kept = {entry.number: entry for entry in await read_record(pool, order_id)}
    for entry in _decided.pop(order_id, ()):
        if kept.get(entry.number) != entry:
            return [*wrong, f"a replay decides {entry!r}, the database has {kept.get(entry.number)!r}"]
    return wrong
