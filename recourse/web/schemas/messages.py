"""The schema of each message, made from the models that read and write it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from recourse.activities.webhook import SCHEMA_VERSION
from recourse.policies.json_schema import DIALECT, write_defaults
from recourse.resolution.model.command import Command
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.notice import WebhookBody
from recourse.resolution.model.order import Opening
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.shown.views import OrderView
from recourse.runtime.names import TOKEN

# What is sent to an order is taken only as described; what comes from one may gain more within a version.
SAID_BY_ORDERS = ("outcome", "notice", "page")


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by its name: `start`, `commands/…`, `outcome`, `notice`, `page`."""
    told = {
        "start": (_start(), "What a workflow of type `Order` starts with"),
        **{
            f"commands/{name}": (_command(command), command.about)
            for name, command in COMMANDS.items()
            if "system" not in command.roles
        },
        "outcome": (_plain(Outcome), "What the update of a command answers"),
        "notice": (_plain(WebhookBody), "The body of a webhook"),
        "page": (_plain(OrderView), "What the query `page` answers: the order as an operator sees it"),
    }
    return {name: _headed(name, schema, title) for name, (schema, title) in told.items()}


def _headed(name: str, schema: Mapping[str, Any], title: str) -> dict[str, Any]:
    head = {"$schema": DIALECT, "$id": f"urn:recourse:{SCHEMA_VERSION}:{name.replace('/', ':')}", "title": title}
    return {**head, **{key: value for key, value in _tidy(schema, name in SAID_BY_ORDERS).items() if key != "title"}}


def _start() -> dict[str, Any]:
    schema = Opening.model_json_schema()
    write_defaults(schema)
    return schema


def _command(command: type[Command]) -> dict[str, Any]:
    schema = command.model_json_schema()
    schema["$defs"]["Actor"]["properties"]["role"]["enum"] = list(command.roles)
    proof = "Proof of the actor, where the marketplace asks for it (docs/security.md)."
    schema["properties"][TOKEN] = {"type": "string", "description": proof}
    return schema


def _plain(shape: Any) -> dict[str, Any]:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return shape.model_json_schema()
    return TypeAdapter(shape).json_schema()


def _tidy(node: Any, grows: bool) -> Any:
    """A schema without the titles that only repeat its names; one that `grows` forbids nothing that it does not
    name."""
    if isinstance(node, list):
        return [_tidy(item, grows) for item in node]
    if not isinstance(node, Mapping):
        return node
    tidied = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):
            tidied[key] = {name: _tidy(inner, grows) for name, inner in value.items()}
        elif key in ("default", "examples"):
            tidied[key] = value
        elif not (key == "title" or (grows and key == "additionalProperties" and value is False)):
            tidied[key] = _tidy(value, grows)
    return tidied
