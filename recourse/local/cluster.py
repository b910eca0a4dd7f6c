"""Temporal as production runs it, without containers: its server on a durable PostgreSQL, on loopback.

The same programs as in docker-compose.yml, built through the Go module proxy. Crash campaigns and benchmarks use it:
either server can be killed and started again alone. It has no UI.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from recourse.database.migrate import migrate
from recourse.local.gobuild import GoProgram, build, workshop
from recourse.local.postgres import LocalPostgres
from recourse.local.process import free_ports, gone, kill, last_words, run, start, stop
from recourse.local.progress import LocalError, say, taking_long
from recourse.local.temporal import READY_WITHIN, SERVER_SETTINGS, TIME_SKIPPING
from recourse.runtime.search_attributes import register_search_attributes

VERSION = "1.32.0"
SERVER = GoProgram(f"temporal-server-{VERSION}", "cluster", "go.temporal.io/server/cmd/server")
SQL_TOOL = GoProgram(f"temporal-sql-tool-{VERSION}", "cluster", "go.temporal.io/server/cmd/tools/sql")
PLUGIN = "postgres12_pgx"
SCHEMAS = {"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"}
SERVICES = ("FRONTEND", "HISTORY", "MATCHING", "WORKER")
ORDERS = "recourse"
RETENTION = timedelta(hours=72)


class ClusterServer:
    """The Temporal server alone; it keeps everything in the PostgreSQL at `dsn`, whose schemas must be there."""

    def __init__(
        self, folder: Path, dsn: str, *, skips_time: bool = False, settings: Mapping[str, str] | None = None
    ) -> None:
        self._log = folder / "temporal-server.log"
        self._process: asyncio.subprocess.Process | None = None
        configured = folder / "dynamic-config.yaml"
        # The values are JSON, which is YAML too.
        flags = {**SERVER_SETTINGS, **(TIME_SKIPPING if skips_time else {}), **(settings or {})}
        configured.write_text("".join(f"{key}:\n- value: {value}\n" for key, value in flags.items()), encoding="utf-8")
        database = urlsplit(dsn)
        http, *ports = free_ports(1 + 2 * len(SERVICES))
        self._environment = {
            "DB": PLUGIN,
            "POSTGRES_SEEDS": str(database.hostname),
            "DB_PORT": str(database.port),
            "POSTGRES_USER": str(database.username),
            # Each of the four services has its own connections, and PostgreSQL takes a hundred in all.
            "SQL_MAX_CONNS": "10",
            "SQL_MAX_IDLE_CONNS": "10",
            "SQL_VIS_MAX_CONNS": "5",
            "SQL_VIS_MAX_IDLE_CONNS": "5",
            "BIND_ON_IP": "127.0.0.1",
            "DYNAMIC_CONFIG_FILE_PATH": str(configured),
            "TEMPORAL_ALLOW_NO_AUTH": "true",
            "LOG_LEVEL": "warn",
            "FRONTEND_HTTP_PORT": str(http),
            **{f"{name}_GRPC_PORT": str(port) for name, port in zip(SERVICES, ports[:4], strict=True)},
            **{f"{name}_MEMBERSHIP_PORT": str(port) for name, port in zip(SERVICES, ports[4:], strict=True)},
        }

    @property
    def address(self) -> str:
        """Where clients connect to; it stays the same over restarts."""
        return f"127.0.0.1:{self._environment['FRONTEND_GRPC_PORT']}"

    @property
    def pid(self) -> int:
        """The process of the server, while it runs."""
        if self._process is None:
            raise LocalError("the server has not been started")
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until orders can be started and found. Raises LocalError."""
        self._process = await start(
            [SERVER.path, "start"], log=self._log, environment=self._environment, cwd=self._log.parent
        )
        try:
            async with asyncio.timeout(READY_WITHIN):
                with taking_long("Temporal: starting the server on PostgreSQL"):
                    while not await _ready(self.address):
                        if self._process.returncode is not None:
                            raise LocalError(f"Temporal: the server ended while starting: {last_words(self._log)}")
                        await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise LocalError(f"Temporal: not ready after {READY_WITHIN:.0f} s: {last_words(self._log)}") from error

    async def stop(self) -> None:
        """Stop it in order."""
        if self._process:
            await stop(self._process, signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            ended = kill(self._process)
            await self._process.wait()
            await gone(ended)


async def _ready(address: str) -> bool:
    try:
        async with asyncio.timeout(5):
            client = await Client.connect(address)
            await _make_namespace(client)
            await register_search_attributes(client)
            # A new attribute can be used once every cache knows it.
            await client.count_workflows("RecoursePhase = 'none'")
            return True
    except (RuntimeError, RPCError, TimeoutError, LocalError):
        return False


async def _make_namespace(client: Client) -> None:
    wanted = RegisterNamespaceRequest(namespace=client.namespace)
    wanted.workflow_execution_retention_period.CopyFrom(Duration(seconds=int(RETENTION.total_seconds())))
    try:
        await client.workflow_service.register_namespace(wanted)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


class Cluster:
    """A PostgreSQL and a Temporal server on it. Each can be stopped, killed and started alone."""

    def __init__(self, postgres: LocalPostgres, server: ClusterServer) -> None:
        self.postgres, self.server = postgres, server

    @property
    def address(self) -> str:
        """Where clients of Temporal connect to."""
        return self.server.address

    @property
    def dsn(self) -> str:
        """The migrated database for orders, in the same PostgreSQL."""
        return _database(self.postgres.dsn, ORDERS)


def is_built() -> bool:
    """Whether the programs are there, so that no minutes of building are needed."""
    return SERVER.path.exists() and SQL_TOOL.path.exists()


async def _build_what_is_missing() -> None:
    if is_built():
        return
    async with workshop() as folder:
        missing = [program for program in (SERVER, SQL_TOOL) if not program.path.exists()]
        if missing:
            say("Temporal: the server for PostgreSQL is built from source once (some 4 minutes on 2 cores)")
        for program in missing:
            await build(program, folder, instead="Everything but the cluster works without it.")


async def _set_up_schemas(dsn: str, folder: Path) -> None:
    parts, log = urlsplit(dsn), folder / "schemas.log"
    server = ["--plugin", PLUGIN, "--ep", str(parts.hostname), "-p", str(parts.port), "-u", str(parts.username)]
    for database, schema in SCHEMAS.items():
        # Each of these changes nothing where it was done before.
        for action in (
            ["create-database"],
            ["setup-schema", "-v", "0.0"],
            ["update-schema", "--schema-name", schema],
        ):
            await run(
                f"Temporal: {action[0]} of {database}",
                [SQL_TOOL.path, *server, "--db", database, *action],
                log,
                hint=f"The whole output is in {log}.",
            )


async def _make_orders_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", ORDERS):
            await connection.execute(f"CREATE DATABASE {ORDERS}")
    finally:
        await connection.close()
    await migrate(_database(dsn, ORDERS))


def _database(dsn: str, name: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def cluster(
    folder: Path, *, durable: bool = True, skips_time: bool = False, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Cluster]:
    """A running cluster that ends with this block; what is in `folder` already is continued.

    Without `durable`, a killed PostgreSQL may lose its last transactions. With `skips_time`, clients may skip time.
    `settings`: more of the Temporal server's own. Raises LocalError.
    """
    await _build_what_is_missing()
    postgres = LocalPostgres(folder, durable=durable)
    server: ClusterServer | None = None
    try:
        await postgres.start()
        await _set_up_schemas(postgres.dsn, folder)
        await _make_orders_database(postgres.dsn)
        server = ClusterServer(folder, postgres.dsn, skips_time=skips_time, settings=settings)
        await server.start()
        yield Cluster(postgres, server)
    finally:
        if server:
            await server.stop()
        await postgres.stop()
