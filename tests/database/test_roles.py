"""What each role of the database may do, and above all what it may not, on a cluster of its own."""

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from recourse.database.migrate import MigrationError, migrate, migrations
from recourse.database.orders import read_record, write_contacts
from recourse.database.pool import connect
from recourse.database.steps import record_step
from recourse.errors import DatabaseUnreachable
from recourse.local.postgres import LocalPostgres
from recourse.runtime.database_connection import Role, excess_rights
from tests.facts.lives import live
from tests.patience import PATIENCE

GROWS_ONLY = (
    "openings",
    "record_entries",
    "answers",
    "ledger_entries",
    "facts",
    "notices",
    "uncounted",
    "changes",
)
CHANGES = ("order_states", "orders", "payments", "deliveries", "contacts", "displays", "held_channels")
COMES_AND_GOES = ("untaken_reports", "reconciliations")
RECORD_DAYS = ("record_keys", "record_heads", "record_tiles", "record_days")
PARTY_VIEWS = ("party_orders", "party_record", "party_notices")
_numbers = itertools.count(1)


@pytest.fixture
async def fresh_cluster() -> AsyncIterator[str]:
    """A PostgreSQL in which there is no role of ours yet."""
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        server = LocalPostgres(Path(folder))
        try:
            await server.start()
            yield server.dsn
        finally:
            await server.stop()


async def made(dsn: str, owner: str = "") -> str:
    """The address of a new database."""
    name = f"recourse_roles_{os.getpid()}_{next(_numbers)}"
    server = await asyncpg.connect(dsn)
    await server.execute(f"CREATE DATABASE {name} {f'OWNER {owner}' if owner else ''}")
    await server.close()
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


def as_user(dsn: str, user: str) -> str:
    parts = urlsplit(dsn)
    return parts._replace(netloc=f"{user}@{parts.hostname}:{parts.port}").geturl()


def as_role(dsn: str, role: str) -> str:
    """The same address for somebody who is nothing but this role."""
    return f"{dsn}?role={role}"


@pytest.fixture
async def lived(dsn: str) -> str:
    """A migrated database with orders in it, written by the role that is there for it."""
    pool = await connect(as_role(dsn, "recourse_app"))
    for seed in range(5):
        life = live(Random(seed), order_id=f"o-{seed}")
        for step in life.steps:
            await record_step(pool, step)
        assert await read_record(pool, f"o-{seed}") == life.entries
    await record_step(pool, live(Random(9), order_id="new").steps[0])
    await write_contacts(pool, "o-1", {"client": "c@example.org"})
    await write_contacts(pool, "o-1", {"client": "new@example.org"})
    await pool.close()
    return dsn


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    """Connections that end with the block."""
    pool = await connect(dsn)
    try:
        yield pool
    finally:
        await pool.close()


async def permitted(connection: Any, statement: str) -> bool:
    """Whether the statement is stopped by nothing but what it would do."""
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


