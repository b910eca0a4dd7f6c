"""A walk-through of docs/ on real servers: as long as nobody waits, it goes as the page says."""

import json
import re
import shlex
from secrets import token_hex

import pytest

from docs.walkthrough_answers import BLOCK, FOLDER
from tests.cli.test_orders import environment, run, worker

PAGE = (FOLDER / "glimmer.md").read_text(encoding="utf-8")
TYPED = re.compile(r"^\$ recourse ((?:.*\\\n)*.*)\n((?:(?![$#] ).*\n)*)", re.MULTILINE)
LATE = re.compile(r"No worker has picked it up yet.*\n")
INSTANT = re.compile(r"(\w{3} )?\d{4}-\d\d-\d\d[T ][\d:]+( UTC|Z)?")

__all__ = ["environment", "worker"]


@pytest.mark.usefixtures("worker")
async def test_glimmers_story_goes_as_told(environment: dict[str, str]) -> None:
    order_id = f"20{token_hex(3)}"
    done = 0
    for block in BLOCK.findall(PAGE):
        for typed, answer in TYPED.findall(block):
            command, _, key = typed.replace("\\\n", " ").partition(" | jq -c .")
            ran = await run(environment, *(order_id if word == "2003" else word for word in shlex.split(command)))
            assert ran.error == ""
            said = "\n".join(line.rstrip() for line in ran.output.splitlines()) + "\n"
            # On a busy machine the worker is late.
            said = LATE.sub("", said)
            if key:
                said = json.dumps(ran.json[key], separators=(",", ":")) + "\n"
            assert INSTANT.sub("…", said.replace(order_id, "2003")) == INSTANT.sub("…", answer)
            assert ran.status == (1 if re.search("^refused", answer, re.MULTILINE) else 0)
            done += 1
    assert done == 11
