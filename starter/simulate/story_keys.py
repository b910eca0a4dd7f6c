"""The keys of a story: what the reader takes, what the schema for editors says, and what docs/stories.md lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from recourse.policies import PRESETS
from recourse.policies.json_schema import DIALECT
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.notice import NoticeName
from recourse.resolution.model.payments import LegName
from recourse.resolution.model.refusals import CODES
from recourse.resolution.model.terms import Histories, Terms
from recourse.resolution.shown.views import OrderView

# In addition to commands: what a step can do that asks the order for nothing.
LOOKS = ("preview", "export")


def as_written(value: Any) -> Any:
    """A value as a story writes it."""
    return f"{value:%FT%TZ}" if isinstance(value, datetime) else value


DEFAULT_ORDER: Mapping[str, Any] = {
    "client": "c-1",
    "freelancer": "f-1",
    "currency": "USD",
    "price": 10_000,
    "service_fee": 550,
    "requirements": "received",
    "ordered_at": datetime(2025, 3, 3, 9, tzinfo=UTC),
    "delivery_time": "5d",
}


@dataclass(frozen=True)
class Key:
    """What a key means, and the schema of its value."""

    about: str
    schema: Mapping[str, Any] = field(default_factory=dict)


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_MAP = {"type": "object"}
_INSTANT = {"type": "string", "format": "date-time"}
_VIEW = {"$ref": "#/$defs/view"}
_SAYS = {"enum": ["works", "fails", "cannot"]}


def _by_role(value: Mapping[str, Any]) -> dict[str, Any]:
    roles = {role: {**value, "description": f"Of the {role}."} for role in ("client", "freelancer", "operator")}
    return {"type": "object", "properties": roles, "additionalProperties": False}


def _some_of(known: Any) -> dict[str, Any]:
    """Any text, of which an editor offers those that are known."""
    return {"anyOf": [{"enum": list(known)}, _TEXT]}


SENT = {
    "by": Key(
        "Who sends it: `client`, `freelancer`, `operator`, `operator:NAME`, `system`, or `stranger`, who says to be "
        "the client.",
        {"type": "string", "pattern": "^(client|freelancer|operator|stranger|system)(:.+)?$"},
    ),
    "do": Key(
        "The command. A name that is no command is sent as it is. `preview` tries the command of `with`, `export` "
        "exports the record `for` a role; both change nothing.",
        _some_of([*COMMANDS, *LOOKS]),
    ),
    "with": Key("The fields of the command.", _MAP),
    "id": Key("The id of the command; the same again with the same fields is a repetition.", _TEXT),
}
STEP = {
    "at": Key("When: the clock moves there first, and every deadline up to then takes effect. Required.", _INSTANT),
    **SENT,
    "refused": Key(
        "The code of the refusal that must come. Without it, the command must be applied. With `together`, the codes "
        "of those that are refused, in any order; an item may be a list of alternatives.",
        {"anyOf": [_some_of(CODES), {"type": "array"}]},
    ),
    "refused_with": Key("What the details of the refusal contain.", _MAP),
    "together": Key(
        "Commands that are sent at the same moment, in no set order, in place of `do`.", {"$ref": "#/$defs/together"}
    ),
    "applied": Key("How many of `together` must be applied.", {"type": "integer"}),
    "told": Key(
        "The notices that each role got since the step before, in order, all of them. A role that is left out got "
        "none.",
        _by_role({"type": "array", "items": _some_of(get_args(NoticeName))}),
    ),
    "expect": Key(
        "What the operator's view of the order contains after the step: of a map the keys that are named, of anything "
        "else all.",
        _VIEW,
    ),
    "view": Key("The same of the view of a role.", _by_role(_VIEW)),
    "absent": Key("Keys that are not in the view of a role at all.", _by_role(_TEXTS)),
    "hidden": Key("Texts that a role can read nowhere, now and at the end of the story.", _by_role(_TEXTS)),
    "actions": Key(
        "All commands that a role can give now, in order, without those that are possible at almost any time.",
        _by_role(_TEXTS),
    ),
    "answer": Key("What the answer of a `preview`, or the document of an `export`, contains.", _MAP),
    "worker": Key(
        "`down`: from now on nothing runs; commands and clocks wait. `up`: all of them are decided in the order in "
        "which they would have been.",
        {"enum": ["down", "up"]},
    ),
    "provider": Key(
        "What the payment provider says from now on, to all payments or by leg (`refund`, `payout`, `fee`): it "
        "`works`, `fails` for now, or `cannot` ever pay.",
        {
            "anyOf": [
                _SAYS,
                {
                    "type": "object",
                    "properties": {leg: {**_SAYS, "description": f"To the {leg}."} for leg in get_args(LegName)},
                    "additionalProperties": False,
                },
            ]
        },
    ),
}
ORDER = {
    name: Key(Terms.model_fields[name].description or "", {"default": as_written(value)})
    for name, value in DEFAULT_ORDER.items()
}
TOP = {
    "id": Key("A name of its own. Required."),
    "title": Key("What it shows. Required.", _TEXT),
    "rules": Key("The source rules that it shows, such as `R26`.", _TEXTS),
    "policy": Key("A preset, or the path of a policy file from here. Required.", _some_of(PRESETS)),
    "policy_changes": Key("Keys of the policy that have another value, by their dotted names.", _MAP),
    "only": Key("The engine that it is for: `pure`, the rules alone, or `temporal`.", {"enum": ["pure", "temporal"]}),
    "order": Key("The order, where it differs from the usual one.", {"$ref": "#/$defs/order"}),
    "history": Key("What the two have behind them.", {"$ref": "#/$defs/history"}),
    "steps": Key(
        "What happens, in order of time. Required.", {"type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
    ),
    "never_told": Key(
        "Roles that get no notice at all.", {"type": "array", "items": {"enum": ["client", "freelancer", "operator"]}}
    ),
}
REQUIRED = ("id", "title", "policy", "steps")


def story_schema() -> dict[str, Any]:
    """The JSON Schema of a story, for editors. It knows keys and values; what fits together the reader finds."""
    history = Histories.model_json_schema(ref_template="#/$defs/{model}")
    made = {
        "order": _table(ORDER),
        "step": {**_table(STEP), "required": ["at"], "allOf": [_fields_of(name) for name in COMMANDS]},
        "together": {"type": "array", "items": _table(SENT)},
        "view": {
            "type": "object",
            "properties": {n: {"description": f.description} for n, f in OrderView.model_fields.items()},
        },
        **history.pop("$defs"),
        "history": history,
    }
    return {
        "$schema": DIALECT,
        "title": "A story of Recourse",
        **_table(TOP),
        "required": list(REQUIRED),
        "$defs": made,
    }


def _table(keys: Mapping[str, Key]) -> dict[str, Any]:
    properties = {name: {**key.schema, "description": key.about} for name, key in keys.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _fields_of(command: str) -> dict[str, Any]:
    """The fields of a command for its `with`: their names alone, as a story may send what is refused."""
    fields = {
        name: {"description": field.description}
        for name, field in COMMANDS[command].model_fields.items()
        if name not in ("actor", "command_id")
    }
    sent = {"with": {"properties": fields}}
    return {"if": {"properties": {"do": {"const": command}}, "required": ["do"]}, "then": {"properties": sent}}
