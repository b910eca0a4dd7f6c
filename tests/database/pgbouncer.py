"""A real PgBouncer before the tests' PostgreSQL, where the machine has it."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from recourse.local.process import free_port, start, stop
from tests.patience import PATIENCE

PATH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"


@asynccontextmanager
async def pgbouncer(dsn: str, folder: Path, mode: str, sessions: int = 4) -> AsyncIterator[str]:
    """The address of the same database through a PgBouncer with so many sessions. Skips where there is none."""
    program = shutil.which("pgbouncer", path=PATH)
    if program is None:
        pytest.skip("PgBouncer is not installed; Debian has it in the package `pgbouncer`")
    parts, port = urlsplit(dsn), free_port()
    login = f" password={parts.password}" if parts.password else ""
    # It refuses to run as root.
    runs_as = "user = nobody\n" if os.geteuid() == 0 else ""
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={parts.hostname} port={parts.port or 5432} user={parts.username}{login}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"{runs_as}pool_mode = {mode}\ndefault_pool_size = {sessions}\nquery_wait_timeout = 60\n"
    )
    running = await start([program, settings], log=folder / "pgbouncer.log")
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    if running.returncode is not None:
                        pytest.fail((folder / "pgbouncer.log").read_text())
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()
    finally:
        await stop(running, signal.SIGINT)
