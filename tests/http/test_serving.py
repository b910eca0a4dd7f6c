"""`recourse serve` as a process, and the document about it, line by line."""

import ast
import asyncio
import json
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from recourse.local.process import free_port
from recourse.resolution.model.refusals import CODES
from recourse.web.problems import OF_PATHS, PROBLEMS
from tests.conftest import run_on
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "http.md"
KEYS = "k1=" + "A" * 43 + "="


def settings(marketplace: Marketplace, temporal_address: str, dsn: str) -> dict[str, str]:
    return {
        "DATABASE_URL": dsn,
        "TEMPORAL_ADDRESS": temporal_address,
        "RECOURSE_TASK_QUEUE": marketplace.queue,
        "RECOURSE_TOKEN_KEYS": KEYS,
    }


async def run(*command: str, **env: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_listens_and_stops_cleanly_when_told_to(
    marketplace: Marketplace, temporal_address: str, dsn: str, number: signal.Signals
) -> None:
    # With more rights than it needs it would warn.
    await run_on(dsn, f"REVOKE TEMPORARY ON DATABASE {urlsplit(dsn).path[1:]} FROM PUBLIC")
    process = await asyncio.create_subprocess_exec(
        *("recourse", "serve", "--port", "0"),
        env=environment(**settings(marketplace, temporal_address, f"{dsn}?role=recourse_web")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
    listening = re.fullmatch(r"Listening on 127\.0\.0\.1:(\d+)\.\n", line)
    assert listening
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listening[1]))
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert b'{"database":"ok","temporal":"ok"}' in await reader.read()
    writer.close()
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_without_keys_it_does_not_even_start() -> None:
    for keys, why in ((None, "is not set"), ("k1=c2hvcnQ=", "has 5 bytes and must have 32")):
        given = {} if keys is None else {"RECOURSE_TOKEN_KEYS": keys}
        status, _, err = await run("recourse", "serve", DATABASE_URL="postgresql://x@127.0.0.1:9/x", **given)
        assert status == 2
        assert "RECOURSE_TOKEN_KEYS" in err
        assert why in err


async def test_a_port_that_is_taken_is_said_to_be(marketplace: Marketplace, temporal_address: str, dsn: str) -> None:
    taken = temporal_address.rpartition(":")[2]
    env = settings(marketplace, temporal_address, dsn)
    status, _, err = await run("recourse", "serve", "--port", taken, **env)
    assert status == 2
    assert f"127.0.0.1:{taken} cannot be listened on" in err


@pytest.mark.parametrize("bearer", ["client", "client:", "king:k-1", "service:a/b"])
async def test_a_token_for_nobody_is_not_made(bearer: str) -> None:
    status, _, err = await run("recourse", "token", bearer, RECOURSE_TOKEN_KEYS=KEYS)
    assert status == 2
    assert "Invalid bearer" in err


def problems() -> set[tuple[int, str]]:
    """Status and code of every error that the API answers with, apart from refusals."""
    found = set(OF_PATHS.items())
    for file in (*(ROOT / "recourse" / "web").glob("*.py"), *(ROOT / "recourse" / "web" / "api").glob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match call:
                case ast.Call(func=ast.Name("Failure"), args=[ast.Constant(int(status)), ast.Constant(str(code)), *_]):
                    found.add((status, code))
                case ast.Call(func=ast.Name("unreachable"), args=[_, ast.Constant(str(code)), *_]):
                    found.add((503, code))
    return found


def test_every_error_of_the_api_is_explained() -> None:
    assert {(status, code) for code, status in PROBLEMS.items()} == problems()
    assert not set(PROBLEMS) & set(CODES)


def blocks() -> list[tuple[str, Any]]:
    """The document's commands with the answer that is shown below them."""
    found = re.findall(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", DOCUMENT.read_text(), re.DOTALL)
    return [(commands, json.loads(answer)) for commands, answer in found]


def shown_in(shown: Any, real: Any) -> bool:
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(key in real and shown_in(shown[key], real[key]) for key in shown)
    if isinstance(shown, list):
        return len(shown) == len(real) and all(map(shown_in, shown, real))
    return bool(shown == real)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the document's commands use curl, which is not installed")
async def test_the_documents_commands_do_what_it_says(
    marketplace: Marketplace, temporal_address: str, dsn: str, tmp_path: Path
) -> None:
    order_id, port = marketplace.terms().order_id, str(free_port())
    said = [(commands, answer) for commands, answer in blocks()]
    assert len(said) >= 7
    script = "set -eu\ntrap 'kill $(jobs -p); wait' EXIT\n"
    script += "".join(f"{{\n{commands}}} >{number}.out\n" for number, (commands, _) in enumerate(said))
    script = re.sub(r"\b8000\b", port, re.sub(r"\b1001\b", order_id, script))
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script),
        cwd=tmp_path,
        env=environment(**settings(marketplace, temporal_address, dsn)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, err.decode()
    for number, (commands, answer) in enumerate(said):
        text = (tmp_path / f"{number}.out").read_text()
        real = json.loads("".join(line for line in text.splitlines() if not line.startswith("Listening")))
        wanted = json.loads(json.dumps(answer).replace("1001", order_id))
        assert shown_in(wanted, real), (commands, real)
    assert "accept" in json.loads((tmp_path / "actions.json").read_text())["actions"]
