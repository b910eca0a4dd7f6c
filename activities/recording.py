"""The activity that writes a step."""

from typing import Any

from temporalio import activity

from activities.shapes import RECORD_STEP, StepRecorded
from database.steps import record_step
from resolution.step import Step


class Recording:
    """Writes steps. `delivers`: whether any channel is configured, so that notices are worth an activity."""

    def __init__(self, pool: Any, *, delivers: bool) -> None:
        self._pool = pool
        self._delivers = delivers

    @activity.defn(name=RECORD_STEP)
    async def record_step(self, step: Step) -> StepRecorded:
        """Write one step whole; a step that is there already changes nothing."""
        fresh = await record_step(self._pool, step)
        waiting = len(step.notices) if self._delivers else 0
        return StepRecorded(text=f"step {step.number} {'written' if fresh else 'was there'}", to_deliver=waiting)
