"""What stands outside and hears of orders: a webhook receiver and a mail server on loopback, and a worker of its own
process whose output is kept."""

import asyncio
import base64
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from recourse.local.process import start, stop
from tests.patience import PATIENCE
from tests.secrets.conftest import NEW, OLD

SECRET = "whsec_" + base64.b64encode(b"a secret of at least twenty-four bytes").decode()


class Outside:
    """Everything that came out, as bytes."""

    def __init__(self) -> None:
        self.webhooks: list[bytes] = []
        self.mails: list[bytes] = []
        self.failures_left = 1
        self._heard = asyncio.Condition()

    async def hear(self, what: list[bytes], content: bytes) -> None:
        """Keep what came."""
        async with self._heard:
            what.append(content)
            self._heard.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until enough has come."""
        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(condition)

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take webhooks; the first ones fail, so that what is said about failures is heard too."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                )
                body = await reader.readexactly(size)
                fails = self.failures_left > 0
                self.failures_left -= fails
                status = b"500 Internal Server Error" if fails else b"204 No Content"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                if not fails:
                    await self.hear(self.webhooks, head + body)
        writer.close()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take mails."""
        await self.hear(self.mails, envelope.content)
        return "250 OK"


@asynccontextmanager
async def outside() -> AsyncIterator[tuple[Outside, dict[str, str]]]:
    """A receiver of webhooks and mails, and the settings of a worker that sends them there."""
    world, loop = Outside(), asyncio.get_running_loop()
    web = await asyncio.start_server(world.receive, "127.0.0.1", 0)
    mail = await loop.create_server(lambda: SMTP(world, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)
    async with web, mail:
        ports = [server.sockets[0].getsockname()[1] for server in (web, mail)]
        yield (
            world,
            {
                "RECOURSE_WEBHOOK_URL": f"http://127.0.0.1:{ports[0]}/notices",
                "RECOURSE_WEBHOOK_SECRET": SECRET,
                "RECOURSE_SMTP_URL": f"smtp://127.0.0.1:{ports[1]}",
                "RECOURSE_OPERATOR_EMAIL": "operators@marketplace.test",
            },
        )


@asynccontextmanager
async def worker_process(log: Path, address: str, dsn: str, queue: str, **settings: str) -> AsyncIterator[None]:
    """`recourse worker` with keys, as it runs in production; everything that it says is in `log`."""
    environment = {
        "TEMPORAL_ADDRESS": address,
        "DATABASE_URL": dsn,
        "RECOURSE_TASK_QUEUE": queue,
        "PYTHONUNBUFFERED": "1",
        "RECOURSE_PAYLOAD_KEYS": ",".join(
            f"{key_id}={base64.b64encode(key).decode()}" for key_id, key in (("new", NEW), ("old", OLD))
        ),
        **settings,
    }
    command = [sys.executable, "-c", "from recourse.cli import main; main()", "worker"]
    process = await start(command, log=log, environment=environment)
    try:
        yield
    finally:
        await stop(process, signal.SIGTERM)
