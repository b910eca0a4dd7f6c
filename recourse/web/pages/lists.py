"""Lists: a party's orders, and the cases that wait for operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from recourse.database.displays import read_displays
from recourse.database.lists import (
    Wanted,
    list_orders,
    orders_with_stuck_money,
    policies_in_use,
    read_orders,
    undecided_cases,
)
from recourse.resolution.model.vocabulary import PARTIES, Stage
from recourse.resolution.shown.stuck_money import stuck_money
from recourse.web.api.places import place_after, place_of
from recourse.web.pages.rendering import render, site_of
from recourse.web.pages.sessions import signed_in
from recourse.web.pages.signing_in import to
from recourse.web.problems import forbidden
from recourse.wording import texts
from recourse.wording.english import as_words

_STAGES = texts("stage", "name")
_DUE = texts("due", "choice")

PAGE = 25
STAGES: tuple[Stage, ...] = ("mediation", "ruling", "appeal")
# How long it may still be until time decides a case; what is overdue is among all of them.
_DUE_WITHIN = {"overdue": timedelta(0), "day": timedelta(days=1), "week": timedelta(days=7)}


@dataclass(frozen=True)
class Filters:
    """How the queue is narrowed, as its address says it; empty: not."""

    stage: str = ""
    policy: str = ""
    due: str = ""
    waits: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Self:
        """Those of an address. What none of them can be is left out, and so shows as not chosen."""
        known = {"stage": STAGES, "due": _DUE_WITHIN, "waits": ("operator",)}
        chosen = {name: asked[name] for name, values in known.items() if asked.get(name) in values}
        return cls(policy=asked.get("policy", "").replace("\x00", ""), **chosen)

    @property
    def kept(self) -> dict[str, str]:
        """What the address of another page says of them."""
        return {name: value for name, value in vars(self).items() if value}


async def own_orders(request: Request) -> Response:
    """A party's own orders by id, a page at a time."""
    site = site_of(request)
    bearer = signed_in(request).bearer
    if bearer.role not in PARTIES:
        order_id = request.query_params.get("order", "").strip()
        return to(request, f"orders/{order_id}" if order_id else "queue")
    after = request.query_params.get("after", "").replace("\x00", "")
    rows = await list_orders(site.recourse.pool, Wanted.of(bearer.role, bearer.id), after=after, limit=PAGE)
    following = urlencode({"after": rows[-1].order_id}) if len(rows) == PAGE else None
    return render(request, "orders.html", rows=rows, following=following, reader=bearer.role)


async def queue(request: Request) -> Response:
    """The undecided cases, those due first on top, so that what is overdue comes first."""
    site = site_of(request)
    bearer = signed_in(request).bearer
    if bearer.role != "operator":
        raise forbidden("The queue is the operators'.")
    asked, now = request.query_params, site.now()
    filters = Filters.of(asked)
    rows = await undecided_cases(
        site.recourse.pool,
        after=place_after(asked.get("after", "")),
        limit=PAGE,
        stage=filters.stage or None,
        turn=filters.waits or None,
        policy=filters.policy or None,
        due_by=now + _DUE_WITHIN[filters.due] if filters.due else None,
        but_of=bearer.id,
    )
    end = place_of(rows[-1].due_at, rows[-1].order_id) if rows else ""
    policies = {*await policies_in_use(site.recourse.pool), filters.policy}
    return render(
        request,
        "queue.html",
        rows=rows,
        following=urlencode({**filters.kept, "after": end}) if len(rows) == PAGE else None,
        filters=filters,
        choices={
            "stage": {stage: _STAGES[stage] for stage in STAGES},
            "policy": {name: as_words(name) for name in sorted(policies - {""})},
            "due": _DUE,
        },
        at=now,
        reader="",
    )


async def money(request: Request) -> Response:
    """Payments that are blocked or came back, and what clients' banks have taken, by order."""
    site = site_of(request)
    bearer = signed_in(request).bearer
    if bearer.role != "operator":
        raise forbidden("This list is the operators'.")
    after = request.query_params.get("after", "").replace("\x00", "")
    ids = await orders_with_stuck_money(site.recourse.pool, after=after, limit=PAGE)
    known = await read_orders(site.recourse.pool, ids)
    orders = [known[order_id] for order_id in ids if order_id in known]
    rows = [
        one
        for order in orders
        if bearer.id not in (order.terms.client, order.terms.freelancer)
        for one in stuck_money(order)
    ]
    following = urlencode({"after": ids[-1]}) if len(ids) == PAGE else None
    displays = await read_displays(site.recourse.pool, [row.order_id for row in rows])
    return render(request, "money.html", rows=rows, displays=displays, following=following)
