"""Every command of docs/operating.md is one that the command line takes."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from starter.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
LINES += re.findall(r"`(recourse [^`]+)`", PAGE)


@pytest.mark.parametrize("line", LINES)
def test_the_command_is_taken(line: str) -> None:
    words = shlex.split(line)
    assert words[0] == "recourse"
    parsed: Any = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert callable(parsed[0])


def test_every_command_of_cases_orders_and_outbox_is_there() -> None:
    for command in ("cases list", "cases show", "cases propose", "cases rule", "orders list", "outbox list", "outbox"):
        assert any(line.startswith(f"recourse {command}") for line in LINES)
