"""Starting orders, and reading where they stand."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from recourse.database.lists import Wanted, list_orders, orders_due, orders_updated
from recourse.http.shapes import OrderList, Started
from recourse.resolution.model.display import Display
from recourse.resolution.model.fields import Instant
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.record import Export
from recourse.resolution.model.vocabulary import PARTIES, Phase
from recourse.resolution.shown.looking_ahead import Actions
from recourse.resolution.shown.views import OrderView
from recourse.runtime.currencies import UnusableCurrency
from recourse.runtime.names import workflow_id
from recourse.starter.start_order import StartOrder
from recourse.web.access import Caller, OrderId, TheOperator, TheReader, TheSite, answers, parties_of, service_only
from recourse.web.api.bodies import TokenRoute
from recourse.web.api.places import place_after, place_of
from recourse.web.patience import patient
from recourse.web.problems import forbidden, malformed
from recourse.web.tokens import Bearer

router = APIRouter(tags=["orders"], route_class=TokenRoute)

After = Annotated[str, Query(description="The `next` of the page before.", max_length=300, pattern=r"^[^\x00]*$")]
AfterNotice = Annotated[
    str, Query(description="The id of the last notice of the page before.", max_length=300, pattern=r"^[^\x00]*$")
]
Limit = Annotated[int, Query(ge=1, le=200)]
OfGroup = Annotated[
    str | None, Query(description="Only the orders of this group.", max_length=200, pattern=r"^[^\x00]*$")
]
OfParty = Annotated[
    str | None,
    Query(
        description="Only the orders of this party: `client:ID` or `freelancer:ID`.",
        pattern=r"^(client|freelancer):[^\x00-\x1f/]{1,200}$",
    ),
]
OfPolicy = Annotated[
    str | None, Query(description="Only the orders with this policy.", max_length=200, pattern=r"^[^\x00]*$")
]
DueBefore = Annotated[
    Instant | None, Query(description="Only open orders whose work is due before then, those due first on top.")
]
UpdatedAfter = Annotated[
    Instant | None,
    Query(
        description="Only orders of which something in this list changed after that, in the order of these changes. To "
        "miss none, follow `/changes`."
    ),
]
# What another machine's clock may be ahead of ours when it says that an order was placed just now.
CLOCKS_DIFFER = timedelta(minutes=5)


@router.post(
    "/orders",
    status_code=201,
    dependencies=[Depends(service_only)],
    responses={
        202: {"model": Started, "description": "Started; no worker has taken it up yet."},
        **answers(403, 409, 413, 422),
    },
)
async def start_order(site: TheSite, body: StartOrder, response: Response) -> Started:
    """Start an order; its money is then in escrow. Starting it again with the same terms changes nothing."""
    terms, policy = body.terms, site.policies.get(body.policy)
    if policy is None:
        raise malformed(policy=f"is not one of {', '.join(sorted(site.policies))}; `serve --policy FILE` adds one")
    if terms.ordered_at > site.now() + CLOCKS_DIFFER:
        raise malformed(**{"terms.ordered_at": "lies in the future"})
    async with patient(site.patience):
        try:
            await site.recourse.start(
                terms, policy, provider=body.provider, emails=body.emails, display=body.display, state=body.state
            )
        except UnusableCurrency as error:
            raise malformed(**{"terms.currency": str(error)}) from error
    can_be_read = await site.recourse.order(terms.order_id).soon_written()
    response.status_code = 201 if can_be_read else 202
    response.headers["Location"] = f"/orders/{terms.order_id}"
    return Started(
        order_id=terms.order_id,
        workflow_id=workflow_id(terms.order_id),
        policy=policy.name,
        can_be_read=can_be_read,
    )


@router.get("/orders", responses=answers(403, 422))
async def list_them(
    site: TheSite,
    caller: Caller,
    party: OfParty = None,
    phase: Annotated[Phase | None, Query(description="Only the orders in this phase.")] = None,
    policy: OfPolicy = None,
    group: OfGroup = None,
    due_before: DueBefore = None,
    updated_after: UpdatedAfter = None,
    after: After = "",
    limit: Limit = 50,
) -> OrderList:
    """Orders, a page at a time: a party's own, or all of them for operators and services. By id, if nothing else is
    asked for."""
    wanted = replace(_of_parties(caller, party), phase=phase, policy=policy, group_id=group)
    pool = site.recourse.pool
    # An operator sees nothing of an order of their own, nor decides it.
    but_of = caller.id if caller.role == "operator" else None
    page: dict[str, Any] = {"limit": limit, "but_of": but_of, "money": True}
    if updated_after is not None:
        rows = await orders_updated(
            pool, updated_after, wanted, due_before=due_before, after=place_after(after), **page
        )
        end = place_of(rows[-1].updated_at, rows[-1].order_id) if rows else None
    elif due_before is not None:
        rows = await orders_due(pool, "due_at", due_before, wanted, after=place_after(after), **page)
        end = place_of(rows[-1].due_at, rows[-1].order_id) if rows and rows[-1].due_at else None
    else:
        rows = await list_orders(pool, wanted, after=after, **page)
        end = rows[-1].order_id if rows else None
    return OrderList(orders=rows, next=end if len(rows) == limit else None)


def _of_parties(caller: Bearer, party: str | None) -> Wanted:
    """The orders that a caller may see, or those of them that are this party's. Raises Failure (403)."""
    role, _, holder = (party or "").partition(":")
    if caller.role in PARTIES and role == caller.role and holder != caller.id:
        raise forbidden(f"It lists the orders of {caller.role} {caller.id} alone.")
    found: dict[str, Any] = {role: holder} if party else {}
    if caller.role in PARTIES:
        found[caller.role] = caller.id
    return Wanted(**found)


