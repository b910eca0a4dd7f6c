"""What Temporal starts by itself, at certain times."""

from datetime import timedelta

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)
from temporalio.service import RPCError

from recourse.runtime.names import RECONCILIATION

NIGHT = 3  # o'clock, UTC


def reconciliation_id(task_queue: str) -> str:
    """The id of the schedule, and with the time behind it that of each comparison's workflow."""
    return f"reconciliation-{task_queue}"


async def schedule_reconciliation(client: Client, task_queue: str) -> None:
    """Have the books compared every night, unless that is scheduled already. Operators may move or pause it."""
    name = reconciliation_id(task_queue)
    action = ScheduleActionStartWorkflow(
        RECONCILIATION, id=name, task_queue=task_queue, execution_timeout=timedelta(hours=20)
    )
    spec = ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(NIGHT)])], jitter=timedelta(minutes=30))
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(hours=12))
    try:
        await client.create_schedule(name, Schedule(action=action, spec=spec, policy=policy))
    except ScheduleAlreadyRunningError:
        return
    except RPCError as error:
        # Orders do not wait for it; an alert says when no comparison has run.
        structlog.get_logger("recourse.worker").warning("the comparison is not scheduled", error=error.message)
