"""Lists: a party's orders, and the cases that wait for operators."""

from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from database.lists import Wanted, list_orders, undecided_cases
from resolution.words import PARTIES
from starter.http.pages.entering import to
from starter.http.pages.rendering import render, site_of
from starter.http.pages.sessions import signed_in
from starter.http.problems import forbidden
from starter.http.queue import place_after, place_of

PAGE = 25
STAGES = ("mediation", "ruling", "appeal")


async def own_orders(request: Request) -> Response:
    """A party's own orders by id, a page at a time."""
    site = site_of(request)
    bearer = signed_in(request, site.keys).bearer
    if bearer.role not in PARTIES:
        order_id = request.query_params.get("order", "").strip()
        return to(request, f"orders/{order_id}" if order_id else "queue")
    after = request.query_params.get("after", "").replace("\x00", "")
    rows = await list_orders(site.recourse.pool, Wanted.of(bearer.role, bearer.id), after=after, limit=PAGE)
    following = urlencode({"after": rows[-1]["order_id"]}) if len(rows) == PAGE else None
    return render(request, "orders.html", rows=rows, following=following, reader=bearer.role)


async def queue(request: Request) -> Response:
    """The undecided cases, those due first on top, so that what is overdue comes first."""
    site = site_of(request)
    if signed_in(request, site.keys).bearer.role != "operator":
        raise forbidden("The queue is the operators'.")
    asked = request.query_params
    stage = asked.get("stage", "") if asked.get("stage") in STAGES else ""
    mine = asked.get("waits") == "operator"
    rows = await undecided_cases(
        site.recourse.pool,
        after=place_after(asked.get("after", "")),
        limit=PAGE,
        stage=stage or None,
        turn="operator" if mine else None,
    )
    kept = {**({"stage": stage} if stage else {}), **({"waits": "operator"} if mine else {})}
    following = urlencode({**kept, "after": place_of(rows[-1])}) if len(rows) == PAGE else None
    now: datetime = site.now()
    return render(
        request, "queue.html", rows=rows, following=following, stage=stage, mine=mine, stages=STAGES, at=now, reader=""
    )
