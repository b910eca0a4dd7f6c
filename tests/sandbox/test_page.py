"""The commands of docs/sandbox.md do what the page says, one after the other."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from recourse.sandbox.running import Sandbox, environment
from tests.docs.pages import ROOT
from tests.http.processes import environment as shell
from tests.patience import PATIENCE

PAGE = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")


def shown_in(shown: Any, real: Any) -> bool:
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(key in real and shown_in(shown[key], real[key]) for key in shown)
    # An instant of the page stands for any.
    return bool(shown == real or (is_instant(shown) and is_instant(real)))


def is_instant(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) is not None


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not installed")
async def test_its_commands_do_what_it_says(made: Sandbox, tmp_path: Path) -> None:
    _, page = PAGE.split("## The clock\n")
    order_id = f"page-{uuid4()}"
    blocks = re.findall(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", page.replace("1001", order_id), re.DOTALL)
    assert len(blocks) > 6
    script = "".join(f"{{\n{commands}}} >{number}.out\n" for number, (commands, _) in enumerate(blocks))
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", script), cwd=tmp_path, env=shell(**environment(made)), stderr=subprocess.PIPE
    )
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, err.decode()
    for number, (commands, answer) in enumerate(blocks):
        told = (tmp_path / f"{number}.out").read_text()
        if answer:
            assert shown_in(json.loads(answer), json.loads(told)), (commands, told)
        else:
            assert told.endswith('{"away":{}}'), (commands, told)
