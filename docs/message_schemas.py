"""Writes docs/messages.md, docs/errors.md and docs/schemas, but no schema that would break users of the published."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recourse.activities.letters import SENTENCES as NOTICES
from recourse.activities.webhook import SCHEMA_VERSION
from recourse.resolution.model.command import Command
from recourse.resolution.model.commands import COMMANDS
from recourse.web.errors import Explained, other_errors, refusals
from recourse.web.schemas import SAID_BY_ORDERS, breaks, schemas

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "messages.md"
ERRORS = ROOT / "docs" / "errors.md"
FOLDER = ROOT / "docs" / "schemas" / SCHEMA_VERSION
ADVICE = (
    "\nOther programs keep to these schemas. Make the change so that the old messages still fit (a new field with a "
    "default, both names for a while), or, where that cannot be, begin a new version: raise SCHEMA_VERSION "
    "in activities/webhook.py, keep reading the old messages, run `make docs`, and say in docs/integrating.md what "
    "changed."
)


def broken(published: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    """What would break a user of the published schemas, each a sentence that names the schema."""
    for name, old in published.items():
        if name not in made:
            yield f"{SCHEMA_VERSION}/{name}: is gone"
        else:
            for sentence in breaks(old, made[name], said_by_orders=name in SAID_BY_ORDERS):
                yield f"{SCHEMA_VERSION}/{name}: {sentence}"


def published(folder: Path = FOLDER) -> dict[str, Any]:
    """The schemas of the tree, by name."""
    found = sorted(folder.rglob("*.json"))
    return {path.relative_to(folder).with_suffix("").as_posix(): json.loads(path.read_text("utf-8")) for path in found}


def messages_page() -> str:
    """Every command and notice, each with its sentence."""
    frame = set(Command.model_fields) | {"comment"}
    commands = [
        f"| [`{name}`](schemas/{SCHEMA_VERSION}/commands/{name}.json) | {', '.join(command.roles)} | {command.about} | "
        f"{', '.join(f'`{field}`' for field in command.model_fields if field not in frame) or '–'} |"
        for name, command in COMMANDS.items()
        if "system" not in command.roles
    ]
    notices = [f"| `{name}` | {sentence} |" for name, sentence in NOTICES.items()]
    return "\n".join(
        [
            "# Commands and notices",
            "",
            "Written by `make docs`. [integrating.md](integrating.md) says how they are sent and received, and "
            "[errors.md](errors.md) what a refusal means.",
            "",
            "## Commands",
            "",
            "Each carries an `actor` and a `command_id`, which stands for this command with these fields and for no "
            "other. Each may carry a `comment` and the `expected_version` of the offer that it answers. The command's "
            "name links to its JSON Schema.",
            "",
            "| command | by | | fields of its own |",
            "|---|---|---|---|",
            *commands,
            "",
            "## Notices",
            "",
            "| type | what has happened |",
            "|---|---|",
            *notices,
            "",
        ]
    )


def errors_page() -> str:
    """Every code of a refusal and of another error, each with what it means and what to do."""
    return "\n".join(
        [
            "# Refusals and errors",
            "",
            "Every code, written by `make docs`. `recourse serve` has the same page at `/docs/errors`, to which "
            "the `type` of an error points. A corrected command needs a new id: the old one gets the old answer.",
            "",
            "## Refusals",
            "",
            "An order refuses a command; nothing has changed but its record. When several codes apply, the one that "
            "stands first is given. The number is the HTTP status.",
            "",
            *(line for explained in refusals() for line in _section(explained)),
            "## Other errors over HTTP",
            "",
            *(line for explained in other_errors() for line in _section(explained)),
        ]
    )


def _section(explained: Explained) -> Iterator[str]:
    yield from (f"### `{explained.code}`", "", f"{explained.status}. {explained.means}", "")
    if explained.shown:
        yield f"- Show: {explained.shown}"
    yield from (f"- Do: {explained.remedy}", "")


def main() -> None:
    """Write them, or say what speaks against it and end with status 1."""
    made = schemas()
    wrong = list(broken(published(), made))
    if wrong:
        sys.exit("\n".join(wrong) + ADVICE)
    for name, schema in made.items():
        path = FOLDER / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(messages_page(), encoding="utf-8")
    ERRORS.write_text(errors_page(), encoding="utf-8")
    sys.stdout.write(f"{FOLDER.relative_to(ROOT)} is written.\n")


if __name__ == "__main__":
    main()