@router.get("/orders/{order_id}", responses=answers(403, 404, 422))
async def show_order(site: TheSite, order_id: OrderId, reader: TheReader) -> OrderView:
    """Where an order stands, as the caller's role sees it."""
    return await site.recourse.order(order_id).show(reader)


@router.put("/orders/{order_id}/display", dependencies=[Depends(service_only)], responses=answers(403, 404, 413, 422))
async def set_display(site: TheSite, order_id: OrderId, body: Display) -> Display:
    """Replace what people call an order and its parties. What is left out is removed."""
    await parties_of(site, order_id)
    await site.recourse.order(order_id).set_display(body)
    return body


@router.get("/orders/{order_id}/actions", responses=answers(403, 404, 422))
async def show_actions(site: TheSite, order_id: OrderId, reader: TheReader, operator: TheOperator) -> Actions:
    """What the caller can do now, within which bounds and until when, and what opens later."""
    return await site.recourse.order(order_id).actions(reader, operator)


@router.get("/orders/{order_id}/notices", responses=answers(403, 404, 422))
async def show_notices(
    site: TheSite, order_id: OrderId, reader: TheReader, after: AfterNotice = "", limit: Limit = 200
) -> list[Notice]:
    """What the caller's role was told, in order, a page at a time."""
    return await site.recourse.order(order_id).notices(reader, after=after, limit=limit)


@router.get(
    "/orders/{order_id}/record",
    response_class=JSONResponse,
    responses={200: {"model": Export}, **answers(403, 404, 422)},
)
async def export_record(site: TheSite, order_id: OrderId, reader: TheReader) -> StreamingResponse:
    """The record as the caller's role may read it; `recourse record verify` checks it offline."""
    # As it is: its seal is taken over every key, so nothing may be added to it on the way.
    pieces = site.recourse.order(order_id).record_text(reader)
    # An order that cannot be read is a problem, as long as nothing has been sent.
    first = await anext(pieces)

    async def text() -> AsyncIterator[str]:
        yield first
        async for piece in pieces:
            yield piece

    return StreamingResponse(text(), media_type="application/json")
