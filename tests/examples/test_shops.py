"""The backends of a shop, each with real webhooks, a real server and a real worker."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from recourse import Freelancer, Recourse
from recourse.local.process import free_port
from tests.examples.conftest import copied, run, served
from tests.examples.test_webhooks import SECRET, working
from tests.http.conftest import SECRETS, token
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.typescript.conftest import built, installed, packages

__all__ = ["built", "packages"]

Said = Callable[..., Awaitable[None]]


@asynccontextmanager
async def open_shop(
    command: str, folder: Path, settings: Mapping[str, str]
) -> AsyncIterator[tuple[httpx2.AsyncClient, Said]]:
    """A shop that is open, and what waits for lines that it prints. In the end it is killed."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f"exec {command}"),
        cwd=folder,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    lines = process.stdout
    assert lines is not None

    async def said(*wanted: str) -> None:
        missing = {*wanted}
        while missing:
            line = await asyncio.wait_for(lines.readline(), PATIENCE)
            assert line, "the shop has ended"
            missing.discard(line.decode().strip())

    try:
        await said(f"The shop listens on port {settings['PORT']}.")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{settings['PORT']}", timeout=PATIENCE) as shop:
            yield shop, said
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def test_a_shop_in_python(temporal_address: str, pool: Any, dsn: str, tmp_path: Path) -> None:
    folder = copied(tmp_path) / "examples" / "shop-python"
    await play("python shop.py", folder, temporal_address, pool, dsn)


async def test_a_shop_in_typescript(
    packages: Path, built: Path, temporal_address: str, pool: Any, dsn: str, tmp_path: Path
) -> None:
    folder = copied(tmp_path) / "examples" / "shop-typescript"
    installed(folder, packages, built)
    await run("npm run build", cwd=folder, env={})
    await play("npm start", folder, temporal_address, pool, dsn)


async def play(command: str, folder: Path, temporal_address: str, pool: Any, dsn: str) -> None:
    """A buyer places an order and cancels it, and the seller accepts while the shop is away."""
    # An id is used once on a Temporal, whatever became of the database.
    port, order_id = free_port(), f"s-{secrets.token_hex(4)}"
    buyer_pays = {"id": order_id, "buyer": "c-3", "seller": "f-7", "title": "A logo", "price": 10_000}
    hooks = f"http://127.0.0.1:{port}/notices"
    async with working(temporal_address, pool, hooks) as marketplace:
        servers = {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": temporal_address, "RECOURSE_TASK_QUEUE": marketplace.queue}
        async with served({**servers, "RECOURSE_TOKEN_KEYS": SECRETS}) as api:
            settings = {
                "RECOURSE_API": api,
                "RECOURSE_TOKEN": token("service"),
                "RECOURSE_WEBHOOK_SECRET": SECRET,
                "PORT": str(port),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            }
            async with open_shop(command, folder, settings) as (shop, said):
                for _ in range(2):
                    assert (await shop.post("/orders", json=buyer_pays)).status_code == 201
                asked = {"buyer": "c-3", "click": "web-1"}
                answers = [(await shop.post(f"/orders/{order_id}/cancel", json=asked)).json() for _ in range(2)]
                assert answers == [{"asked": True}] * 2
                again = (await shop.post(f"/orders/{order_id}/cancel", json={**asked, "click": "web-2"})).json()
                assert (again["asked"], again["why"]) == (
                    False,
                    "A request is open; it must be answered or withdrawn first.",
                )
                page = await shop.get(f"/orders/{order_id}/page", params={"for": "f-7"})
                assert page.headers["Location"].startswith(f"{api}/pages/")
                assert (await shop.post("/notices", json={"type": "forged"})).status_code == 401
                assert (await shop.post("/orders", json={"id": "s-2"})).status_code == 400
                await said(
                    f"Order {order_id}: in_progress, none", f"Order {order_id}: the freelancer was told request_opened"
                )
                [known] = (await shop.get(f"/orders/{order_id}")).json()
                assert (known["phase"], known["earned"]) == ("in_progress", None)
            # The seller accepts while the shop is away.
            async with Recourse.connect(api, token("service")) as recourse:
                assert (await recourse.order(order_id).accept(by=Freelancer("f-7"))).applied
            async with open_shop(command, folder, settings) as (shop, said):
                await said(
                    f"Order {order_id}: canceled, settled", f"Order {order_id}: the client was told order_canceled"
                )
                [known] = (await shop.get(f"/orders/{order_id}")).json()
    assert (known["refunded"], known["earned"]) == (10_000, 0)
