"""Writes what the TypeScript client takes from the API: its types, and a method for each command."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.notice import NOTICES, WebhookBody
from recourse.resolution.model.refusals import SENTENCES
from recourse.resolution.shown.groups import GROUP_COMMANDS
from recourse.runtime.keys import KeyRing
from recourse.starter.client import Recourse
from recourse.web.api.bodies import BODIES, GROUP_BODIES
from recourse.web.app import make_app
from recourse.web.problems import PROBLEMS

FOLDER = Path(__file__).resolve().parents[1] / "clients" / "typescript"
COMMANDS_FILE = FOLDER / "src" / "commands.ts"
TYPES_FILE = FOLDER / "src" / "api.ts"
_REF = "#/components/schemas/{model}"
_REFERENCE = re.compile(r"#/components/schemas/(\w+)")
_OF_COMMANDS = re.compile(r"/(commands|previews)/[a-z_]+$")
# `by` is the actor of every method, as in Python.
_RENAMED = {"give_time": "Renamed<'GiveTime', 'by', 'length'>"}
HEAD = """\
// The commands of an order as methods, and the known codes. Written by `make client-typescript`: do not edit.
import type { components } from './api.js';
import type { CallOptions } from './calls.js';
import type { Given, Outcome } from './messages.js';

type Schemas = components['schemas'];
type Renamed<Body extends keyof Schemas, From extends keyof Schemas[Body], To extends string> = Omit<
  Schemas[Body],
  From
> & { [Key in To]: Schemas[Body][From] };

"""


def description() -> dict[str, Any]:
    """The description of the API, as /openapi.json has it."""
    described: dict[str, Any] = make_app(Recourse(None), KeyRing({"none": b"-" * 32})).openapi()  # type: ignore[arg-type]
    return described


def types_are_made_from(described: Mapping[str, Any]) -> dict[str, Any]:
    """The description without what the client's types do not need: the calls that differ by the command alone, and the
    same errors of every call."""
    paths = {
        path: {method: _essential(call) for method, call in calls.items()}
        for path, calls in described["paths"].items()
        if not _OF_COMMANDS.search(path)
    }
    _, of_webhooks = models_json_schema([(WebhookBody, "serialization")], ref_template=_REF)
    schemas = {**of_webhooks["$defs"], **described["components"]["schemas"]}
    sent = _named(
        [call.get("requestBody") for calls in described["paths"].values() for call in calls.values()], schemas
    )
    sent |= _named([_REF.format(model=body.__name__) for body in [*BODIES.values(), *GROUP_BODIES.values()]], schemas)
    plain = {
        name: schema if name in sent else _answered(schema) for name, schema in schemas.items() if name != "Problem"
    }
    return {**described, **_untitled({"paths": paths, "components": {"schemas": plain}})}


def _named(value: Any, schemas: Mapping[str, Any]) -> set[str]:
    """The schemas that a value refers to, and those that these refer to."""
    found: set[str] = set()
    waiting = set(_REFERENCE.findall(json.dumps(value)))
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(_REFERENCE.findall(json.dumps(schemas[name]))) - found
    return found


def _answered(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of what a server sends: it sends defaults too. A reader ignores fields that it does not know."""
    known = schema.get("properties", {})
    required = [key for key, value in known.items() if key in schema.get("required", ()) or "default" in value]
    kept = {key: value for key, value in schema.items() if key != "additionalProperties" or not known}
    return {**kept, "required": required} if required else kept


def _untitled(value: Any) -> Any:
    """Without titles, which repeat the names. A field that is called so is no text."""
    if isinstance(value, dict):
        return {
            key: _untitled(inner) for key, inner in value.items() if not (key == "title" and isinstance(inner, str))
        }
    return [_untitled(inner) for inner in value] if isinstance(value, list) else value


def _essential(call: Mapping[str, Any]) -> dict[str, Any]:
    answers = {status: answer for status, answer in call["responses"].items() if status.startswith("2")}
    return {
        **{key: value for key, value in call.items() if key not in ("operationId", "tags", "summary")},
        "responses": answers,
    }


def methods() -> str:
    """The text of commands.ts."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield HEAD.removesuffix("\n")
    yield "/** What each command takes. */"
    yield "export interface CommandFields {"
    for name in COMMANDS:
        yield f"  {name}: {_RENAMED.get(name) or _schema(BODIES[name].__name__)};"
    yield "}"
    yield ""
    yield "/** What each command takes that is sent to a group. */"
    yield "export interface GroupCommandFields {"
    for name in GROUP_COMMANDS:
        of_group = "OfGroup" if "amount" in BODIES[name].model_fields else ""
        yield f"  {name}: {_schema(BODIES[name].__name__ + of_group)};"
    yield "}"
    yield ""
    yield "/** A method for each command. */"
    yield "export abstract class Commands {"
    yield "  /** Send a command by its name. */"
    yield "  abstract send<Name extends keyof CommandFields>("
    yield "    command: Name,"
    yield "    fields: CommandFields[Name] & Given,"
    yield "    options?: CallOptions,"
    yield "  ): Promise<Outcome>;"
    for name, command in COMMANDS.items():
        needed = any(field.is_required() for field in BODIES[name].model_fields.values())
        yield ""
        yield f"  /** {command.about} By: {', '.join(command.roles)}. */"
        given = f"fields: CommandFields['{name}'] & Given{'' if needed else ' = {}'}"
        yield f"  {camel(name)}({given}, options?: CallOptions): Promise<Outcome> {{"
        yield f"    return this.send('{name}', fields, options);"
        yield "  }"
    yield "}"
    for kind, about, codes in (
        ("RefusalCode", "The codes of refusals.", SENTENCES),
        ("ProblemCode", "The codes of other errors of the API.", PROBLEMS),
        ("NoticeName", "What notices are about.", NOTICES),
    ):
        yield ""
        yield f"/** {about} A later version may have more. */"
        yield f"export type {kind} ="
        yield from (f"  | '{code}'" for code in codes)
        yield "  | (string & {});"
    yield ""


def _schema(name: str) -> str:
    return f"Schemas['{name}']"


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def write_types(into: Path, packages: Path = FOLDER / "node_modules") -> None:
    """Write api.ts with openapi-typescript, which is among the installed packages."""
    subprocess.run(
        [packages / ".bin" / "openapi-typescript", "--default-non-nullable=false", "--output", into],
        input=json.dumps(types_are_made_from(description())),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main() -> None:
    """Write both, with the packages that the lock file pins."""
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)
    COMMANDS_FILE.write_text(methods(), encoding="utf-8")
    write_types(TYPES_FILE)
    sys.stdout.write(f"{FOLDER.relative_to(FOLDER.parents[1])}/src is written.\n")


if __name__ == "__main__":
    main()
