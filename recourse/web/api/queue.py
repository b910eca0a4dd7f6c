"""The cases that wait for operators."""

from fastapi import APIRouter, Depends

from recourse.database.lists import undecided_cases
from recourse.http.shapes import Queue, QueuedCase
from recourse.web.access import Caller, TheSite, answers, staff_only
from recourse.web.api.orders import After, Limit
from recourse.web.api.places import place_after, place_of

router = APIRouter(tags=["operators"])


@router.get("/queue", dependencies=[Depends(staff_only)], responses=answers(403, 422))
async def show_queue(site: TheSite, caller: Caller, after: After = "", limit: Limit = 50) -> Queue:
    """The undecided cases, those due next first. An overdue one is past the instant at which time decides it."""
    but_of = caller.id if caller.role == "operator" else None
    rows = await undecided_cases(site.recourse.pool, after=place_after(after), limit=limit, but_of=but_of)
    now = site.now()
    cases = [QueuedCase.model_construct(**dict(row), overdue=row.due_at <= now) for row in rows]
    return Queue(cases=cases, next=place_of(rows[-1].due_at, rows[-1].order_id) if len(rows) == limit else None)
