"""Since when a message can have been there, by Temporal's own evidence.

A stamp is believed only as far back: a signal stands in the history with its time, and an update is in none before a
worker takes it. Only where actors must be proven, and a stamp is older than clocks may differ, is that looked up.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from recourse.activities.contract import READ_ARRIVALS
    from recourse.runtime.actors import LEEWAY
    from recourse.runtime.names import PREFIX
    from recourse.workflows.database_calls import ask_database

STAMP = "sent_at"
_INSTANT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


def stamp_of(message: Any) -> datetime | None:
    """The stamp of a message; None: it has none that can be read."""
    try:
        return _INSTANT.validate_python(message[STAMP]) if isinstance(message, Mapping) else None
    except (KeyError, ValidationError):
        return None


def is_old(message: Any, now: datetime) -> bool:
    """Whether a stamp lies so far back that it needs evidence."""
    stamp = stamp_of(message)
    return stamp is not None and stamp < now - LEEWAY


class Arrivals:
    """When the signals of this run came, as far as anybody had to know."""

    def __init__(self) -> None:
        self._came: dict[int, datetime] = {}
        self._looking = False

    async def dated(self, message: Mapping[str, Any], number: int) -> Mapping[str, Any]:
        """The message of a signal of this number, with a stamp that is not older than the signal."""
        while number not in self._came:
            if self._looking:
                await workflow.wait_condition(lambda: not self._looking)
            else:
                await self._look(number)
        stamp = stamp_of(message)
        came = self._came[number]
        return message if stamp is not None and stamp >= came - LEEWAY else {**message, STAMP: came.isoformat()}

    async def _look(self, first: int) -> None:
        # One look is enough for all that came at once.
        self._looking = True
        try:
            order_id = workflow.info().workflow_id.removeprefix(PREFIX)
            came = await ask_database(READ_ARRIVALS, [order_id, first], list[datetime], "when did this come?")
        finally:
            self._looking = False
        self._came.update(enumerate(came, first))
        # What is in no history counts as coming now.
        self._came.setdefault(first, workflow.now())
