"""Every command has a form, amounts are read as they are written, and templates trust nothing."""

import re
from pathlib import Path
from typing import Any

import pytest

from recourse.resolution.model.amounts import read_amount, write_amount
from recourse.resolution.model.commands import COMMANDS
from recourse.web import pages
from recourse.web.pages.forms import KEYS

TEMPLATES = Path(pages.__file__).parent / "templates"


def test_every_command_of_a_person_has_a_form() -> None:
    named = {key.replace("-", "_") for key in KEYS if not key.startswith("request-")}
    assert named | {"request"} == {name for name, command in COMMANDS.items() if set(command.roles) != {"system"}}


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("105.50", "USD", 10550), ("105.5", "USD", 10550), (" 7 ", "USD", 700), ("0", "JPY", 0), ("1.234", "KWD", 1234)],
)
def test_an_amount_is_read_as_it_is_written(text: str, currency: str, minor: int) -> None:
    assert read_amount(text, currency) == minor
    assert read_amount(write_amount(minor, currency).removesuffix(f" {currency}"), currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [("1.005", "USD"), ("1.5", "JPY"), ("-1", "USD"), ("1e3", "USD"), ("", "USD"), ("٣", "USD"), ("1,5", "USD")],
)
def test_what_is_no_amount_is_said_to_be_none(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        read_amount(text, currency)


def test_no_template_trusts_what_it_is_given() -> None:
    texts: dict[str, Any] = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir()}
    assert texts
    assert not [
        name for name, text in texts.items() if re.search(r"\|\s*safe\b|autoescape|<style|style=|onclick", text)
    ]
