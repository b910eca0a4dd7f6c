"""The page of a group, and the form that cancels the rest of it: filled in, looked over for each order, confirmed."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from recourse.database.lists import Member, read_orders
from recourse.database.orders import first_answered_at, read_answer
from recourse.resolution.model.command import Actor
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Refused
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.shown.groups import fields_of
from recourse.resolution.shown.looking_ahead import Ahead, WouldBeRefused
from recourse.runtime.exact_json import read_json
from recourse.web.access import Site, the_group_reader
from recourse.web.pages.fields import Field, Typed
from recourse.web.pages.forms import Form
from recourse.web.pages.order_page import possible
from recourse.web.pages.outlook import Prospect, fingerprint, money_rows, prospects
from recourse.web.pages.rendering import render, site_of
from recourse.web.pages.sessions import Session, check_proof, first, read_form, signed_in
from recourse.web.pages.signing_in import to
from recourse.web.patience import patient
from recourse.web.problems import OF_THE_MESSAGE, Failure, forbidden, malformed
from recourse.wording import texts
from recourse.wording.english import word
from recourse.wording.languages import say

_REFUSED = texts("refusal", "page")
_KEY = "request-cancel"
_OURS = frozenset({"proof", "step", "command_id", "seen", "message"})
_AMOUNT = "amount-"


@dataclass(frozen=True)
class Look:
    """What a command would do to one order of a group: its prospects, or why it is refused."""

    order: Order
    aheads: list[Prospect]
    refused: str
    mark: str


@dataclass(frozen=True)
class _Visit:
    """A reader at a group."""

    request: Request
    site: Site
    known: Session
    group: str
    reader: Reader
    members: list[Member]

    @property
    def actor(self) -> Actor:
        return Actor(role=self.reader, id=self.known.bearer.id)

    @property
    def ids(self) -> list[str]:
        return [one.order_id for one in self.members]

    async def orders(self) -> dict[str, Order]:
        """Its orders, by their parts."""
        found = await read_orders(self.site.recourse.pool, self.ids)
        return {order_id: found[order_id] for order_id in self.ids if order_id in found}


async def _visit(request: Request) -> _Visit:
    site, known, group = site_of(request), signed_in(request), str(request.path_params["group"])
    reader, members = await the_group_reader(site, known.bearer, group)
    return _Visit(request, site, known, group, reader, members)


async def show(request: Request) -> Response:
    """The orders of a group and their money together; `done`: with what came of this command of the reader's."""
    visit = await _visit(request)
    view = await visit.site.recourse.group(visit.group).show(visit.reader, visit.members)
    done = request.query_params.get("done", "")
    return render(
        request,
        "group.html",
        group=view,
        reader=visit.reader,
        money={currency: money_rows(sums, visit.reader) for currency, sums in view.money.items()},
        can_cancel=visit.reader in PARTIES and not all(order.closed_at for order in view.orders),
        answers=await _answers(visit, done) if re.fullmatch("[0-9a-f]{32}", done) else {},
    )


async def _answers(visit: _Visit, command_id: str) -> dict[str, str]:
    """What each order answered to a command, in words."""
    found = {}
    for order_id in visit.ids:
        sender = f"{visit.actor.role}:{visit.actor.id}"
        answer = await read_answer(visit.site.recourse.pool, order_id, sender, command_id)
        if answer:
            found[order_id] = word(_REFUSED, answer.code) if isinstance(answer, Refused) else say("Done.")
    return found


async def ask(request: Request) -> Response:
    """An empty form."""
    visit = await _visit(request)
    form = await _form(visit)
    return _show(visit, form, form.empty())


async def act(request: Request) -> Response:
    """The form that was filled in (`preview`), is to be changed (`edit`), or is confirmed (`confirm`)."""
    visit = await _visit(request)
    given = await read_form(request)
    check_proof(request, given)
    typed = {name: values for name, values in given.items() if name not in _OURS}
    if first(given, "step") == "confirm":
        return await _confirmed(visit, typed, given)
    form = await _form(visit)
    if first(given, "step") == "edit":
        return _show(visit, form, typed)
    read, wrong = form.read(typed)
    if wrong:
        return _show(visit, form, typed, wrong, status=422)
    message = {name: value for name, value in read.items() if not name.startswith(_AMOUNT)}
    amounts = {name.removeprefix(_AMOUNT): value for name, value in read.items() if name.startswith(_AMOUNT)}
    if amounts:
        message["amounts"] = amounts
    looks = await _look(visit, message)
    hopeless = next((look for look in looks if look.refused and look.mark in OF_THE_MESSAGE), None)
    if hopeless or all(look.refused for look in looks):
        about = hopeless or looks[0]
        return _show(visit, form, typed, notice=f"{_named(about.order)}: {about.refused}", status=422)
    return _preview(visit, form, typed, message, looks)


