"""Every field that people or programs meet explains itself: in schemas, in the HTTP API and in policy files."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from recourse.policies.json_schema import policy_schema
from recourse.resolution.model.entry import EntryContent
from recourse.resolution.model.record import Export
from recourse.starter.client import Recourse
from recourse.starter.simulate.story_keys import story_schema
from recourse.web.app import make_app
from recourse.web.schemas import schemas
from tests.http.conftest import KEYS


def http() -> Mapping[str, Any]:
    """The models of the HTTP API."""
    app = make_app(Recourse(cast("Any", None), None), KEYS)
    return {"$defs": app.openapi()["components"]["schemas"]}


SCHEMAS: dict[str, Callable[[], Mapping[str, Any]]] = {
    **{name: partial(schemas().__getitem__, name) for name in schemas()},
    "policy": policy_schema,
    "story": story_schema,
    "entry": TypeAdapter(EntryContent).json_schema,
    "export": Export.model_json_schema,
    "http": http,
}


def undescribed(node: Any, where: str) -> Iterator[str]:
    """The fields below a node that have no description."""
    if isinstance(node, list):
        for inner in node:
            yield from undescribed(inner, where)
    if not isinstance(node, Mapping):
        return
    for name, field in node.get("properties", {}).items():
        if not field.get("description") and "const" not in field:
            yield f"{where}.{name}"
    for name, model in node.get("$defs", {}).items():
        yield from undescribed(model, f"{where}/{name}")
    for key, inner in node.items():
        # What a file must have is said once more, without what it means.
        if key not in ("$defs", "default", "examples", "then"):
            yield from undescribed(inner, where)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_has_a_description(name: str) -> None:
    assert sorted(set(undescribed(SCHEMAS[name](), name))) == []
