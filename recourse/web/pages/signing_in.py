"""Sign in, sign out, and the choice of a time zone."""

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from recourse.database.sessions import end_session
from recourse.resolution.model.display import Display, order_name
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.model.zones import read_zone, zone_names
from recourse.web.access import Site, the_reader
from recourse.web.pages.rendering import render, site_of, zone_of
from recourse.web.pages.sessions import (
    came_by_itself,
    check_proof,
    first,
    read_form,
    read_link,
    remember_visitor,
    remember_zone,
    session,
    sign_in,
    sign_out,
    signed_in,
    visitor_proof,
    visitor_secret,
)
from recourse.web.problems import Failure
from recourse.web.tokens import Bearer
from recourse.wording.languages import say


def to(request: Request, place: str) -> RedirectResponse:
    """Go to another page of ours; what was sent is not sent again there."""
    return RedirectResponse(f"{request.scope['root_path']}/{place}", 303)


async def home(request: Request) -> Response:
    """The first page: the queue for operators, the list of orders for parties."""
    known = session(request)
    if known is None:
        return to(request, "sign-in")
    return to(request, "queue" if known.bearer.role == "operator" else "orders")


async def enter(request: Request) -> Response:
    """Sign in by the token of a link. Somebody who is signed in as somebody else is asked first, and so is anybody that
    did not open the link: another site may have done so, to have them act as somebody else."""
    site = site_of(request)
    form = await read_form(request) if request.method == "POST" else {}
    mailed = first(form, "mail") or request.query_params.get("mail", "")
    token = mailed or first(form, "token") or request.query_params.get("token", "")
    order_id = first(form, "order") or request.query_params.get("order", "")
    if not token:
        return _asking(request, "sign_in.html")
    link = read_link(site, token, mailed=bool(mailed))
    # The order is only ever a page of ours, so a link leads nowhere else.
    response = to(request, f"orders/{quote(order_id, safe='')}" if order_id else "")
    known = session(request)
    if known is not None and known.bearer == link.bearer:
        return response
    # What scans mails opens their links as people do, but sends no form.
    if known is not None or mailed or not came_by_itself(request):
        if not first(form, "proof"):
            kind = "mail" if mailed else "token"
            display = await _called(site, link.bearer, order_id) if mailed else None
            named = display.name_of(link.bearer.role) if display and link.bearer.role in PARTIES else None
            return _asking(
                request,
                "switch.html",
                bearer=link.bearer,
                kind=kind,
                token=token,
                order_id=order_id,
                named=named,
                called=order_name(order_id, display, link.bearer.role) if mailed and order_id else "",
            )
        check_proof(request, form)
    await sign_in(response, site, link, embedded=request.app.state.embedded)
    if known is not None:
        await end_session(site.recourse.pool, known.id, services=False)
    return response


async def _called(site: Site, bearer: Bearer, order_id: str) -> Display | None:
    """What people call an order; None where it is none of the bearer's, as the address can name any."""
    try:
        await the_reader(site, bearer, order_id)
    except Failure:
        return None
    return await site.recourse.order(order_id).display()


def _asking(request: Request, template: str, **said: Any) -> Response:
    """A page with a form for somebody who may not be signed in."""
    known, secret = session(request), visitor_secret(request)
    response = render(request, template, proof=known.proof if known else visitor_proof(secret), **said)
    if known is None:
        remember_visitor(response, secret, embedded=request.app.state.embedded)
    return response


async def leave(request: Request) -> Response:
    """Sign out."""
    known = signed_in(request)
    check_proof(request, await read_form(request))
    await end_session(site_of(request).recourse.pool, known.id, services=False)
    response = to(request, "sign-in")
    sign_out(response, embedded=request.app.state.embedded)
    return response


async def choose_zone(request: Request) -> Response:
    """The time zone in which instants are shown, where no script in the browser knows it."""
    signed_in(request)
    if request.method == "GET":
        return render(request, "zone.html", zones=sorted(zone_names()), given=zone_of(request), problem="")
    form = await read_form(request)
    check_proof(request, form)
    given = first(form, "zone").strip()
    try:
        read_zone(given)
    except ValueError:
        zones = sorted(zone_names())
        problem = say("Choose a time zone of the list, such as Europe/Berlin.")
        return render(request, "zone.html", 422, zones=zones, given=given, problem=problem)
    response = to(request, "")
    remember_zone(response, given, embedded=request.app.state.embedded)
    return response
