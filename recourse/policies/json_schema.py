"""The JSON Schema of a policy file, for editors and validators; made from the policy model itself."""

from typing import Any

from recourse.policies.keys import model_at, written
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.policy_requests import CancelRequests, Requests, Silences

_SILENT = Silences(client_asked="lapse", freelancer_asked="lapse")
DEFAULTS = Policy(name="-", requests=Requests(cancel=CancelRequests(silence=_SILENT)))
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def policy_schema() -> dict[str, Any]:
    """The schema of one file. A file that extends another may leave out what is required."""
    schema = Policy.model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "A preset or a file whose values are taken where this file is silent.",
    }
    write_defaults(schema)
    required = ("CancelRequests", "Requests", "Silences")
    whole = {name: schema["$defs"][name].pop("required") for name in required}
    del schema["required"]
    schema |= {
        "$schema": DIALECT,
        "title": "A policy of Recourse",
        "if": {"not": {"required": ["extends"]}},
        "then": {
            "required": ["name", "requests"],
            "properties": {
                "requests": {
                    "required": whole["Requests"],
                    "properties": {
                        "cancel": {
                            "required": whole["CancelRequests"],
                            "properties": {"silence": {"required": whole["Silences"]}},
                        }
                    },
                }
            },
        },
    }
    return schema


def write_defaults(schema: dict[str, Any]) -> None:
    """Write the defaults of a schema that holds the policy model as policy files write them."""
    for key, value in written(DEFAULTS).items():
        model = model_at(key[:-1])
        table = schema["$defs"].get(model.__name__) if model else None
        if table and "default" in table["properties"][key[-1]]:
            table["properties"][key[-1]]["default"] = value
