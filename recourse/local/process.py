"""Child processes that never outlive us."""

import asyncio
import ctypes
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from random import SystemRandom

from recourse.local.progress import LocalError, taking_long

# Below those that the system takes for outgoing connections, so that a server that was killed finds its own still free
# when it starts again. Temporal's schema keeps ports as smallint, which ends here as well.
PORTS = range(20_000, 32_768)
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    return free_ports(1)[0]


def usual_port(port: int) -> int:
    """This TCP port on loopback, or another one where something listens on it."""
    with socket.socket() as tried:
        # As servers do, so that connections that have just ended do not count.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
    return port


def free_ports(count: int) -> list[int]:
    """So many different ones."""
    found: list[int] = []
    with ExitStack() as held:
        for port in SystemRandom().sample(PORTS, len(PORTS)):
            if len(found) == count:
                break
            with suppress(OSError):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                found.append(port)
    return found


def end_with_the_parent() -> None:
    """In a child that is about to start a program: have it stopped when the thread that started it ends."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


async def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    user: tuple[int, int] | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> asyncio.subprocess.Process:
    """Start a server as a child in a session of its own, so that Ctrl-C reaches us first and we stop it in order.

    It gets a signal to stop when the thread that started it ends, however that ends.
    """

    def in_the_child() -> None:
        os.setsid()
        if user is not None:
            os.setgroups([])
            os.setgid(user[1])
            os.setuid(user[0])
        end_with_the_parent()

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


async def run(
    what: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    hint: str,
    fine: Sequence[int] = (0,),
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a tool to its end, with a sign of life. Raises LocalError with `hint` for an exit status that is not `fine`.

    It gives way to others: minutes of compiling must not slow down what people do meanwhile.
    """
    polite = ["nice"] if shutil.which("nice") else []
    process = await start([*polite, *command], log=log, cwd=cwd, environment=environment)
    try:
        with taking_long(what):
            status = await process.wait()
    finally:
        kill(process)
        await process.wait()
    if status not in fine:
        raise LocalError(f"{what} failed: {last_words(log)}\n{hint}")


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


def kill(process: asyncio.subprocess.Process) -> list[int]:
    """End a child and everything below it at once (SIGKILL), as a crash would; returns who that was."""
    if process.returncode is not None:
        return []
    # PostgreSQL's own children lead sessions of their own, so a signal to the group does not reach them.
    ended = [process.pid, *_below(process.pid)]
    for pid in ended:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return ended


async def gone(pids: Sequence[int], patience: float = 15.0) -> None:
    """Wait until none of these runs any more. Raises TimeoutError after `patience` seconds."""
    async with asyncio.timeout(patience):
        while any(_runs(pid) for pid in pids):  # noqa: ASYNC110 - the end of children's children has no event
            await asyncio.sleep(0.005)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # One that has ended but whose parent has not asked how is still listed.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _below(pid: int) -> list[int]:
    children: list[int] = []
    # Each of its threads may have children; systems without /proc show none.
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, listed.read_text().split())
    return children + [further for child in children for further in _below(child)]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a server's files, which is gone after this block. Raises LocalError where none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True)
    except OSError as error:
        raise LocalError(
            f"No temporary folder can be made ({error.strerror}). Set TMPDIR to a folder of yours."
        ) from error
    with folder as name:
        yield Path(name)


def last_words(log: Path, lines: int = 8) -> str:
    """The end of a server's log, for an error message; of a line of JSON with a stack trace only what it says.

    Of a full disk, what to do.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
        if re.search("No space left|no space left|Check free disk space", text):
            return f"the disk is full. Make room in {log.parent.parent}, or set TMPDIR to a folder elsewhere."
        return "\n".join(line[:400] for line in text.splitlines()[-lines:])
    except OSError:
        return "(no log)"