async def refused(dsn: str, statements: list[str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            allowed = await permitted(connection, statement)
            assert not allowed, statement
    finally:
        await connection.close()


async def rights(dsn: str, role: str) -> dict[str, set[str]]:
    """What a role may do with each relation of ours; columns count like their table."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT format('%s%s', CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END, c.relname) AS name, "
        "array(SELECT r FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) "
        "AS r WHERE has_table_privilege($1, c.oid, r)) AS rights "
        "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname IN ('public', 'analysis') AND c.relkind IN ('r', 'v', 'm', 'p')",
        role,
    )
    await connection.close()
    return {row["name"]: set(row["rights"]) for row in rows}


async def test_worker_and_backends_may_add_to_everything_and_change_only_what_changes(lived: str) -> None:
    found = await rights(lived, "recourse_app")
    expected: dict[str, set[str]] = {table: {"SELECT", "INSERT"} for table in (*GROWS_ONLY, *RECORD_DAYS)}
    expected |= {table: {"SELECT", "INSERT", "UPDATE"} for table in CHANGES}
    expected |= {table: {"SELECT", "INSERT", "UPDATE", "DELETE"} for table in COMES_AND_GOES}
    # Whoever is signed in is the web servers' matter.
    expected["sessions"] = set()
    expected |= {name: {"SELECT"} for name in found if name not in expected}
    assert found == expected
    assert {"migrations", *PARTY_VIEWS, "analysis.job_success"} <= set(found)


async def test_web_servers_read_what_they_show_and_write_what_they_keep(lived: str) -> None:
    found = {name: may for name, may in (await rights(lived, "recourse_web")).items() if may}
    assert {name for name, may in found.items() if may != {"SELECT"}} == {
        "contacts",
        "displays",
        "evidence_files",
        "relays",
        "sessions",
        "untaken_reports",
    }
    assert found["contacts"] == {"INSERT", "UPDATE"}
    role = as_role(lived, "recourse_web")
    await refused(role, ["SELECT email FROM contacts", "SELECT * FROM facts", "SELECT count_facts(1)"])
    async with connected(role) as pool:
        await write_contacts(pool, "o-2", {"client": "c@example.org"})
        await write_contacts(pool, "o-2", {"client": "new@example.org"})


@pytest.mark.parametrize("role", ["app", "web"])
async def test_a_server_does_not_begin_without_any_of_its_rights(lived: str, role: Role) -> None:
    async with connected(lived) as owner, connected(as_role(lived, f"recourse_{role}")) as pool:
        await owner.execute(f"REVOKE TEMPORARY ON DATABASE {urlsplit(lived).path[1:]} FROM PUBLIC")
        assert await excess_rights(pool, role) is None
        for table, held in (await rights(lived, f"recourse_{role}")).items():
            for right in held if table != "rights" else ():
                await owner.execute(f"REVOKE {right} ON {table} FROM recourse_{role}")
                with pytest.raises(DatabaseUnreachable, match=rf"\({right} on {table}\): .* recourse_{role}\."):
                    await excess_rights(pool, role)
                await owner.execute(f"GRANT {right} ON {table} TO recourse_{role}")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("GRANT DELETE ON answers TO recourse_web", "DELETE on answers"),
        ("GRANT INSERT ON order_states TO recourse_web", "INSERT on order_states"),
        ("GRANT recourse_migrator TO recourse_web", " on "),
        ("GRANT TEMPORARY ON DATABASE {} TO PUBLIC", "TEMPORARY on the database"),
    ],
)
async def test_a_server_with_a_right_too_many_says_so(lived: str, more: str, named: str) -> None:
    database = urlsplit(lived).path[1:]
    async with connected(lived) as owner, connected(as_role(lived, "recourse_web")) as pool:
        await owner.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")
        assert await excess_rights(pool, "web") is None
        await owner.execute(more.format(database))
        try:
            said = await excess_rights(pool, "web")
        finally:
            # A role is the whole cluster's.
            await owner.execute("REVOKE recourse_migrator FROM recourse_web")
    assert said is not None
    assert named in said


async def test_worker_and_backends_cannot_rewrite_what_happened(lived: str) -> None:
    role = as_role(lived, "recourse_app")
    for table in GROWS_ONLY:
        await refused(role, [f"UPDATE {table} SET order_id = 'o-2'", f"DELETE FROM {table}", f"TRUNCATE {table}"])
    await refused(role, [f"DELETE FROM {table}" for table in (*CHANGES, *RECORD_DAYS)])
    await refused(role, ["UPDATE record_heads SET head = 'x'", "UPDATE record_days SET root = 'x'"])
    await refused(
        role,
        [
            "ALTER TABLE record_entries DISABLE TRIGGER record_only_grows",
            "DROP TRIGGER record_only_grows ON record_entries",
            "SET session_replication_role = replica",
            "CREATE OR REPLACE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
            "ALTER TABLE orders ADD COLUMN more text",
            "DROP TABLE contacts",
            "CREATE TABLE more ()",
            "CREATE SCHEMA more",
            "CREATE VIEW analysis.more AS SELECT 1",
            "CREATE ROLE more",
            "SELECT hand_to_roles()",
            "INSERT INTO migrations (name, checksum) VALUES ('9999.sql', '')",
        ],
    )


async def test_who_erases_may_do_that_and_read_and_nothing_else(lived: str) -> None:
    found = await rights(lived, "recourse_keeper")
    added = {"erasures": {"INSERT"}, "legal_holds": {"INSERT"}}
    assert found == {name: {"SELECT"} | added.get(name, set()) for name in found}
    role = as_role(lived, "recourse_keeper")
    words = "('o-1', 'texts', ARRAY['client', 'freelancer', 'operator']"
    await refused(
        role,
        [
            "UPDATE record_entries SET content = '{}'",
            "DELETE FROM contacts",
            f"SELECT erase_words{words})",
            "SELECT delete_order('o-1')",
            "UPDATE erasures SET reason = 'none'",
            "UPDATE legal_holds SET reason = 'none'",
            "DELETE FROM legal_holds",
            "INSERT INTO erased_orders (order_id, what, whose, erased, reason, legal_basis) "
            "VALUES ('', 'texts', '{}', 0, '', '')",
            "CREATE TABLE more ()",
        ],
    )
    everybody_else = [as_role(lived, "recourse_app"), as_role(lived, "recourse_reader")]
    for other in everybody_else:
        await refused(other, [f"SELECT erase_order{words}, 'because', 'a law')", f"SELECT erase_words{words})"])
        await refused(other, ["INSERT INTO legal_holds (order_id, reason) VALUES ('o-1', 'none')"])
    keeper = await asyncpg.connect(role)
    await keeper.execute("CREATE TEMPORARY TABLE orders (order_id text)")
    closed = await keeper.fetchval(
        "SELECT order_id FROM public.orders WHERE closed_at IS NOT NULL AND next_clock_at IS NULL LIMIT 1"
    )
    # A table of the same name in one's own session does not come before ours.
    assert await keeper.fetchval("SELECT erase_order($1, 'notices', '{}', 'because', 'a law')", closed) is not None
    await keeper.close()


async def test_programs_for_the_parties_read_the_party_views_and_nothing_else(lived: str) -> None:
    found = await rights(lived, "recourse_reader")
    assert {name: may for name, may in found.items() if may} == {name: {"SELECT"} for name in PARTY_VIEWS}
    role = as_role(lived, "recourse_reader")
    connection = await asyncpg.connect(role)
    for view in PARTY_VIEWS:
        assert await connection.fetchval(f"SELECT count(*) FROM {view}") > 0
    await connection.close()
    tables = [name for name in found if name not in PARTY_VIEWS]
    assert {"orders", "record_entries", "facts", "contacts", "analysis.job_success"} <= set(tables)
    await refused(role, [f"SELECT 1 FROM {name}" for name in tables])
    await refused(role, ["CREATE TABLE more ()", "CREATE VIEW more AS SELECT 1", "SELECT hand_to_roles()"])


async def test_everything_there_is_has_its_rights_in_the_one_list(lived: str) -> None:
    connection = await asyncpg.connect(lived)
    there = await connection.fetch(
        "SELECT 'TABLE' AS kind, oid::regclass::text AS name FROM pg_class "
        "WHERE relnamespace IN ('public'::regnamespace, 'analysis'::regnamespace) AND relkind IN ('r', 'v') "
        "UNION ALL SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc "
        "WHERE pronamespace IN ('public'::regnamespace, 'analysis'::regnamespace) "
        "UNION ALL SELECT 'SCHEMA', 'analysis'"
    )
    listed = await connection.fetch("SELECT kind, replace(name, ', ', ',') AS name FROM rights")
    undecided = await connection.fetch("SELECT name FROM rights WHERE num_nulls(app, web, reader, keeper) > 0")
    await connection.close()
    assert {tuple(row) for row in listed} == {tuple(row) for row in there}
    assert [row["name"] for row in undecided] == [], "the migration that makes it says what each role may, also nothing"


async def test_every_function_of_ours_looks_for_names_where_its_migration_did(lived: str) -> None:
    connection = await asyncpg.connect(lived)
    loose = await connection.fetch(
        "SELECT oid::regprocedure::text AS name FROM pg_proc "
        "WHERE pronamespace IN ('public'::regnamespace, 'analysis'::regnamespace) AND prosqlbody IS NULL "
        "AND NOT 'search_path=public, pg_temp' = ANY (coalesce(proconfig, '{}'))"
    )
    await connection.close()
    assert [row["name"] for row in loose] == []


async def test_the_ledger_cannot_be_filled_past_its_record(lived: str) -> None:
    """Neither behind a temporary table that the balance is looked up in, nor with lines that do balance."""
    lines = "INSERT INTO public.ledger_entries (order_id, step, line, account, amount, at) VALUES"
    unbalanced, record = "do not add up to zero", "are not what its record says"
    for hidden in ("ledger_entries", "record_entries"):
        connection = await asyncpg.connect(as_role(lived, "recourse_app"))
        await connection.execute(f"CREATE TEMPORARY TABLE {hidden} (LIKE public.{hidden})")
        for attack, complaint in (
            ("('o-1', 901, 1, 'freelancer', 999999, now())", unbalanced),
            ("('o-1', 901, 1, 'freelancer', 5, now()), ('o-1', 901, 2, 'escrow', -5, now())", record),
            ("('o-1', 0, 8, 'freelancer', 5, now()), ('o-1', 0, 9, 'escrow', -5, now())", record),
            ("('o-1', 0, 8, 'client', -5, now()), ('o-1', 0, 9, 'escrow', 5, now())", record),
            ("('new', 0, 8, 'freelancer', 5, now()), ('new', 0, 9, 'escrow', -5, now())", record),
        ):
            with pytest.raises(asyncpg.RaiseError, match=complaint):
                await connection.execute(f"{lines} {attack}")
        await connection.close()


async def test_every_thing_of_ours_belongs_to_the_migrator(lived: str) -> None:
    connection = await asyncpg.connect(lived)
    owners = await connection.fetch(
        "SELECT c.oid::regclass::text AS name, pg_get_userbyid(c.relowner) AS owner FROM pg_class AS c "
        "WHERE c.relnamespace IN ('public'::regnamespace, 'analysis'::regnamespace) AND c.relkind IN ('r', 'v') "
        "UNION ALL SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner) FROM pg_proc AS p "
        "WHERE p.pronamespace IN ('public'::regnamespace, 'analysis'::regnamespace) "
        "UNION ALL SELECT 'analysis', pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'analysis'"
    )
    await connection.close()
    assert {(row["name"], row["owner"]) for row in owners if row["owner"] != "recourse_migrator"} == set()
    assert len(owners) > 20


async def test_a_user_who_may_change_nothing_may_ask_whether_anything_is_missing(lived: str) -> None:
    role = as_role(lived, "recourse_app")
    assert await migrate(role) == []
    more = [*migrations(), ("9999_more.sql", "CREATE TABLE more ()")]
    with pytest.raises(MigrationError, match=r"9999_more.sql is missing and this user may not apply it .* a member of"):
        await migrate(role, more)
    with pytest.raises(MigrationError, match="migrate as a user with rights to it"):
        await migrate(as_role(lived, "recourse_reader"))


async def test_many_databases_of_a_fresh_cluster_may_be_migrated_at_once(fresh_cluster: str) -> None:
    databases = [await made(fresh_cluster) for _ in range(6)]
    names = [name for name, _ in migrations()]
    applied = await asyncio.gather(*(migrate(dsn) for dsn in databases for _ in range(2)))
    assert sorted(applied) == [[]] * 6 + [names] * 6
    for dsn in databases:
        assert (await rights(dsn, "recourse_app"))["facts"] == {"SELECT", "INSERT"}
        assert await said(dsn, "SELECT hand_to_roles()") == "granted and handed over"


async def test_a_role_that_another_database_is_just_creating_is_waited_for(fresh_cluster: str) -> None:
    dsn = await made(fresh_cluster)
    other = await asyncpg.connect(fresh_cluster)
    creating = other.transaction()
    await creating.start()
    await other.execute("CREATE ROLE recourse_app NOLOGIN")
    migrating = asyncio.create_task(migrate(dsn))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
    async with asyncio.timeout(PATIENCE):
        while not migrating.done() and not await said(fresh_cluster, waiting):
            pass
    assert not migrating.done()
    await creating.commit()
    await other.close()
    await migrating
    assert (await rights(dsn, "recourse_app"))["facts"] == {"SELECT", "INSERT"}


async def warned(dsn: str) -> list[str]:
    """What there is to say of a database that is brought up to date."""
    heard: list[str] = []
    await migrate(dsn, warn=heard.append)
    return heard


async def said(dsn: str, query: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_member_of_the_migrators_migrates_and_no_more(fresh_cluster: str) -> None:
    dsn = await made(fresh_cluster)
    await migrate(dsn)
    await said(dsn, "CREATE ROLE deployer LOGIN IN ROLE recourse_migrator")
    deployer = as_user(dsn, "deployer")
    further = "ALTER TABLE orders ADD COLUMN more text; CREATE TABLE more (); "
    further += "INSERT INTO rights VALUES ('more', 'TABLE', 'SELECT'); SELECT hand_to_roles();"
    assert await migrate(deployer, [*migrations(), ("9999_more.sql", further)]) == ["9999_more.sql"]
    assert (await rights(dsn, "recourse_app"))["more"] == {"SELECT"}
    assert await said(dsn, "SELECT tableowner FROM pg_tables WHERE tablename = 'more'") == "recourse_migrator"
    await refused(deployer, ["CREATE ROLE more", "CREATE DATABASE more", "SET session_replication_role = replica"])


async def test_without_the_right_to_create_roles_all_works_for_the_owner_alone(fresh_cluster: str) -> None:
    await said(fresh_cluster, "CREATE ROLE owner LOGIN")
    database = await made(fresh_cluster, owner="owner")
    owner = as_user(database, "owner")
    skipped = (
        "owner may not create the role recourse_migrator, so workers and web servers can only connect as owner, which "
        "may change every record. Create the roles recourse_migrator, recourse_app, recourse_web, recourse_reader and "
        "recourse_keeper, then migrate again."
    )
    owned = (
        'owner may not give its tables to recourse_migrator (permission denied to grant role "recourse_migrator"), so '
        "only owner can migrate this database. Grant it that role, then migrate again."
    )
    assert await warned(owner) == [skipped]
    assert await said(owner, "SELECT count(*) FROM migrations") == len(migrations())
    assert await warned(owner) == [skipped]
    assert await said(fresh_cluster, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'recourse%'") == 0
    pool = await connect(owner)
    life = live(Random(1))
    for step in life.steps:
        await record_step(pool, step)
    assert await read_record(pool, "o-1") == life.entries
    await pool.close()

    # Somebody who may creates them later; the owner catches up.
    for role in ("recourse_migrator", "recourse_app", "recourse_web", "recourse_reader", "recourse_keeper"):
        await said(fresh_cluster, f"CREATE ROLE {role} NOLOGIN")
    assert await warned(owner) == [owned]
    assert (await rights(database, "recourse_app"))["answers"] == {"SELECT", "INSERT"}
    await said(fresh_cluster, "GRANT recourse_migrator TO owner")
    assert await warned(owner) == []
    assert await said(owner, "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == "recourse_migrator"
    assert await migrate(owner, [*migrations(), ("9999_more.sql", "CREATE TABLE more ()")]) == ["9999_more.sql"]


async def test_a_user_who_may_create_roles_needs_no_more_than_that(fresh_cluster: str) -> None:
    await said(fresh_cluster, "CREATE ROLE owner LOGIN CREATEROLE")
    database = await made(fresh_cluster, owner="owner")
    await migrate(as_user(database, "owner"))
    assert await said(as_user(database, "owner"), "SELECT hand_to_roles()") == "granted and handed over"
    assert (await rights(database, "recourse_reader"))["party_orders"] == {"SELECT"}
    # A second database of the same owner finds the roles there.
    second = await made(fresh_cluster, owner="owner")
    await migrate(as_user(second, "owner"))
    assert await said(second, "SELECT tableowner FROM pg_tables WHERE tablename = 'facts'") == "recourse_migrator"
