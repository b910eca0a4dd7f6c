"""The published schemas are those of the code, and a change that breaks somebody is not published under the same
version."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from docs import message_schemas
from recourse.web.schemas import breaks, schemas

Change = Callable[[dict[str, Any]], None]


def changed(name: str, change: Change) -> list[str]:
    """What a change of one schema breaks."""
    old = schemas()
    new = deepcopy(old)
    change(new[name])
    return list(message_schemas.broken(old, new))


def test_the_published_schemas_are_what_the_code_makes_of_them() -> None:
    published, made = message_schemas.published(), schemas()
    assert list(message_schemas.broken(published, made)) == [], message_schemas.ADVICE
    assert published == made, "run `make docs`"


@pytest.mark.parametrize("name", schemas())
def test_each_is_a_schema(name: str) -> None:
    jsonschema_rs.meta.validate(schemas()[name])


def test_the_page_of_messages_is_what_the_code_makes_of_it() -> None:
    assert message_schemas.PAGE.read_text("utf-8") == message_schemas.messages_page(), "run `make docs`"
    assert message_schemas.ERRORS.read_text("utf-8") == message_schemas.errors_page(), "run `make docs`"


def test_a_change_that_breaks_nobody_may_be_published() -> None:
    def more_is_taken(schema: dict[str, Any]) -> None:
        schema["properties"]["colour"] = {"type": "string"}
        schema["properties"]["kind"]["enum"].append("pause")
        schema["properties"]["comment"]["anyOf"][0]["maxLength"] = 20_000
        schema["required"].remove("kind")

    def more_is_said(schema: dict[str, Any]) -> None:
        schema["$defs"]["NoticeData"]["properties"]["colour"] = {"type": "string"}
        schema["properties"]["type"]["examples"].append("order_paused")
        schema["$defs"]["NoticeData"]["required"].append("comment")
        schema["$defs"]["NoticeData"]["properties"]["comment"] = {"type": "string"}

    assert changed("commands/request", more_is_taken) == []
    assert changed("notice", more_is_said) == []


def without(*path: str) -> Change:
    def change(schema: dict[str, Any]) -> None:
        *above, last = path
        place: Any = schema
        for key in above:
            place = place[key]
        if isinstance(place, list):
            place.remove(last)
        else:
            del place[last]

    return change


def having(value: Any, *path: Any) -> Change:
    def change(schema: dict[str, Any]) -> None:
        *above, last = path
        for key in above:
            schema = schema[key]
        schema[last] = value

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("commands/request", without("properties", "amount"), "amount: known so far, but not now"),
        (
            "commands/request",
            having(["actor", "kind", "reason"], "required"),
            "reason: always there now, but not so far",
        ),
        ("commands/request", without("properties", "kind", "enum", "update"), "kind: 'update' is possible so far"),
        ("commands/request", having("integer", "properties", "kind", "type"), "kind: string is possible so far"),
        ("commands/request", having({"type": "string"}, "properties", "amount"), "amount: integer is possible so far"),
        (
            "commands/request",
            having(9, "properties", "attestations", "maxItems"),
            "attestations: maxItems is 50 so far",
        ),
        (
            "commands/message",
            having(9, "properties", "comment", "maxLength"),
            "comment: maxLength is 10000 so far, 9 now",
        ),
        ("commands/message", having("a+", "properties", "comment", "pattern"), "comment: pattern is None so far"),
        ("start", without("$defs", "Terms", "properties", "service_fee"), "terms.service_fee: known so far"),
        ("start", having("x", "$defs", "Terms", "properties", "currency", "const"), "terms.currency: any other text"),
        ("start", without("$defs", "Reviews", "properties", "public_after_cancel", "enum", "always"), "'always'"),
        ("outcome", without("$defs", "Applied", "properties", "settlement"), "settlement: said so far, but not now"),
        ("outcome", without("$defs", "Applied", "required", "turn"), "turn: always there so far, but not now"),
        (
            "outcome",
            having("integer", "$defs", "Refused", "properties", "code", "type"),
            "code: integer is possible now",
        ),
        (
            "notice",
            without("$defs", "NoticeData", "properties", "if_accepted"),
            "data.if_accepted: said so far, but not now",
        ),
        ("notice", without("$defs", "Amounts", "properties", "held"), "data.amounts.held: said so far"),
        (
            "notice",
            having(["a", "b"], "$defs", "NoticeData", "properties", "phase", "enum"),
            "data.phase: 'a', 'b' is possible",
        ),
        ("page", having({"type": "null"}, "properties", "money"), "money: null is possible now, so far only object"),
    ],
)
def test_a_change_that_breaks_somebody_is_told_with_its_place(name: str, change: Change, says: str) -> None:
    found = changed(name, change)
    assert found
    assert any(sentence.startswith(f"v2/{name}: ") and says in sentence for sentence in found), found


def test_a_message_that_is_gone_is_told() -> None:
    made = schemas()
    left = {name: schema for name, schema in made.items() if name != "commands/undo"}
    assert list(message_schemas.broken(made, left)) == ["v2/commands/undo: is gone"]


def test_nothing_that_breaks_somebody_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "v1"
    monkeypatch.setattr(message_schemas, "ROOT", tmp_path)
    monkeypatch.setattr(message_schemas, "PAGE", tmp_path / "messages.md")
    monkeypatch.setattr(message_schemas, "ERRORS", tmp_path / "errors.md")
    monkeypatch.setattr(message_schemas, "FOLDER", folder)
    message_schemas.main()
    assert message_schemas.published(folder) == schemas()
    less = schemas()
    del less["notice"]["$defs"]["NoticeData"]["properties"]["answers"]
    monkeypatch.setattr(message_schemas, "schemas", lambda: less)
    monkeypatch.setattr(message_schemas, "published", lambda: schemas())
    with pytest.raises(SystemExit, match=r"data\.answers: said so far, but not now") as ended:
        message_schemas.main()
    assert "begin a new version" in str(ended.value)
    assert "answers" in (folder / "notice.json").read_text()


def test_a_list_may_hold_no_new_kind_of_thing() -> None:
    old = {"type": "array", "items": {"type": "integer"}}
    new = {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}
    assert breaks(old, new, said_by_orders=True) == ["[]: string is possible now, so far only integer"]
    assert breaks(old, new, said_by_orders=False) == []
