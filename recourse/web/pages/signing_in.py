"""Sign in, sign out, and the choice of a time zone."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from recourse.resolution.model.zones import read_zone, zone_names
from recourse.web.pages.rendering import render, site_of, zone_of
from recourse.web.pages.sessions import (
    check_proof,
    first,
    link_bearer,
    read_form,
    remember_zone,
    session,
    sign_in,
    sign_out,
    signed_in,
)


def to(request: Request, place: str) -> RedirectResponse:
    """Go to another page of ours; what was sent is not sent again there."""
    return RedirectResponse(f"{request.scope['root_path']}/{place}", 303)


async def home(request: Request) -> Response:
    """The first page: the queue for operators, the list of orders for parties."""
    known = session(request, site_of(request).keys)
    if known is None:
        return to(request, "sign-in")
    return to(request, "queue" if known.bearer.role == "operator" else "orders")


async def enter(request: Request) -> Response:
    """Sign in by the token of a link; somebody who is signed in as somebody else is asked first."""
    site = site_of(request)
    form = await read_form(request) if request.method == "POST" else {}
    token = first(form, "token") or request.query_params.get("token", "")
    order_id = first(form, "order") or request.query_params.get("order", "")
    if not token:
        return render(request, "sign_in.html")
    bearer = link_bearer(site.keys, token)
    known = session(request, site.keys)
    if known is not None and known.bearer != bearer:
        if not first(form, "proof"):
            return render(request, "switch.html", bearer=bearer, token=token, order_id=order_id)
        check_proof(known, first(form, "proof"))
    # The order is only ever a page of ours, so a link leads nowhere else.
    response = to(request, f"orders/{quote(order_id, safe='')}" if order_id else "")
    sign_in(response, site.keys, bearer, site.now(), embedded=request.app.state.embedded)
    return response


async def leave(request: Request) -> Response:
    """Sign out."""
    check_proof(signed_in(request, site_of(request).keys), first(await read_form(request), "proof"))
    response = to(request, "sign-in")
    sign_out(response, embedded=request.app.state.embedded)
    return response


async def choose_zone(request: Request) -> Response:
    """The time zone in which instants are shown, where no script in the browser knows it."""
    known = signed_in(request, site_of(request).keys)
    if request.method == "GET":
        return render(request, "zone.html", zones=sorted(zone_names()), given=zone_of(request), problem="")
    form = await read_form(request)
    check_proof(known, first(form, "proof"))
    given = first(form, "zone").strip()
    try:
        read_zone(given)
    except ValueError:
        zones = sorted(zone_names())
        problem = "Choose a time zone of the list, such as Europe/Berlin."
        return render(request, "zone.html", 422, zones=zones, given=given, problem=problem)
    response = to(request, "")
    remember_zone(response, given, embedded=request.app.state.embedded)
    return response
