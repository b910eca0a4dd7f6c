"""Set-up on a machine with nothing but Python: what it installs from where, and what it says where it cannot."""

import asyncio
import fcntl
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import prepare

UV = Path(sys.executable).parent / "uv"
# The Python that people have, which brings pip.
BASE = Path(sys.base_prefix) / "bin" / "python3"
NOWHERE = "http://127.0.0.1:1/simple"


@pytest.fixture(autouse=True)
def _nothing_set_for_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in prepare.FOR_UV.values():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A folder with what set-up reads, and no environment."""
    for part in ("dev", "requirements"):
        shutil.copytree(root / part, tmp_path / part)
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def index() -> Iterator[tuple[str, list[str]]]:
    """A package index without packages: its address, and the paths that it is asked for."""
    asked: list[str] = []

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple", asked
        server.shutdown()
        thread.join()


async def started(checkout: Path, **shell: str) -> asyncio.subprocess.Process:
    """Set-up, run in `checkout`, with no settings of pip but these."""
    return await asyncio.create_subprocess_exec(
        *(BASE, checkout / "dev" / "prepare.py", "demo"),
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), "PIP_CONFIG_FILE": os.devnull, **shell},
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


def test_the_machines_own_index_is_used(index: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = index
    shell = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    configured = {"PIP_INDEX_URL": address, "PIP_FIND_LINKS": str(tmp_path / "no-such-folder"), "PIP_TIMEOUT": "7"}
    pip = shutil.which("pip3") or shutil.which("pip")
    if pip is None:
        pytest.skip("there is no pip on PATH")
    listed = subprocess.run([pip, "config", "list"], env=shell | configured, capture_output=True, text=True, check=True)
    environment, flags = prepare.for_uv(prepare.settings_of_pip(listed.stdout))

    assert flags == []
    assert "UV_FIND_LINKS" not in environment
    assert environment["UV_HTTP_TIMEOUT"] == "7"
    subprocess.run(
        [UV, "pip", "install", "--python", sys.executable, "--no-cache", "--dry-run", "no-such-package-of-ours"],
        env=shell | environment,
        capture_output=True,
        check=False,
    )
    assert asked == ["/simple/no-such-package-of-ours/"]


def test_the_nearer_setting_of_pip_wins() -> None:
    listed = r"""
global.index-url='https://one.invalid/simple'
global.no-index='true'
global.extra-index-url='https://two.invalid/a\nhttps://two.invalid/b'
install.index-url='https://three.invalid/simple'
:env:.cert='/etc/certs.pem'
"""
    environment, flags = prepare.for_uv(prepare.settings_of_pip(listed))

    assert environment["UV_DEFAULT_INDEX"] == "https://three.invalid/simple"
    assert environment["UV_INDEX"] == "https://two.invalid/a https://two.invalid/b"
    assert environment["SSL_CERT_FILE"] == "/etc/certs.pem"
    assert flags == ["--no-index"]


def test_what_is_set_for_uv_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.invalid/simple")

    assert "UV_DEFAULT_INDEX" not in prepare.for_uv({"index-url": "https://other.invalid/simple"})[0]


@pytest.mark.parametrize("shell", [{"PIP_INDEX_URL": NOWHERE}, {"PIP_PROXY": "http://127.0.0.1:1"}])
async def test_without_an_index_one_sentence_says_what_to_do(checkout: Path, shell: dict[str, str]) -> None:
    running = await started(checkout, PIP_RETRIES="0", **shell)
    _, said = await running.communicate()

    assert running.returncode == 1
    assert "installing uv failed. No package index could be reached." in said.decode()
    assert "PIP_PROXY" in said.decode()
    assert "Traceback" not in said.decode()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failed = subprocess.run(
        [UV, "pip", "install", "--python", sys.executable, "--dry-run", "any"],
        env={"PATH": "", "UV_CACHE_DIR": str(tmp_path / "file" / "cache"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert failed.returncode != 0
    assert "cannot be written" in prepare.why(failed.stderr)
    assert "UV_CACHE_DIR" in prepare.why(failed.stderr)


def test_a_full_disk_is_named() -> None:
    assert "The disk is full." in prepare.why("error: failed to write: No space left on device (os error 28)")


def test_an_unknown_failure_shows_its_last_lines() -> None:
    assert prepare.why("one\ntwo") == "Its last lines:\none\ntwo"


@pytest.mark.parametrize(("system", "machine"), [("Windows", "AMD64"), ("Linux", "riscv64")])
def test_a_machine_without_packages_is_told_so(system: str, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)

    with pytest.raises(SystemExit, match=rf"no packages for {system} on {machine}.*docker compose up"):
        prepare.check_machine()


async def test_an_interrupted_set_up_counts_as_none(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = await started(checkout, PIP_INDEX_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        connection, _ = await asyncio.to_thread(silent.accept)
        with connection:
            os.killpg(running.pid, signal.SIGINT)
            _, said = await running.communicate()

    assert "interrupted; run it again" in said.decode()
    assert (checkout / ".venv").is_dir()
    assert not (checkout / ".venv" / prepare.STAMP.name).exists()


async def test_two_at_once_take_turns(checkout: Path) -> None:
    with (checkout / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = await started(checkout, PIP_INDEX_URL=NOWHERE, PIP_RETRIES="0")
        assert running.stderr is not None
        assert "waiting for it" in (await running.stderr.readline()).decode()
        fcntl.flock(lock, fcntl.LOCK_UN)
        await running.communicate()


@pytest.mark.parametrize("python", ["false", "no-such-python"])
def test_an_old_or_missing_python_is_named(python: str, root: Path) -> None:
    ran = subprocess.run(["make", f"PYTHON={python}", "demo"], cwd=root, capture_output=True, text=True, check=False)

    assert ran.returncode == 2
    assert "Python 3.11 or later is needed" in ran.stderr
