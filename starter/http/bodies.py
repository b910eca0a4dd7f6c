"""What a call sends. A command's fields are those of the contract, less what the server itself says of it."""

import json
from typing import Any

from fastapi import Request
from pydantic import BaseModel, create_model
from pydantic_core import to_json

from resolution.commands import COMMANDS, Command
from resolution.fields import excerpt
from starter.http.problems import malformed

# The token or `as` says the actor, the Idempotency-Key the id, and the arrival the stamp.
SAID_ELSEWHERE = ("actor", "command_id", "sent_at")


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of a call's body; an empty body is an empty object. Raises Failure (422)."""
    body = await request.body()
    if not body:
        return {}
    try:
        value = json.loads(body.decode(), parse_constant=_no_number)
        # Lone surrogates and endless nesting can be read, but not be passed on.
        to_json(value)
    except RecursionError as error:
        raise malformed(body="is nested too deeply") from error
    except ValueError as error:
        raise malformed(body=excerpt(f"is not JSON that can be used: {error}")) from error
    if not isinstance(value, dict):
        raise malformed(body="is not a JSON object")
    said = {field: "cannot be set in the body" for field in SAID_ELSEWHERE if field in value}
    if said:
        raise malformed(**said)
    return value


def _model(name: str, command: type[Command]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        field: (known.rebuild_annotation(), known)
        for field, known in command.model_fields.items()
        if field not in SAID_ELSEWHERE
    }
    title = "".join(part.capitalize() for part in name.split("_"))
    return create_model(title, __doc__=command.about, __config__={"extra": "forbid"}, **fields)


BODIES: dict[str, type[BaseModel]] = {name: _model(name, command) for name, command in COMMANDS.items()}


def described_body(name: str) -> dict[str, Any]:
    """The request body of a command, for the description of the API."""
    body = BODIES[name]
    required = any(field.is_required() for field in body.model_fields.values())
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
