"""Child processes that never outlive us."""

import asyncio
import ctypes
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    user: tuple[int, int] | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> asyncio.subprocess.Process:
    """Start a server as a child in a session of its own, so that Ctrl-C reaches us first and we stop it in order.

    It is told to stop when the thread that started it ends, however that ends.
    """

    def in_the_child() -> None:
        os.setsid()
        if user is not None:
            os.setgroups([])
            os.setgid(user[1])
            os.setuid(user[0])
        if hasattr(_libc, "prctl"):
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *(str(part) for part in command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=in_the_child,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
        )


async def stop(process: asyncio.subprocess.Process, how: signal.Signals, patience: float = 15.0) -> None:
    """Ask a child to stop; kill it and its children where it does not within `patience` seconds."""
    if process.returncode is None:
        process.send_signal(how)
        try:
            async with asyncio.timeout(patience):
                await process.wait()
        except TimeoutError:
            kill(process)
            await process.wait()


def kill(process: asyncio.subprocess.Process) -> None:
    """End a child and its children at once (SIGKILL), as a crash would."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def last_words(log: Path, lines: int = 8) -> str:
    """The end of a server's log, for an error message."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
