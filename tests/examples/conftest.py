"""The examples as their readers run them: copied into a folder, with the real toolchain, against real servers."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.temporal import LocalTemporal, find_program
from tests.http.processes import environment
from tests.process.conftest import Marketplace, client, marketplace

__all__ = ["ROOT", "Servers", "client", "copied", "marketplace", "needs", "run"]

ROOT = Path(__file__).resolve().parents[2]
# The first time, a toolchain downloads its packages.
PATIENCE = 240.0  # seconds


def needs(*programs: str) -> None:
    """Skip the test where this machine has no such program."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"this example needs {' and '.join(missing)}, which this machine does not have")


def copied(example: str, into: Path) -> Path:
    """A copy of an example's folder, so that what its toolchain leaves behind stays out of the checkout."""
    return Path(shutil.copytree(ROOT / "examples" / example, into / example))


async def run(*command: str, cwd: Path, env: Mapping[str, str]) -> str:
    """What a command prints. It must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{' '.join(command)} failed:\n{out.decode()}{err.decode()}"
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

    settings: Mapping[str, str]
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
        "RECOURSE_TOKEN_KEYS": "k1:a secret of more than thirty-two characters",
        "DO_NOT_TRACK": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]),
    }
    return Servers(settings, marketplace.terms().order_id, marketplace)


@pytest.fixture
async def api(servers: Servers) -> AsyncIterator[str]:
    """The address of `recourse serve`."""
    process = await asyncio.create_subprocess_exec(
        *("recourse", "serve", "--port", "0"), env=environment(**servers.settings), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    yield "http://" + line.removeprefix("Listening on ").removesuffix(".\n")
    process.terminate()
    await asyncio.wait_for(process.wait(), 30)
