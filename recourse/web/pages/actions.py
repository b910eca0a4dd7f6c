"""The three steps of an action: a form, a preview of its effect, and then the command itself.

A form carries the version of the offer that it was made for. A confirmation carries the id of its command and the
preview that was shown. So an old page does nothing that its reader did not see, and a second click does nothing.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from recourse.database.orders import read_answer
from recourse.errors import OrderNotRunning
from recourse.resolution.model.command import Actor
from recourse.resolution.model.display import order_name
from recourse.resolution.model.outcome import Applied, Refused
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import Phase
from recourse.resolution.shown.looking_ahead import Ahead, WouldBeRefused
from recourse.resolution.shown.trying import variants
from recourse.web.access import Site, the_actor, the_reader
from recourse.web.pages.fields import Typed
from recourse.web.pages.forms import Form
from recourse.web.pages.order_page import possible
from recourse.web.pages.outlook import fingerprint, prospects
from recourse.web.pages.rendering import render, site_of
from recourse.web.pages.sessions import Session, check_proof, first, read_form, signed_in
from recourse.web.pages.signing_in import to
from recourse.web.patience import patient
from recourse.web.problems import OF_THE_MESSAGE, Failure, malformed
from recourse.wording import texts
from recourse.wording.english import word
from recourse.wording.languages import say

_REFUSED = texts("refusal", "page")

# What a form carries besides its fields.
_OURS = frozenset({"proof", "step", "command_id", "seen"})
# The field that a refusal is about.
_ABOUT = {
    "reason_required": "reason",
    "unknown_reason": "reason",
    "attestation_missing": "attestations",
    "amount_required": "amount",
    "amount_out_of_range": "amount",
}


@dataclass(frozen=True)
class Visit:
    """One reader on the pages of one order."""

    request: Request
    site: Site
    known: Session
    order_id: str
    reader: Reader
    actor: Actor
    called: str
    currency: str
    phase: Phase

    @property
    def sender(self) -> str:
        """The scope in which command ids are unique."""
        return f"{self.actor.role}:{self.actor.id}"

    async def form(self, key: str) -> Form:
        """The form of this key. Raises Failure (409) where its action is not possible now."""
        order = await self.site.recourse.order(self.order_id).state()
        found = [form for form in await possible(self.site, order, self.known, self.reader) if form.key == key]
        if found:
            return found[0]
        (name, kind), code = _command(key), "wrong_phase"
        for fields in [{"kind": kind}] if kind else variants(order, name, self.reader):
            ahead = await self.site.recourse.order(self.order_id).preview(name, {**fields, "actor": self.actor})
            if not (isinstance(ahead, WouldBeRefused) and ahead.refused in OF_THE_MESSAGE):
                code = ahead.refused if isinstance(ahead, WouldBeRefused) else code
                break
        why = word(_REFUSED, code)
        raise Failure(409, code, say("This cannot be done now."), detail=why, details={"order_id": self.order_id})

    async def has_done(self, key: str, command_id: str) -> bool:
        """Whether this command of theirs was applied."""
        answered = await read_answer(self.site.recourse.pool, self.order_id, self.sender, command_id)
        return isinstance(answered, Applied) and answered.command == _command(key)[0]

    def show(self, form: Form, typed: Typed, wrong: Mapping[str, str], status: int = 200, notice: str = "") -> Response:
        """The form, with what was typed and what is wrong with it."""
        said = {"form": form, "typed": typed, "wrong": wrong, "notice": notice}
        return render(self.request, "form.html", status, **said, place="orders", called=self.called, id=self.order_id)


def _command(key: str) -> tuple[str, str]:
    """The command of a form, and the kind where it is a request."""
    name, _, kind = key.partition("-") if key.startswith("request-") else (key, "", "")
    return name.replace("-", "_"), kind.replace("-", "_")


async def visit_of(request: Request) -> Visit:
    """The reader, on the order that the address names. Raises Failure."""
    site = site_of(request)
    known = signed_in(request)
    order_id = str(request.path_params["order_id"])
    reader = await the_reader(site, known.bearer, order_id)
    order = await site.recourse.order(order_id).state()
    actor = await the_actor(site, known.bearer, order_id)
    called = order_name(order_id, await site.recourse.order(order_id).display(), reader)
    return Visit(request, site, known, order_id, reader, actor, called, order.terms.currency, order.phase)


async def ask(request: Request) -> Response:
    """An empty form."""
    visit = await visit_of(request)
    form = await visit.form(request.path_params["key"])
    return visit.show(form, form.empty(), {})


async def act(request: Request) -> Response:
    """A form that was filled in (`preview`), is to be changed (`edit`), or is confirmed (`confirm`)."""
    visit = await visit_of(request)
    given = await read_form(request)
    check_proof(request, given)
    typed = {name: values for name, values in given.items() if name not in _OURS}
    key, step, command_id = request.path_params["key"], first(given, "step"), first(given, "command_id")
    if step != "confirm":
        return await _go_on(visit, key, step, command_id, typed, first(given, "seen"))
    if not re.fullmatch(r"[0-9a-f]{32}", command_id):
        raise malformed(command_id="is not one of a form")
    if await visit.has_done(key, command_id):
        return done(visit, key)
    try:
        response = await _go_on(visit, key, step, command_id, typed, first(given, "seen"))
    except Failure:
        if await visit.has_done(key, command_id):
            return done(visit, key)
        raise
    # Of a double click, the other one may have been quicker, and have changed what this one would lead to.
    if response.status_code != 303 and await visit.has_done(key, command_id):
        return done(visit, key)
    return response


async def _go_on(visit: Visit, key: str, step: str, command_id: str, typed: Typed, seen: str) -> Response:
    form = await visit.form(key)
    if step == "edit":
        return visit.show(form, typed, {})
    fields, wrong = form.read(typed)
    if wrong:
        return visit.show(form, typed, wrong, 422)
    version = first(typed, "expected_version")
    message = {**fields, **({"expected_version": int(version)} if re.fullmatch(r"[0-9]{1,18}", version) else {})}
    ahead = await visit.site.recourse.order(visit.order_id).preview(form.command, {**message, "actor": visit.actor})
    if isinstance(ahead, WouldBeRefused):
        return refused(visit, form, typed, ahead.refused, ahead.details)
    if step != "confirm" or seen != fingerprint(ahead):
        return _preview(visit, form, typed, ahead, changed=step == "confirm")
    return await _confirmed(visit, form, typed, message, command_id, ahead)


async def _confirmed(
    visit: Visit, form: Form, typed: Typed, message: Mapping[str, Any], command_id: str, ahead: Ahead
) -> Response:
    sent = {**message, "actor": visit.actor, "command_id": command_id}
    try:
        async with patient(visit.site.patience):
            outcome = await visit.site.recourse.order(visit.order_id).send(form.command, sent)
    except Failure as error:
        if error.status_code != 503:
            raise
        # Nobody knows whether it arrived: with the same id it can be sent again.
        return _preview(visit, form, typed, ahead, command_id=command_id, status=503)
    except OrderNotRunning:
        return _preview(visit, form, typed, ahead, command_id=command_id, status=503, stands_still=True)
    if isinstance(outcome, Refused):
        return refused(visit, form, typed, outcome.code, outcome.details)
    return done(visit, form.key)


def _preview(
    visit: Visit,
    form: Form,
    typed: Typed,
    ahead: Ahead,
    *,
    changed: bool = False,
    command_id: str = "",
    status: int = 200,
    stands_still: bool = False,
) -> Response:
    return render(
        visit.request,
        "preview.html",
        409 if changed else status,
        form=form,
        typed=typed,
        aheads=prospects(ahead, visit.reader, visit.phase, form.then or say("As soon as you confirm")),
        seen=fingerprint(ahead),
        command_id=command_id or uuid.uuid4().hex,
        changed=changed,
        unanswered=status == 503,
        stands_still=stands_still,
        order_id=visit.order_id,
        called=visit.called,
        currency=visit.currency,
    )


def done(visit: Visit, key: str, place: str = "") -> Response:
    """Back to the page of the order, which says that it was done; `place` is where on that page."""
    return to(visit.request, f"orders/{quote(visit.order_id, safe='')}?done={key}{place}")


def refused(visit: Visit, form: Form, typed: Typed, code: str, details: Mapping[str, Any]) -> Response:
    """The form, with why the order refused it."""
    names = {field.name for field in form.fields}
    status = 422 if code in OF_THE_MESSAGE else 409
    if code == "malformed":
        # Some problems name a place inside of a field.
        problems = {where.split(".")[0]: why for where, why in details.get("problems", {}).items()}
        wrong = {
            where: say("This cannot be used: {why}.", why=why) for where, why in problems.items() if where in names
        }
        return visit.show(form, typed, wrong, status, notice="" if wrong else _REFUSED["malformed"])
    about = _ABOUT.get(code) or next((one for one in ("explanation", "comment") if one in names), "")
    if status == 422 and about in names:
        return visit.show(form, typed, {about: word(_REFUSED, code)}, status)
    return visit.show(form, typed, {}, status, notice=word(_REFUSED, code))
