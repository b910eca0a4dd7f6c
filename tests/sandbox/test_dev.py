"""`recourse dev` as a process, and what other programs find where there is no sandbox."""

import asyncio
import json
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.routing import APIRoute

from recourse.local.process import free_port
from recourse.sandbox.routes import router
from recourse.sandbox.running import Sandbox
from recourse.web.app import make_app
from tests.http.conftest import KEYS, SECRETS
from tests.http.processes import environment
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace, client, marketplace
from tests.sandbox.conftest import Shop

__all__ = ["client", "marketplace"]


async def run(*command: str, **env: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def dev(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *("recourse", "dev", *options),
        env=environment(DATABASE_URL="postgresql://elsewhere.invalid/orders", TEMPORAL_ADDRESS="elsewhere.invalid:1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), PATIENCE)


def children(pid: int) -> set[int]:
    """The processes that a process has started and that still run."""
    return {*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())}


def run_on(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


async def test_it_says_what_is_where_and_its_commands_work_as_pasted() -> None:
    port = free_port()
    async with dev("--port", str(port)) as process:
        assert process.stdout is not None
        said = (await asyncio.wait_for(process.stdout.readuntil(b"recourse order show 1001\n"), PATIENCE)).decode()
        for link in re.findall(r"http\S+sign-in\S+", said):
            async with httpx2.AsyncClient(trust_env=False, headers={"Sec-Fetch-Site": "none"}) as browser:
                assert (await browser.get(link)).status_code == 303
        script = said[said.index("  export PATH") :]
        status, told, wrong = await run("sh", "-euc", script)
        assert (status, wrong) == (0, "")
        assert "The clock of order 1001 reads " in told
        assert "canceled" in told
        taken = await run("recourse", "dev", "--port", str(port))
        assert taken == (
            2,
            "",
            f"recourse: A sandbox runs at http://127.0.0.1:{port} already: use it, or start another with `--port 0`.\n",
        )


async def test_programs_read_one_line_and_nothing_is_left_running() -> None:
    async with dev("--port", "0", "--json") as process:
        assert process.stdout is not None
        found = json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert (process.returncode, out, err.decode().splitlines()[-1]) == (0, b"", "Nothing is left running.")
    database = urlsplit(found["environment"]["DATABASE_URL"]).netloc.rpartition("@")[2]
    for address in (database, found["environment"]["TEMPORAL_ADDRESS"], urlsplit(found["url"]).netloc):
        host, _, port = address.partition(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system does not list processes in /proc")
async def test_ctrl_c_ends_what_is_still_starting() -> None:
    async with dev("--port", "0") as process:
        assert process.stderr is not None
        await asyncio.wait_for(process.stderr.readuntil("all on loopback …\n".encode()), PATIENCE)
        while not (started := children(process.pid)):  # noqa: ASYNC110 - the system lists them, and tells nobody
            await asyncio.sleep(0)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert (process.returncode, out) == (130, b"")
        assert b"Traceback" not in err
        assert run_on(started) == set()


async def test_a_port_that_another_program_has_is_said_to_be_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, _, err = await run("recourse", "dev", "--port", str(port))
    assert status == 2
    assert err.startswith(f"recourse: 127.0.0.1:{port} cannot be listened on: Address already in use; take another")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/hooks", "127.0.0.1:3000"])
async def test_webhooks_go_to_an_address_of_the_web(url: str) -> None:
    status, _, err = await run("recourse", "dev", "--port", "0", "--webhook-url", url)
    assert status == 2
    assert err.startswith("recourse: --webhook-url: it does not begin with http:// or https://")


@pytest.mark.parametrize(
    ("provider", "env", "says"),
    [
        ("bank=no.such.bank:connect", {}, "or have PYTHONPATH name the folder that it is in."),
        ("sandbox=tests.activities.bank:Bank", {}, "'sandbox' is the sandbox's own: name yours otherwise."),
        ("bank=tests.activities.bank:Bank", {"RECOURSE_MAIL_TEMPLATES": "/no/such"}, "RECOURSE_MAIL_TEMPLATES"),
    ],
)
async def test_what_a_marketplace_brings_is_checked_before_anything_starts(
    provider: str, env: dict[str, str], says: str
) -> None:
    status, out, err = await run("recourse", "dev", "--port", "0", "--provider", provider, **env)
    assert (status, out) == (2, "")
    assert says in err


async def test_outside_of_a_sandbox_its_paths_do_not_exist(marketplace: Marketplace) -> None:
    app = make_app(marketplace.recourse, KEYS)
    paths = [route for route in router.routes if isinstance(route, APIRoute)]
    assert len(paths) > 8
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://recourse.test") as caller:
        assert not [path for path in (await caller.get("/openapi.json")).json()["paths"] if "sandbox" in path]
        for route in paths:
            path = re.sub(r"{\w+}", "1", route.path)
            for method in route.methods or ():
                answer = await caller.request(method, path, json={"advance": "48h"})
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_a_clock_moves_in_a_sandbox_only(marketplace: Marketplace, temporal_address: str, dsn: str) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    status, _, err = await run("recourse", "order", "advance", "1001", "48h", RECOURSE_SANDBOX=nowhere)
    assert (status, err) == (3, f"recourse: No sandbox answers at {nowhere}: start one with `recourse dev`.\n")
    served = await asyncio.create_subprocess_exec(
        *("recourse", "serve", "--port", "0"),
        env=environment(
            DATABASE_URL=dsn,
            TEMPORAL_ADDRESS=temporal_address,
            RECOURSE_TOKEN_KEYS=SECRETS,
        ),
        stdout=subprocess.PIPE,
    )
    assert served.stdout is not None
    line = (await asyncio.wait_for(served.stdout.readline(), PATIENCE)).decode()
    address = "http://" + line.removeprefix("Listening on ").removesuffix(".\n")
    status, _, err = await run("recourse", "order", "advance", "1001", "48h", "--sandbox", address)
    assert (status, err) == (
        3,
        f"recourse: Recourse at {address} is no sandbox, so no clock can be moved: start one with `recourse dev`.\n",
    )
    served.terminate()
    await asyncio.wait_for(served.wait(), PATIENCE)


async def test_a_move_that_cannot_be_made_ends_in_one_sentence(made: Sandbox, shop: Shop) -> None:
    order_id = await shop.start()

    async def advance(*words: str, sandbox: str = made.url) -> tuple[int | None, str]:
        status, _, err = await run("recourse", "order", "advance", *words, "--sandbox", sandbox)
        return status, err

    assert await advance("nobody", "48h") == (1, "recourse: There is no order nobody.\n")
    assert await advance(order_id, "0h") == (2, "recourse: advance is nothing: name a duration such as 48h.\n")
    assert (await advance(order_id, "48h", "--until", "2126-01-01T00:00Z"))[1].startswith("recourse: give either ")
    status, err = await advance(order_id, "--until", "2020-01-01T00:00Z")
    assert (status, err.endswith("which the order's clock reads: a clock only goes forward.\n")) == (2, True)
    status, err = await advance(order_id, "48h", sandbox="https://orders.example")
    assert (status, err.startswith("recourse: The address of the sandbox: ")) == (2, True)
