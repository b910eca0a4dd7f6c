"""Writes docs/schemas, but never in place of a published schema what would break those who keep to it."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from activities.webhook import SCHEMA_VERSION
from starter.schemas import SAID_BY_ORDERS, breaks, schemas

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "schemas" / SCHEMA_VERSION
ADVICE = (
    "\nOther programs keep to these schemas. Make the change so that the old messages still fit (a new field with a "
    "default, both names for a while), or, where that cannot be, begin a new version: raise SCHEMA_VERSION "
    "in activities/webhook.py, keep reading the old messages, run `make docs`, and say in docs/integrating.md what "
    "changed."
)


def broken(published: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    """What would break whoever keeps to the published schemas, each a sentence that names the schema."""
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
    sys.stdout.write(f"{FOLDER.relative_to(ROOT)} is written.\n")


if __name__ == "__main__":
    main()
