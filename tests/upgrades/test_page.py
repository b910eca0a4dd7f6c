"""The commands of docs/upgrading.md, in their order, by the real program and with two builds at work."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.upgrades.test_builds import Deployment, deployment

__all__ = ["deployment"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
QUOTED = re.findall(r"`((?:make|python -m) [\w. ]+)`", PAGE)


async def test_the_commands_do_what_the_page_says(deployment: Deployment) -> None:
    assert {shlex.split(line)[0] for line in LINES} == {"temporal"}
    async with deployment.build("OLD"), deployment.build("NEW"):
        for line in LINES:
            words = shlex.split(line)[1:]
            words = [deployment.name if word == "recourse" else word for word in words]
            said: Any = await deployment.temporal(*words, *(["--yes"] if " set-" in line or " reset " in line else []))
            if "describe" in words:
                assert re.search(r"CurrentVersionBuildID\s+NEW", said)
        assert re.search(
            r"CurrentVersionBuildID\s+OLD",
            str(await deployment.temporal("worker", "deployment", "describe", "--name", deployment.name)),
        )


@pytest.mark.parametrize("command", QUOTED)
def test_what_is_run_in_the_checkout_is_there(command: str) -> None:
    program, *rest = command.split()
    if program == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    else:
        assert (ROOT / f"{rest[1].replace('.', '/')}.py").exists()
