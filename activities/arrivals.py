"""When signals came, as Temporal itself keeps it."""

from datetime import UTC, datetime

from temporalio import activity

from recourse.activities.contract import READ_ARRIVALS
from recourse.runtime.names import workflow_id


@activity.defn(name=READ_ARRIVALS)
async def read_arrivals(order_id: str, first: int) -> list[datetime]:
    """When the signals of the asking run came, in their order, from number `first` on; the first one is 1."""
    run = activity.client().get_workflow_handle(workflow_id(order_id), run_id=activity.info().workflow_run_id)
    came = [
        event.event_time.ToDatetime(tzinfo=UTC)
        async for event in run.fetch_history_events()
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
    return came[first - 1 :]
