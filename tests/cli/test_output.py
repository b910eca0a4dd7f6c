"""Output that its reader cuts off, or whose encoding lacks a letter, ends quietly and without a traceback."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.activities.conftest import Written
from tests.cli.test_orders import RECOURSE, run
from tests.patience import PATIENCE

# More than a pipe holds, so that the reader is gone while it is written.
LONG = (
    ("schema", "page"),
    ("policy", "show", "resolution_center"),
    ("policy", "payload", "resolution_center"),
    ("policy", "explain", "resolution_center"),
    ("policy", "list", "--json"),
    ("order", "request", "--help"),
    ("--help",),
)
SAID = "Das hält nicht 🙂 – «non»"


def environment(**more: str) -> dict[str, str]:
    """This process's, for output that is not written at once."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LC_", "LANG"))}
    return {**inherited, "LC_ALL": "C.UTF-8", **more}


@pytest.mark.parametrize("words", LONG, ids=" ".join)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_read_enough_ends_it_quietly(words: tuple[str, ...], unbuffered: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    told = environment(PYTHONUNBUFFERED=unbuffered)
    try:
        done = subprocess.run([RECOURSE, *words], stdout=writes, stderr=subprocess.PIPE, env=told, timeout=PATIENCE)
    finally:
        os.close(writes)
    assert (done.returncode, done.stderr.decode()) == (141, "")


@pytest.fixture
async def spoken(dsn: str, pool: Any) -> tuple[str, str]:
    """The database's address, and an order in which somebody has written in letters that few encodings have."""
    order = await Written(pool, order_id="o-words").open()
    await order.by("client", "message", comment=SAID)
    return dsn, order.order_id


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
async def test_letters_that_the_output_lacks_are_written_as_escapes(spoken: tuple[str, str], encoding: str) -> None:
    dsn, order_id = spoken
    texts = {}
    for words in (
        ("order", "timeline", order_id),
        ("order", "show", order_id),
        ("order", "timeline", order_id, "--json"),
        ("record", "export", order_id, "--for", "client"),
        ("orders", "list"),
        ("schema", "page"),
        ("policy", "show", "resolution_center"),
        ("--help",),
    ):
        ran = await run({"DATABASE_URL": dsn}, *words, encoding=encoding)
        assert (ran.status, ran.error) == (0, ""), words
        texts[" ".join(words)] = ran.output
    assert escaped(encoding) in texts[f"order timeline {order_id}"]
    exported = json.loads(texts[f"record export {order_id} --for client"])
    assert SAID in json.dumps(exported, ensure_ascii=False)
    json.loads(texts["schema page"])


def escaped(encoding: str) -> str:
    return SAID.encode(encoding, "backslashreplace").decode(encoding)


async def test_the_program_writes_in_the_encoding_of_its_terminal(spoken: tuple[str, str]) -> None:
    dsn, order_id = spoken
    told = environment(DATABASE_URL=dsn, PYTHONIOENCODING="cp1252")
    process = await asyncio.create_subprocess_exec(
        *(RECOURSE, "order", "timeline", order_id),
        env=told,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        output, error = await process.communicate()
    assert (process.returncode, error.decode()) == (0, "")
    assert escaped("cp1252") in output.decode("cp1252")


def test_an_argument_that_is_no_text_is_said_to_be_none() -> None:
    done = subprocess.run(
        [RECOURSE, "order", "show", b"\xff\xfe"], capture_output=True, env=environment(), timeout=PATIENCE
    )
    assert done.returncode == 2
    assert b"is not text in the encoding of this terminal" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_the_help_says_what_each_command_is_for_and_leaves_none_without_a_group() -> None:
    done = subprocess.run([RECOURSE, "--help"], capture_output=True, text=True, env=environment(), timeout=PATIENCE)
    titles = [line.strip("╭─╮ ") for line in done.stdout.splitlines() if line.startswith("╭")]

    assert titles == ["Try it and write policies", "Work with orders", "Run it in production", "Options"]


def test_a_shell_is_given_completion(tmp_path: Path) -> None:
    told = environment(HOME=str(tmp_path))
    ask: list[Any] = [RECOURSE, "--install-completion", "--shell", "bash"]
    done = subprocess.run(ask, capture_output=True, text=True, env=told, timeout=PATIENCE)

    assert done.returncode == 0, done.stderr
    assert any("recourse" in file.read_text(encoding="utf-8") for file in tmp_path.rglob("*") if file.is_file())
