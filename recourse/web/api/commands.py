"""Every command of the contract as a path of its own, and what it would lead to."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse

from recourse.http.shapes import Sent
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.outcome import Applied, Refused
from recourse.resolution.shown.looking_ahead import Ahead, WouldBeRefused
from recourse.web.access import OrderId, TheActor, TheSite, answers
from recourse.web.api.bodies import BODIES, described_body, read_object
from recourse.web.files import check_named
from recourse.web.patience import patient
from recourse.web.problems import malformed, refusal_of

router = APIRouter()

CommandId = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Your own id of this command: the same sender's same id and command get the first answer; with "
        "another command or other fields they are refused `command_id_reused`. Without one, an id is made.",
        pattern=r"^[\x21-\x7e]{1,200}$",
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        description="`respond-async`: the command is kept for the order, also while every worker is down, and its "
        "answer is not waited for.",
    ),
]
Path = Callable[..., Awaitable[Any]]


def _giving(name: str) -> Path:
    async def give(
        site: TheSite,
        request: Request,
        order_id: OrderId,
        actor: TheActor,
        idempotency_key: CommandId = None,
        prefer: Prefer = None,
    ) -> Any:
        arrived = site.now().isoformat(timespec="seconds")
        command_id = idempotency_key or uuid.uuid4().hex
        message = {**await read_object(request), "actor": actor, "command_id": command_id, "sent_at": arrived}
        if name == "add_evidence":
            await check_named(site, order_id, actor.role, message)
        async with patient(site.patience, command_id=command_id):
            if prefer is not None and "respond-async" in prefer.lower():
                refused = await site.recourse.order(order_id).signal(name, message)
                if refused:
                    raise refusal_of(refused)
                sent = Sent(status="sent", command=name, command_id=command_id)
                return JSONResponse(sent.model_dump(), 202, {"Preference-Applied": "respond-async"})
            outcome = await site.recourse.order(order_id).send(name, message)
        if isinstance(outcome, Refused):
            raise refusal_of(outcome)
        return outcome

    return give


def _looking_ahead(name: str) -> Path:
    async def look_ahead(site: TheSite, request: Request, order_id: OrderId, actor: TheActor) -> Ahead | WouldBeRefused:
        ahead = await site.recourse.order(order_id).preview(name, {**await read_object(request), "actor": actor})
        if isinstance(ahead, WouldBeRefused) and ahead.refused == "malformed":
            raise malformed(**ahead.details["problems"])
        return ahead

    return look_ahead


for _name, _command in COMMANDS.items():
    _by = f"By: {', '.join(_command.roles)}."
    router.add_api_route(
        f"/orders/{{order_id}}/commands/{_name}",
        _giving(_name),
        methods=["POST"],
        operation_id=_name,
        tags=["commands"],
        summary=_command.about,
        description=_by,
        response_model=Applied,
        responses={202: {"model": Sent, "description": "Kept for the order."}, **answers(403, 404, 409, 413, 422)},
        openapi_extra=described_body(BODIES[_name]),
    )
    router.add_api_route(
        f"/orders/{{order_id}}/previews/{_name}",
        _looking_ahead(_name),
        methods=["POST"],
        operation_id=f"preview_{_name}",
        tags=["looking ahead"],
        summary=f"What it would lead to, without doing it: {_command.about}",
        description=_by,
        response_model=Ahead | WouldBeRefused,
        responses=answers(403, 404, 413, 422),
        openapi_extra=described_body(BODIES[_name]),
    )
