"""`recourse open`: the address of an order's page and of its workflow, and the browser where there is one."""

import sys
import webbrowser
from urllib.parse import unquote

import pytest

from recourse.cli.app import main

ADDRESSES = {"RECOURSE_WEB_URL": "https://orders.example/shop/", "RECOURSE_TEMPORAL_UI_URL": "http://127.0.0.1:8233"}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked for."""
    asked = list[str]()
    monkeypatch.setattr(webbrowser, "open", asked.append)
    for name, address in ADDRESSES.items():
        monkeypatch.setenv(name, address)
    return asked


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["recourse", "open", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_program_is_given_the_address(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "o 1") == 0
    assert capsys.readouterr().out == "https://orders.example/shop/pages/orders/o%201\n"
    assert opened == []


def test_a_person_is_shown_the_page(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert typed(monkeypatch, "1001") == 0
    assert opened == ["https://orders.example/shop/pages/orders/1001"]


def test_the_workflows_list_is_filtered(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "shop")
    assert typed(monkeypatch, "1001", "--workflow") == 0
    said = unquote(capsys.readouterr().out)
    assert said == 'http://127.0.0.1:8233/namespaces/shop/workflows?query=WorkflowId = "order-1001"\n'
    assert opened == []


@pytest.mark.parametrize(
    ("words", "variable"), [((), "RECOURSE_WEB_URL"), (("--workflow",), "RECOURSE_TEMPORAL_UI_URL")]
)
@pytest.mark.usefixtures("opened")
def test_an_address_that_is_not_set_is_named(
    words: tuple[str, ...], variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(variable)
    assert typed(monkeypatch, "1001", *words) == 2
    assert capsys.readouterr().err.startswith(f"recourse: {variable} is not set: ")
