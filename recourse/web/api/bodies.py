"""What a call sends. A command's fields are those of the contract, less what the server itself says of it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, create_model
from pydantic_core import to_json

from recourse.resolution.model.command import Command
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.fields import Int64, excerpt
from recourse.resolution.shown.groups import GROUP_COMMANDS
from recourse.runtime.exact_json import read_json
from recourse.web.access import token_first
from recourse.web.problems import malformed

# The token or `as` says and proves the actor, the Idempotency-Key the id, and the arrival the stamp.
SAID_ELSEWHERE = ("actor", "command_id", "sent_at", "actor_token")


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


class ExactRequest(Request):
    """A call whose body is read strictly."""

    async def json(self) -> Any:
        """The value of its body. Raises Failure (422)."""
        return _read(await self.body())


class ExactRoute(APIRoute):
    """A path that FastAPI reads the body of."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As ever, with a body that is read strictly."""
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await plain(ExactRequest(request.scope, request.receive))

        return handle


class TokenRoute(ExactRoute):
    """A path that reads no body of a caller without a token."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As ever, once the caller has shown a token."""
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            await token_first(request)
            return await plain(request)

        return handle


def _read(body: bytes) -> Any:
    try:
        value = read_json(body.decode(), _no_number)
        # Lone surrogates and endless nesting can be read, but not be passed on.
        to_json(value)
    except RecursionError as error:
        raise malformed(body="is nested too deeply") from error
    except ValueError as error:
        raise malformed(body=excerpt(f"is not JSON that can be used: {error}")) from error
    return value


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of a call's body; an empty body is an empty object. Raises Failure (422)."""
    body = await request.body()
    if not body:
        return {}
    value = _read(body)
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
_AMOUNTS: Any = Field(default=None, description='The amounts by part, such as `{"1": 0, "2": 2500}`.')


def _of_group(name: str) -> type[BaseModel]:
    body = BODIES[name]
    if "amount" not in body.model_fields:
        return body
    fields: dict[str, Any] = {
        field: (known.rebuild_annotation(), known) for field, known in body.model_fields.items() if field != "amount"
    }
    fields["amounts"] = (dict[str, Int64] | None, _AMOUNTS)
    return create_model(f"{body.__name__}OfGroup", __doc__=body.__doc__, __config__={"extra": "forbid"}, **fields)


GROUP_BODIES = {name: _of_group(name) for name in GROUP_COMMANDS}


def described_body(body: type[BaseModel]) -> dict[str, Any]:
    """The request body of a command, for the description of the API."""
    required = any(field.is_required() for field in body.model_fields.values())
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
