"""The examples of tests that use a sandbox, as their readers run them."""

import asyncio
import subprocess
import sys
from pathlib import Path

from recourse.sandbox.running import Sandbox, environment
from tests.examples.conftest import copied, needs, run
from tests.http.processes import environment as shell
from tests.patience import PATIENCE


async def test_a_test_in_typescript(made: Sandbox, tmp_path: Path) -> None:
    needs("node", "npm")
    folder = copied(tmp_path) / "examples" / "testing-typescript"
    told = await run("npm install && npm test && npm run check", cwd=folder, env={**environment(made)})
    assert "pass 1" in told


async def test_tests_in_python(tmp_path: Path) -> None:
    folder = copied(tmp_path) / "examples" / "testing-python"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        cwd=folder,
        env=shell(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    told, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, told.decode()
    assert "3 passed" in told.decode()
