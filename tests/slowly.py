"""`python -m tests.slowly 10 pytest tests/http`: runs a command as on a machine that is so many times slower.

The command and everything that it starts is held for most of each tenth of a second, without any use of the processor
meanwhile. `make test` passes at ten times the usual duration.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

BEAT = 0.1  # seconds


def family(pid: int) -> list[int]:
    """A process and all that descend from it, also those that lead sessions of their own."""
    children: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, listed.read_text(encoding="ascii").split())
    return [pid, *(further for child in children for further in family(child))]


def everybody(pids: list[int], what: signal.Signals) -> None:
    """Signal each that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, what)


def slowly(times: float, command: list[str]) -> int:
    """Run the command; its exit status."""
    process = subprocess.Popen(command)
    held: list[int] = []
    try:
        while process.poll() is None:
            time.sleep(BEAT / times)
            held = family(process.pid)
            everybody(held, signal.SIGSTOP)
            time.sleep(BEAT - BEAT / times)
            everybody(held, signal.SIGCONT)
    finally:
        everybody(held, signal.SIGCONT)
    return process.returncode


if __name__ == "__main__":
    sys.exit(slowly(float(sys.argv[1]), sys.argv[2:]))