async def _form(visit: _Visit) -> Form:
    """The form by which the rest of a group is canceled: what its orders ask, with an amount for each part.

    Raises Failure (403, 409) where none of them can be asked.
    """
    if visit.reader not in PARTIES:
        raise forbidden(say("Only the two parties ask to cancel."))
    found: list[tuple[Order, Form]] = []
    for order in (await visit.orders()).values():
        if not order.closed:
            forms = await possible(visit.site, order, visit.known, visit.reader)
            found += [(order, form) for form in forms if form.key == _KEY]
    if not found:
        why = say("No order of this group can be asked to be canceled now.")
        raise Failure(409, "wrong_phase", say("This cannot be done now."), detail=why)
    fields: dict[str, Field] = {}
    for order, form in found:
        for field in form.fields:
            if field.name == "amount" and order.terms.part is not None:
                name = f"{_AMOUNT}{order.terms.part}"
                fields[name] = replace(
                    field, name=name, label=say("{field} for part {part}", field=field.label, part=order.terms.part)
                )
            elif field.name not in ("amount", "approval"):
                fields.setdefault(field.name, field)
    title, about = say("Cancel the rest"), say("You ask to end each order of the group that is still open.")
    return Form(_KEY, "request", title, about, title, tuple(fields.values()), {"kind": "cancel"}, "ending")


async def _look(visit: _Visit, message: Mapping[str, Any]) -> list[Look]:
    """What the command would lead to, for each order that is open."""
    orders = list((await visit.orders()).values())
    each = fields_of("request", message, [order.terms.part for order in orders])
    if isinstance(each, str):
        raise malformed(amounts=each)
    looks = []
    for order, fields in zip(orders, each, strict=True):
        if not order.closed:
            stored = visit.site.recourse.order(order.terms.order_id)
            ahead = await stored.preview("request", {**fields, "actor": visit.actor})
            looks.append(_looked(order, ahead, visit.reader))
    return looks


def _looked(order: Order, ahead: Ahead | WouldBeRefused, reader: Reader) -> Look:
    if isinstance(ahead, WouldBeRefused):
        return Look(order, [], word(_REFUSED, ahead.refused), ahead.refused)
    return Look(order, prospects(ahead, reader, order.phase, say("As soon as you confirm")), "", fingerprint(ahead))


def _named(order: Order) -> str:
    terms = order.terms
    return say("Part {part}", part=terms.part) if terms.part else say("Order {order}", order=terms.order_id)


async def _confirmed(visit: _Visit, typed: Typed, given: Mapping[str, list[str]]) -> Response:
    command_id, message = first(given, "command_id"), _message(first(given, "message"))
    if not re.fullmatch(r"[0-9a-f]{32}", command_id):
        raise malformed(command_id="is not one of a form")
    pool, sender = visit.site.recourse.pool, f"{visit.actor.role}:{visit.actor.id}"
    # What some orders have answered already goes to the others as well, whatever they would lead to now.
    if await first_answered_at(pool, visit.ids, sender, command_id) is None:
        looks = await _look(visit, message)
        if first(given, "seen") != _seen(looks):
            return _preview(visit, await _form(visit), typed, message, looks, changed=True)
    try:
        async with patient(visit.site.patience):
            sent = {**message, "actor": visit.actor, "command_id": command_id}
            await visit.site.recourse.group(visit.group).send("request", sent)
    except Failure as error:
        if error.status_code != 503:
            raise
        # Nobody knows which orders it has reached: with the same id it can be sent again.
        title = say("Cancel the rest")
        form = Form(_KEY, "request", title, "", title, weight="ending")
        return _preview(visit, form, typed, message, await _look(visit, message), command_id=command_id)
    return to(visit.request, f"groups/{quote(visit.group, safe='')}?done={command_id}")


def _message(text: str) -> dict[str, Any]:
    """The command that a preview carries."""
    try:
        read = read_json(text)
        # Lone surrogates and endless nesting can be read, but not be passed on.
        to_json(read)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise malformed(message="is not one of a form")
    return {**read, "kind": "cancel"}


def _seen(looks: Sequence[Look]) -> str:
    return hashlib.sha256(" ".join(look.mark for look in looks).encode()).hexdigest()


def _show(
    visit: _Visit,
    form: Form,
    typed: Typed,
    wrong: Mapping[str, str] | None = None,
    *,
    notice: str = "",
    status: int = 200,
) -> Response:
    said = {"form": form, "typed": typed, "wrong": wrong or {}, "notice": notice}
    return render(visit.request, "form.html", status, **said, **_place(visit))


def _preview(
    visit: _Visit,
    form: Form,
    typed: Typed,
    message: Mapping[str, Any],
    looks: Sequence[Look],
    *,
    changed: bool = False,
    command_id: str = "",
) -> Response:
    unanswered = bool(command_id)
    return render(
        visit.request,
        "group_preview.html",
        409 if changed else 503 if unanswered else 200,
        form=form,
        typed=typed,
        message=json.dumps(message),
        looks=[(_named(look.order), look) for look in looks],
        seen=_seen(looks),
        command_id=command_id or uuid.uuid4().hex,
        changed=changed,
        unanswered=unanswered,
        **_place(visit),
    )


def _place(visit: _Visit) -> dict[str, str]:
    return {"place": "groups", "called": say("Group {group}", group=visit.group), "id": visit.group}
