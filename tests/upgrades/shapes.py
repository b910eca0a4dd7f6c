"""The shape of stored data, kept with each release, so that no key is added without a new `DATA_VERSION`.

`python -m tests.upgrades.shapes` keeps that of the release that is being made.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from recourse.resolution.model.data_version import DATA_VERSION
from recourse.resolution.model.order import Opening, Order
from recourse.resolution.model.reading import Message
from recourse.workflows.carried import Carried

RELEASED = Path(__file__).parent / "released"
STORED: tuple[type[BaseModel], ...] = (Opening, Order, Message, Carried)
_FOR_PEOPLE = {"title", "description", "examples", "default"}
RAISE = (
    "What is stored has another shape than in the last release: raise DATA_VERSION, and see 'A key of stored data' in "
    "CONTRIBUTING.md."
)


def shape(models: tuple[type[BaseModel], ...] = STORED) -> dict[str, Any]:
    """Every key that is stored, with its type and the values that it can have."""
    return {model.__name__: _bare(model.model_json_schema()) for model in models}


def _bare(node: Any) -> Any:
    if isinstance(node, list):
        return [_bare(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    names = ("properties", "$defs")
    return {
        key: {name: _bare(inner) for name, inner in value.items()} if key in names else _bare(value)
        for key, value in node.items()
        if key not in _FOR_PEOPLE
    }


def keep(folder: Path = RELEASED, version: int = DATA_VERSION) -> None:
    """Keep the shape of this release."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(shape(), indent=1, sort_keys=True)
    (folder / f"{version}.json").write_text(text + "\n", encoding="utf-8")


def wrong(made: dict[str, Any], version: int, folder: Path = RELEASED) -> str | None:
    """What is wrong with a data version, where the data has this shape; None: nothing."""
    kept = {int(path.stem): path for path in folder.glob("*.json")}
    newest = max(kept, default=0)
    if version < newest:
        return f"DATA_VERSION is {version}, and {newest} is released: it never goes back."
    if version == newest and json.loads(kept[newest].read_text(encoding="utf-8")) != made:
        return RAISE
    return None


if __name__ == "__main__":
    keep()
