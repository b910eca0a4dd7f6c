"""Processor time of whole programs, read from /proc."""

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_ms(pid: int) -> float:
    """Milliseconds that a process and all of its descendants have used so far, those that have ended included."""
    children: dict[int, list[int]] = {}
    used: dict[int, tuple[int, int]] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name in parentheses may hold spaces, so what follows it is counted from its end.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parent, (user, system, user_ended, system_ended) = int(fields[1]), map(int, fields[11:15])
        children.setdefault(parent, []).append(int(folder.name))
        used[int(folder.name)] = (user + system, user_ended + system_ended)
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        total += sum(used.get(one, (0, 0)))
        waiting += children.get(one, [])
    return total * 1000 / TICKS


def background_load() -> float:
    """How many processes wanted a processor in the last minute, on average."""
    return os.getloadavg()[0]


def resident_mb(pid: int) -> float:
    """Megabytes of memory that a process holds, its descendants left out."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Machine:
    """How much of the machine others use from now on, which makes a figure doubtful."""

    def __init__(self) -> None:
        self._began, self._busy, self._mine = self._now()

    def _now(self) -> tuple[float, float, float]:
        # user, nice, system, idle, waiting for the disk, interrupts of two kinds, what the host took away
        user, nice, system, _, _, *others = map(int, Path("/proc/stat").read_text().split()[1:9])
        busy = (user + nice + system + sum(others)) * 1000 / TICKS
        # Every server that is measured is a child of this process.
        return time.monotonic(), busy, cpu_ms(os.getpid())

    def foreign(self) -> float:
        """Processors that were busy with something else, on average."""
        now, busy, mine = self._now()
        return max(0.0, (busy - self._busy) - (mine - self._mine)) / 1000 / max(now - self._began, 0.001)
