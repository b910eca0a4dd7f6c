"""What is sent at once, without a preview: a message to the other side, with files of evidence."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from recourse.errors import OrderNotRunning
from recourse.evidence.kinds import UnusableFile, kind_of_name
from recourse.evidence.store import EvidenceAway
from recourse.resolution.model.outcome import Refused
from recourse.resolution.model.vocabulary import Party
from recourse.web.files import Received, address_of, check_named, keep
from recourse.web.pages.actions import Visit, done, refused, visit_of
from recourse.web.pages.fields import Typed
from recourse.web.pages.forms import Form
from recourse.web.pages.receiving import fill, filling, has_files
from recourse.web.pages.sessions import check_proof, first, read_form
from recourse.web.patience import patient
from recourse.web.problems import Failure, malformed
from recourse.wording.languages import say


async def send(request: Request) -> Response:
    """A message that was written, and files that were chosen: sent, and shown on the page of the order."""
    visit = await visit_of(request)
    if not has_files(request):
        given = await read_form(request)
        check_proof(request, given)
        return await _say(visit, given, ())
    with visit.site.uploads.begin(visit.actor.role, visit.actor.id), filling() as filled:
        try:
            await fill(filled, request)
        except EvidenceAway:
            return visit.show(await visit.form("message"), filled.typed, {}, 503, notice=_away())
        check_proof(request, filled.typed)
        return await _say(visit, filled.typed, filled.files)


async def _say(visit: Visit, given: Typed, files: Sequence[Received]) -> Response:
    form, command_id = await visit.form("message"), first(given, "command_id")
    if not re.fullmatch(r"[0-9a-f]{32}", command_id):
        raise malformed(command_id="is not one of a form")
    typed = {"comment": list(given.get("comment", ()))}
    fields, wrong = form.read(typed)
    wrong |= _wrong_files(form, files, given.get("sha256", []))
    if not fields and not files and not wrong:
        wrong["comment"] = say("Write something here, or choose a file.")
    if wrong:
        return visit.show(form, typed, wrong, 422)
    messages: list[tuple[str, dict[str, Any]]] = []
    if fields:
        messages.append(("message", {**fields, "command_id": command_id}))
    try:
        messages += [await _evidence(visit, file, f"{command_id} {number}") for number, file in enumerate(files)]
        for name, message in messages:
            async with patient(visit.site.patience):
                said = {**message, "actor": visit.actor}
                outcome = await visit.site.recourse.order(visit.order_id).send(name, said)
            if isinstance(outcome, Refused):
                return refused(visit, form, typed, outcome.code, outcome.details)
    except UnusableFile as error:
        return visit.show(form, typed, {"files": str(error)}, 422)
    except EvidenceAway:
        return visit.show(form, typed, {}, 503, notice=_away())
    except Failure as error:
        if error.status_code != 503:
            raise
        why = say("The order does not answer at the moment. Perhaps this has arrived.")
        why += " " + say("Send it again in a minute, with the same files: it is never done twice.")
        return visit.show(form, {**typed, "command_id": [command_id]}, {}, 503, notice=why)
    except OrderNotRunning:
        why = say("This order is not running at the moment, so this has not arrived.")
        why += " " + say("Send it again once the marketplace has brought the order back.")
        return visit.show(form, {**typed, "command_id": [command_id]}, {}, 503, notice=why)
    return done(visit, form.key, "#latest")


def _away() -> str:
    return say("Files cannot be kept at the moment, so nothing was sent. Try again in some minutes.")


def _wrong_files(form: Form, files: Sequence[Received], hashes: Sequence[str]) -> Mapping[str, str]:
    if files and not any(field.name == "files" for field in form.fields):
        return {"comment": say("This marketplace keeps no files. Send the message without them.")}
    for number, file in enumerate(files):
        try:
            file.check()
            # Of a browser with scripts, which has counted it before it was sent.
            if len(hashes) == len(files) and hashes[number] != file.sha256:
                raise UnusableFile("It did not arrive as it was sent. Send it again.")
        except UnusableFile as error:
            return {"files": f"{file.name[:80]}: {error}"}
    return {}


async def _evidence(visit: Visit, received: Received, of_command: str) -> tuple[str, dict[str, Any]]:
    """The command that names a file, once the file is kept. With the same form, it is the same file and command."""
    party: Party = "client" if visit.actor.role == "client" else "freelancer"
    file_id = hashlib.sha256(f"{visit.order_id} {visit.sender} {of_command}".encode()).hexdigest()[:32]
    file = await keep(visit.site, visit.order_id, party, received, file_id=file_id)
    said = {
        "title": file.name,
        "kind": kind_of_name(file.name).kind,
        "sha256": file.sha256,
        "address": address_of(file),
    }
    await check_named(visit.site, visit.order_id, party, said)
    return "add_evidence", {**said, "command_id": file_id}
