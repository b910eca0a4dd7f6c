"""The examples as their readers run them: copied into a folder, with the real toolchain, against real servers."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from recourse.local.temporal import LocalTemporal, find_program
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace, client, marketplace

__all__ = ["ROOT", "Servers", "client", "commands", "copied", "marketplace", "needs", "run", "section"]

ROOT = Path(__file__).resolve().parents[2]
# The first time, a toolchain downloads its packages.
# How each says its version, and the oldest that the examples are for; Go fetches a newer one by itself.
OLDEST = {"node": ("--version", (20, 0)), "java": ("--version", (17, 0)), "go": ("version", (1, 21))}
OFFLINE = re.compile(
    r"npm error code (ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT).*|Get \"http.*dial tcp.*|"
    r"(Could not transfer artifact|No plugin found for prefix).*"
)


def needs(*programs: str) -> None:
    """Skip the test where this machine has no such program, or an older one than the examples are for."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"this example needs {program}, which this machine does not have")
        if program in OLDEST:
            asking, oldest = OLDEST[program]
            told = subprocess.run([program, asking], capture_output=True, text=True, check=False).stdout
            found = re.search(r"(\d+)(?:\.(\d+))?", told)
            if found is None or (int(found[1]), int(found[2] or 0)) < oldest:
                pytest.skip(
                    f"this example needs {program} {'.'.join(map(str, oldest))} or newer; here is {told.strip()}"
                )


def copied(into: Path) -> Path:
    """A copy of all examples, so that what toolchains leave behind stays out of the checkout; its parent folder."""
    shutil.copytree(ROOT / "examples", into / "examples")
    return into


def section(heading: str) -> str:
    """A section of the page about integrating."""
    page = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, heading
    return found[1]


def commands(heading: str, order_id: str) -> str:
    """The commands that a section shows, for another order."""
    [block] = re.findall(r"```sh\n(.*?)```", section(heading), re.DOTALL)
    return re.sub(r"\b1001\b", order_id, str(block))


async def run(script: str, *, cwd: Path, env: Mapping[str, str]) -> str:
    """What commands print. They must succeed; where no package can be downloaded, the test is skipped."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-euc", script),
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    said = out.decode() + err.decode()
    if process.returncode and (why := OFFLINE.search(said)):
        pytest.skip(f"this example's packages cannot be downloaded here: {why[0]}")
    assert process.returncode == 0, f"{script}\nfailed:\n{said}"
    return out.decode()


@pytest.fixture(scope="session")
async def _temporal() -> AsyncIterator[LocalTemporal]:
    program = await find_program()
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        server = LocalTemporal(program, Path(folder))
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


@pytest.fixture(scope="session")
def temporal_address(_temporal: LocalTemporal) -> str:
    """A Temporal server of which the address of the HTTP API is known too."""
    return _temporal.address


@dataclass(frozen=True)
class Servers:
    """What an example is told of its surroundings, and the number of an order that does not exist yet."""

    settings: dict[str, str]
    order_id: str
    marketplace: Marketplace


@pytest.fixture
async def servers(marketplace: Marketplace, _temporal: LocalTemporal, dsn: str, tmp_path: Path) -> Servers:
    """Servers with a worker, and the `temporal` command on the path."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "temporal").symlink_to(await find_program())
    settings = {
        "DATABASE_URL": dsn,
        "TEMPORAL_ADDRESS": _temporal.address,
        "TEMPORAL_HTTP": _temporal.http_url,
        "RECOURSE_TASK_QUEUE": marketplace.queue,
        "RECOURSE_TOKEN_KEYS": "k1=" + "A" * 43 + "=",
        "DO_NOT_TRACK": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]),
    }
    return Servers(settings, marketplace.terms().order_id, marketplace)


@pytest.fixture
async def api(servers: Servers) -> AsyncIterator[str]:
    """The address of `recourse serve`."""
    async with served(servers.settings) as address:
        yield address


@asynccontextmanager
async def served(settings: Mapping[str, str]) -> AsyncIterator[str]:
    """`recourse serve`, and its address."""
    process = await asyncio.create_subprocess_exec(
        *("recourse", "serve", "--port", "0"), env=environment(**settings), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
    yield "http://" + line.removeprefix("Listening on ").removesuffix(".\n")
    process.terminate()
    await asyncio.wait_for(process.wait(), PATIENCE)
