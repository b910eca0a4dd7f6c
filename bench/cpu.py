"""Processor time of whole programs, read from /proc."""

import os
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
