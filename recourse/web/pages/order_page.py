"""The page of one order: where it stands, what can be done, the money, and what has happened."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from recourse.resolution.model.command import Actor
from recourse.resolution.model.display import order_name
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import ExportedEntry, Reader
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.shown.looking_ahead import WouldBeRefused, available_actions, if_nobody_acts, opens_later
from recourse.resolution.shown.money_words import leg_said, money_said
from recourse.resolution.shown.views import RequestView, view
from recourse.starter.reading import StoredOrder
from recourse.web.access import Site, the_reader
from recourse.web.files import give_out, readable
from recourse.web.pages.forms import KEYS, Form, forms
from recourse.web.pages.headline import headline
from recourse.web.pages.outlook import money_rows, silent
from recourse.web.pages.rendering import render, site_of
from recourse.web.pages.sessions import Session, signed_in
from recourse.web.pages.timeline import offer, puts_offer, timeline

# So many entries of its record stand on the page of an order; the earlier ones are a link away.
ENTRIES = 200


async def possible(site: Site, order: Order, known: Session, reader: Reader) -> list[Form]:
    """The forms of everything that the reader may do now."""
    named = {"operator": known.bearer.id} if reader == "operator" else {}
    actions = available_actions(order, reader, site.now(), **named)
    return forms(order, reader, actions, alone=await _alone(site, order, known, reader), files=bool(site.files))


async def _alone(site: Site, order: Order, known: Session, reader: Reader) -> bool:
    """Whether the reader may end the order without approval: it would not be refused for that."""
    if reader not in PARTIES:
        return False
    asked = {"kind": "cancel", "approval": "skip", "actor": Actor(role=reader, id=known.bearer.id)}
    ahead = await site.recourse.order(order.terms.order_id).preview("request", asked)
    return not (isinstance(ahead, WouldBeRefused) and ahead.refused == "approval_needed")


async def show(request: Request) -> Response:
    """The order as its reader may see it; the same views as the API's."""
    site = site_of(request)
    known = signed_in(request)
    order_id = str(request.path_params["order_id"])
    reader = await the_reader(site, known.bearer, order_id)
    done = request.query_params.get("done", "") in KEYS
    before = re.fullmatch(r"[0-9]{1,18}", request.query_params.get("before", ""))
    shown = await said(site, order_id, known, reader, before=int(before[0]) if before else None)
    return render(request, "order.html", **shown, done=done)


async def file(request: Request) -> Response:
    """A file of evidence, to be downloaded, or shown in a small picture."""
    site, known = site_of(request), signed_in(request)
    order_id = str(request.path_params["order_id"])
    reader = await the_reader(site, known.bearer, order_id)
    return await give_out(site, order_id, str(request.path_params["file_id"]), reader)


async def said(
    site: Site, order_id: str, known: Session, reader: Reader, *, before: int | None = None
) -> dict[str, Any]:
    """What the page of an order is made of; `before`: with the entries before this number instead of the last ones."""
    stored, now = site.recourse.order(order_id), site.now()
    order = await stored.state()
    entries = await stored.entries(order, reader, before=before, limit=ENTRIES)
    display, final_at = await stored.display(), _final_at(order)
    files = await readable(site, order_id, reader) if site.files else []
    seen = view(order, reader, now).model_copy(update={"display": display})
    return {
        "order": seen,
        "called": order_name(order_id, display, reader),
        "reader": reader,
        "headline": headline(seen, reader, decided=final_at is not None, own_ruling=_ruled(order, known)),
        "final_at": final_at,
        "offer": offer(await _of_offer(stored, order, entries, seen.request, reader), seen.request, reader),
        "forms": await possible(site, order, known, reader),
        "later": {} if reader == "operator" else opens_later(order, reader, now),
        "silent": silent(if_nobody_acts(order, reader), reader, order.phase),
        "money": money_rows(seen.money, reader),
        "money_said": money_said(order, reader),
        "legs_said": [leg_said(leg, seen.currency, still=order.still is not None) for leg in seen.payments],
        "contested": order.open_chargeback if reader == "operator" else None,
        "erased": await stored.erased() if reader == "operator" else [],
        "files": [one for one in files if one.named],
        "timeline": timeline(entries, reader, order.terms.currency, files),
        "earlier": entries[0].number if entries and entries[0].number > 1 else None,
        "later_entries": before is not None,
    }


async def _of_offer(
    stored: StoredOrder, order: Order, entries: Sequence[ExportedEntry], request: RequestView | None, reader: Reader
) -> Sequence[ExportedEntry]:
    """The entries among which is that of the open offer, however long ago it was made."""
    if request is None or request.status != "open" or any(puts_offer(one, request.version) for one in entries):
        return entries
    found = await stored.entry_of_offer(order, reader, request.version)
    return [found] if found else []


def _final_at(order: Order) -> datetime | None:
    """Until when the ruling can be appealed; None where there is none, or it is final or appealed."""
    case = order.open_case
    return order.runs_out(case.appealable_until) if case and case.ruling and case.stage == "ruling" else None


def _ruled(order: Order, known: Session) -> bool:
    case = order.open_case
    return bool(known.bearer.role == "operator" and case and case.ruling and case.ruling.operator == known.bearer.id)
