"""What changed since: every step of every order, for backends that follow them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from recourse.database.changes import START, Changes
from recourse.errors import DatabaseUnreachable, UnknownCursor
from recourse.web.access import Site, TheSite, answers, service_only

router = APIRouter(tags=["changes"])
LONGEST_WAIT = 30  # seconds
# A stream ends after that, and its reader begins the next one where it ended: so none outlives its token for long.
STREAM_LASTS = 60.0
# So often a stream without news says that it is there, and a call that waits looks whether the server stops. Seconds.
ALIVE_EVERY = 15.0
LOOKS_EVERY = 1.0
_STREAM = "text/event-stream"

AfterCursor = Annotated[
    str,
    Query(
        description="The `next` of the page before, or the `cursor` of a change; `start`: from the first change on; "
        "`now`: only what is yet to come.",
        max_length=100,
        pattern=r"^[\x21-\x7e]*$",
    ),
]
LastEvent = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        description="The same as `after`, as readers of a stream send it when they begin again.",
        max_length=100,
        pattern=r"^[\x21-\x7e]*$",
    ),
]
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": f"The changes; with `Accept: {_STREAM}`, a stream of them, with the cursor of each as its id.",
        "content": {_STREAM: {"schema": {"type": "string"}}},
    }
}


@router.get("/changes", dependencies=[Depends(service_only)], responses={**_EVENTS, **answers(403, 410, 422)})
async def show_changes(
    site: TheSite,
    request: Request,
    after: AfterCursor = START,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait where there is none yet.")] = 0,
    last_event_id: LastEvent = None,
) -> Changes:
    """Every step of every order. None is missed, not even a step that is committed late."""
    after = last_event_id or after or START
    if _STREAM in request.headers.get("accept", ""):
        # An unknown cursor is a problem, as long as nothing has been sent.
        first = await site.recourse.changes_page(after, limit=limit)
        return StreamingResponse(_stream(site, request, first, limit), media_type=_STREAM)  # type: ignore[return-value]
    return await _page(site, request, after, limit, wait)


async def _page(site: Site, request: Request, after: str, limit: int, wait: float) -> Changes:
    """A page; it waits no longer where the server stops."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while True:
        page = await site.recourse.changes_page(after, limit=limit, wait=min(LOOKS_EVERY, max(until - loop.time(), 0)))
        after = page.next
        if page.changes or loop.time() >= until or _stops(request):
            return page


async def _stream(site: Site, request: Request, page: Changes, limit: int) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    over = loop.time() + STREAM_LASTS
    yield "retry: 1000\n\n"
    # Its reader begins the next stream where this one was.
    with suppress(DatabaseUnreachable, UnknownCursor):
        while True:
            for change in page.changes:
                yield f"id: {change.cursor}\nevent: change\ndata: {change.model_dump_json()}\n\n"
            if not page.changes:
                # The id also of a place before which nothing is to be read, such as `now`.
                yield f"id: {page.next}\n: nothing new\n\n"
            if loop.time() >= over or _stops(request):
                return
            page = await _page(site, request, page.next, limit, min(ALIVE_EVERY, max(over - loop.time(), 0)))


def _stops(request: Request) -> bool:
    stopping: asyncio.Event | None = request.scope.get("state", {}).get("stopping")
    return stopping is not None and stopping.is_set()
