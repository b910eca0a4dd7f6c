"""The cases that wait for operators."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends

from recourse.database.lists import WaitingCase, undecided_cases
from recourse.resolution.model.fields import storable
from recourse.web.access import Caller, TheSite, answers, staff_only
from recourse.web.api.orders import After, Limit
from recourse.web.api.shapes import Queue, QueuedCase
from recourse.web.problems import malformed

router = APIRouter(tags=["operators"])
# A sign that a query string holds as it is, as it does those of ids and instants, and that no id has.
_BETWEEN = "~"


def place_after(after: str) -> tuple[datetime, str] | None:
    """The place in the queue that a page's `next` names; None at the beginning. Raises Failure (422)."""
    if not after:
        return None
    at, _, order_id = after.partition(_BETWEEN)
    try:
        due_at = datetime.fromisoformat(at)
        if due_at.tzinfo is None or not storable(order_id):
            raise ValueError("it names no place")
        return due_at.astimezone(UTC), order_id
    except (ValueError, OverflowError) as error:
        raise malformed(**{"query.after": "is not the `next` of a page"}) from error


def place_of(case: WaitingCase) -> str:
    """The same of a row, as `next` says it."""
    at = case.due_at.astimezone(UTC).isoformat().removesuffix("+00:00")
    return f"{at}Z{_BETWEEN}{case.order_id}"


@router.get("/queue", dependencies=[Depends(staff_only)], responses=answers(403, 422))
async def show_queue(site: TheSite, caller: Caller, after: After = "", limit: Limit = 50) -> Queue:
    """The undecided cases, those due next first. An overdue one is past the instant at which time decides it."""
    but_of = caller.id if caller.role == "operator" else None
    rows = await undecided_cases(site.recourse.pool, after=place_after(after), limit=limit, but_of=but_of)
    now = site.now()
    cases = [QueuedCase.model_construct(**dict(row), overdue=row.due_at <= now) for row in rows]
    return Queue(cases=cases, next=place_of(rows[-1]) if len(rows) == limit else None)
