"""Zone data for decisions, which a workflow may not read itself."""

from datetime import datetime

from temporalio import activity

from recourse.activities.contract import READ_OFFSETS
from recourse.resolution.model.zones import Offsets, offsets_of


@activity.defn(name=READ_OFFSETS)
async def read_offsets(zone: str, start: datetime) -> Offsets:
    """The offsets of a time zone as this worker's zone data has them, for the history to keep."""
    return offsets_of(zone, start)
