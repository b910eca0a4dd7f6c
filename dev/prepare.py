"""Prepares `.venv` from hashed requirements. Runs on any Python from 3.11 on, with nothing installed.

It can be interrupted and run twice at once: the environment counts as ready only when a stamp of what it was made
from is written last.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "made-from"
REQUIREMENTS = ROOT / "requirements" / "dev.txt"


def say(text: str) -> None:
    """One line for people."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def made_from() -> str:
    """A fingerprint of everything that the environment depends on."""
    parts = [sys.version, sys.prefix, str(ROOT), REQUIREMENTS.read_text(), (ROOT / "pyproject.toml").read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def run(what: str, hint: str, *command: str) -> None:
    """Run one step of the set-up with a sign of life; ends the program with a sentence where it fails."""
    started = told = time.monotonic()
    log = VENV.parent / ".venv.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        while process.poll() is None:
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                if time.monotonic() - told >= 10 or told == started:
                    told = time.monotonic()
                    say(f"  … {what} ({told - started:.0f} s)")
    if process.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        sys.exit(f"Setup: {what} failed:\n{last}\n{hint}")
    log.unlink()
    say(f"  {what}: {time.monotonic() - started:.0f} s")


def prepare() -> None:
    """Make the environment."""
    python = str(VENV / "bin" / "python")
    say("Setup: making .venv (once; later runs skip this)")
    run(
        "creating the virtual environment",
        "On Debian and Ubuntu: `apt install python3-venv`; or point PYTHON at another Python ≥ 3.11.",
        *(sys.executable, "-m", "venv", "--clear", str(VENV)),
    )
    run(
        "installing the packages, checked against their hashes",
        "Check that this machine reaches a Python package index (pip's own settings are used).",
        *(python, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)),
    )
    run(
        "installing Recourse itself",
        "This is a fault of the project; please report it with the lines above.",
        *(python, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", str(ROOT)),
    )
    STAMP.write_text(made_from())


def main() -> None:
    """Prepare the environment unless it is ready; two at once take turns."""
    if sys.version_info < (3, 11):  # noqa: UP036
        version = sys.version.split()[0]
        sys.exit(f"Setup: Python 3.11 or later is needed, this is {version}. Run `make PYTHON=python3.12 …`.")
    with (ROOT / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Setup: another run is preparing .venv, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not STAMP.exists() or STAMP.read_text() != made_from():
            os.environ.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore", PIP_NO_INPUT="1")
            prepare()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nSetup: interrupted; run it again, nothing half-done is kept.")
