"""Groups of orders: where they stand, and each command that can be sent to all of them."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request

from recourse.http.shapes import Outcomes
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.outcome import Refused
from recourse.resolution.shown.groups import GROUP_COMMANDS, GroupView
from recourse.web.access import GroupId, TheGroupActor, TheGroupReader, TheSite, answers
from recourse.web.api.bodies import GROUP_BODIES, described_body, read_object
from recourse.web.api.commands import CommandId
from recourse.web.patience import patient
from recourse.web.problems import refusal_of

router = APIRouter(tags=["groups"])


@router.get("/groups/{group}", responses=answers(403, 404, 409, 422))
async def show_group(site: TheSite, group: GroupId, seen: TheGroupReader) -> GroupView:
    """Where the orders of a group stand, as the caller's role sees them."""
    reader, members = seen
    return await site.recourse.group(group).show(reader, members)


def _giving(name: str) -> Callable[..., Awaitable[Any]]:
    async def give(
        site: TheSite, request: Request, group: GroupId, actor: TheGroupActor, idempotency_key: CommandId = None
    ) -> Outcomes:
        command_id = idempotency_key or uuid.uuid4().hex
        message = {**await read_object(request), "actor": actor, "command_id": command_id}
        async with patient(site.patience, command_id=command_id):
            outcomes = await site.recourse.group(group).send(name, message)
        unreadable = [one for one in outcomes if isinstance(one, Refused) and one.code == "malformed"]
        if len(unreadable) == len(outcomes):
            raise refusal_of(unreadable[0])
        return Outcomes(command_id=command_id, outcomes=outcomes)

    return give


for _name in GROUP_COMMANDS:
    router.add_api_route(
        f"/groups/{{group}}/commands/{_name}",
        _giving(_name),
        methods=["POST"],
        operation_id=f"{_name}_group",
        summary=f"To each order of a group: {COMMANDS[_name].about}",
        description=f"By: {', '.join(COMMANDS[_name].roles)}.",
        response_model=Outcomes,
        responses=answers(403, 404, 413, 422),
        openapi_extra=described_body(GROUP_BODIES[_name]),
    )
