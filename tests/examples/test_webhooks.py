"""Each receiver takes what a worker of ours sends, once, and nothing that is not genuine."""

import asyncio
import os
import re
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from recourse.activities.webhook import WebhookChannel
from recourse.local.process import free_port
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.examples.conftest import copied, needs, run, section
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

# The first time, packages are downloaded.
SECRET = "whsec_" + "c2VjcmV0" * 5
# What each needs, and how it is made ready.
TOOLS = {
    "Python": ((), "true"),
    "TypeScript": (("node", "npm"), "npm install && npm run check"),
    "Go": (("go",), "go mod download"),
}


@dataclass
class Receiver:
    """An example that listens, and the lines it prints."""

    url: str
    lines: asyncio.StreamReader

    async def next(self) -> str:
        line = (await asyncio.wait_for(self.lines.readline(), PATIENCE)).decode()
        assert line, "the receiver has ended"
        return line

    async def post(self, body: str, at: datetime, signed: str | None = None, name: str = "n-1") -> int:
        """Post a notice that is signed, or whose signature is that of another text."""
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(name, at, signed or body),
        }
        async with httpx2.AsyncClient() as http:
            return (await http.post(self.url, content=body, headers=headers)).status_code


@asynccontextmanager
async def listening(language: str, into: Path) -> AsyncIterator[Receiver]:
    """An example that was started by the page's command."""
    programs, ready = TOOLS[language]
    needs(*programs)
    folder = copied(into)
    await run(ready, cwd=folder / "examples" / f"webhook-{language.lower()}", env={})
    [command] = re.findall(rf"^\| \[{language}\].*?\| `(.*)` \|$", section("Webhooks"), re.MULTILINE)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", command),
        cwd=folder,
        env=environment(PORT=str(port), RECOURSE_WEBHOOK_SECRET=SECRET),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    receiver = Receiver(f"http://127.0.0.1:{port}/", process.stdout)
    try:
        # What npm says of its packages comes first.
        while await receiver.next() != "Listening.\n":
            pass
        yield receiver
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await asyncio.wait_for(process.wait(), PATIENCE)


@asynccontextmanager
async def working(address: str, pool: Any, url: str) -> AsyncIterator[Marketplace]:
    client, queue = await connect(target_host=address), f"told-{secrets.token_hex(4)}"
    hooks = WebhookChannel(url, [SECRET])
    async with make_worker(client, pool, task_queue=queue, channels=[hooks]):
        yield Marketplace(Recourse(client, pool, task_queue=queue), queue)
    await hooks.close()


@pytest.mark.parametrize("language", TOOLS)
async def test_a_receiver_takes_genuine_notices_once(
    language: str, temporal_address: str, pool: Any, tmp_path: Path
) -> None:
    async with (
        listening(language, tmp_path) as receiver,
        working(temporal_address, pool, receiver.url) as marketplace,
    ):
        order_id = await marketplace.order()
        await marketplace.by("client", order_id, "request", kind="cancel")
        of = f"of order {order_id}; may answer:"
        assert await receiver.next() == f"request_opened for the freelancer {of} accept, decline\n"
        await marketplace.by("freelancer", order_id, "accept")
        told = {await receiver.next(), await receiver.next()}
        assert told == {f"order_canceled for the {party} {of} -\n" for party in ("client", "freelancer")}
        now = datetime.now(UTC)
        body = '{"type": "a_new_one", "data": {"to": "client", "order_id": "o-1", "answers": []}}'
        assert await receiver.post(body, now, signed=body.replace("o-1", "o-2")) == 401
        assert await receiver.post(body, now - timedelta(minutes=6)) == 401
        assert await receiver.post(body, now) == 204
        assert await receiver.post(body, now) == 204
        assert await receiver.post(body, now, name="n-2") == 204
        assert [await receiver.next(), await receiver.next()] == [
            "a_new_one for the client of order o-1; may answer: -\n"
        ] * 2
