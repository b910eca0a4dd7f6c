"""`recourse schema`."""

import json
import sys

import pytest

from recourse.cli import main
from recourse.web.schemas import schemas

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")


def recourse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["recourse", "schema", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


def test_it_lists_the_schemas_and_prints_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, names, _ = recourse(monkeypatch, capsys)
    assert (status, names.split()) == (0, [*schemas(), "story"])
    status, schema, _ = recourse(monkeypatch, capsys, "commands/request")
    assert (status, json.loads(schema)) == (0, schemas()["commands/request"])


def test_one_that_there_is_not_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, complaint = recourse(monkeypatch, capsys, "request")
    assert (status, out) == (2, "")
    assert "there is no schema 'request'; `recourse schema` lists the names" in complaint
