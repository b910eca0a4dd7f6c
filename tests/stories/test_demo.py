"""The demonstration, as somebody sees it who runs it for the first time."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest
from temporalio.client import Client

from recourse.cli.demo.show import introduction, stories
from recourse.errors import BadInput
from recourse.local.process import usual_port
from tests.http.processes import environment
from tests.stories.test_own_servers import FOUND, ROOT, run

LIVE = ("waiting", "mediation", "undo", "late")


def test_the_introduction_fits_one_screen() -> None:
    lines = introduction(13).splitlines()

    assert len(lines) < 24
    assert max(map(len, lines)) < 80
    assert lines[1].endswith("Below are 13 sample orders.")
    assert "Below is one of 13 sample orders." in introduction(1)


def test_every_order_has_the_money_that_the_introduction_names() -> None:
    paid = {(story.terms.price, story.terms.service_fee, story.terms.currency) for story in stories()}

    assert paid == {(10_000, 550, "USD")}
    assert {story.policy.money.commission for story in stories()} == {Fraction(20, 100)}
    assert "paid 105.50 USD into escrow: the price of 100.00 USD\nand a service fee of 5.50 USD." in introduction(13)


@pytest.mark.parametrize(("typed", "says"), [("", "recourse demo --keep"), ("1", "make demo KEEP=1")])
def test_the_introduction_names_commands_as_the_reader_types_them(
    typed: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    if typed:
        monkeypatch.setenv("MAKELEVEL", typed)

    assert says in introduction(13)


def test_a_story_is_found_by_a_part_of_its_name() -> None:
    assert [story.id for story in stories("silence")] == ["demo-02"]
    assert len(stories("mediat")) == 1
    assert len(stories("glimmer")) == 1
    with pytest.raises(BadInput, match=r"no story 'nothing'\. There are: accepted, silence, "):
        stories("nothing")


async def test_each_story_keeps_together() -> None:
    ran = await run({}, "recourse", "demo", "--story", "silence")
    told = ran.output.split("The freelancer says nothing for 48 hours, and that counts as yes\n")[1]
    lines = told.splitlines()

    assert ran.status == 0, ran
    assert re.match(r"  silence · order demo-02-[0-9a-f]{8}-1 · policy resolution_center$", lines[0])
    assert re.match(r"  \w{3} 20\d\d-\d\d-\d\d 10:00  The client      Asked to cancel the order\.", lines[1])
    assert "  The clock       The time to answer was over. The request to cancel the order" in told
    assert "\n  money   client 105.50 USD · freelancer 0.00 USD · platform 0.00 USD\n" in told
    assert "\n  ended   canceled by silence · 3 d 1 h in " in told
    assert "The order has ended, every cent is accounted for, and every record verifies." in told
    assert max(map(len, lines)) <= 110


async def test_the_brief_form_prints_the_table_alone() -> None:
    ran = await run({}, "recourse", "demo", "--story", "accepted", "--brief")
    lines = [line.rstrip() for line in ran.output.splitlines() if line.strip(" ─")]

    assert ran.status == 0, ran
    assert lines[0].split() == ["Story", "Ending", "Days", "played", "Seconds"]
    assert re.match(r" accepted +canceled by agreement +2 d +\d+\.\d$", lines[1])
    assert len(lines) == 3


async def test_an_unknown_story_is_named_with_those_that_exist() -> None:
    ran = await run({}, "recourse", "demo", "--story", "nothing")

    assert ran.status == 2
    assert "There is no story 'nothing'. There are: accepted, silence, " in ran.error


def test_a_usual_port_that_is_taken_gives_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert usual_port(port) != port
    assert usual_port(port) == port


@asynccontextmanager
async def kept() -> AsyncIterator[str]:
    """A demonstration that waits to be looked around in; what it has said."""
    process = await asyncio.create_subprocess_exec(
        *("recourse", "demo", "--story", "accepted", "--keep"),
        cwd=ROOT,
        env=environment(**FOUND, PYTHONUNBUFFERED="1"),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readuntil(b"delete everything.")).decode()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def page_behind(link: str) -> str:
    """Where a sign-in link leads, and what is shown there."""
    async with httpx2.AsyncClient(headers={"Sec-Fetch-Site": "none"}) as browser:
        signed_in = await browser.get(link)
        # Browsers send a secure cookie to this very machine without TLS.
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
        page = await browser.get(urljoin(link, signed_in.headers["location"]), headers={"Cookie": cookie})
    assert (signed_in.status_code, page.status_code) == (303, 200)
    return page.text


async def test_a_kept_demonstration_has_live_orders_pages_and_commands_that_work() -> None:
    async with kept() as said:
        ids = {name: re.search(rf"{name}-[0-9a-f]{{8}}-\d+", said) for name in LIVE}
        assert all(ids.values()), said
        links = dict(re.findall(r"  (client|freelancer|operator) +(http\S+)", said))
        for role, on_it in (("client", "undo"), ("freelancer", "waiting"), ("operator", "mediation")):
            found = ids[on_it]
            assert found is not None
            assert found[0] in await page_behind(links[role])
        ui = re.search(r"Temporal UI +(\S+)", said)
        address = re.search(r"TEMPORAL_ADDRESS=(\S+)", said)
        assert ui is not None
        assert address is not None
        query = parse_qs(urlsplit(ui[1]).query)["query"][0]
        client = await Client.connect(address[1])
        while (await client.count_workflows(query)).count < len(LIVE):  # Temporal's search lags  # noqa: ASYNC110
            await asyncio.sleep(0)
        pasted = said.split("Paste this into another terminal:")[1].split("Press Ctrl-C")[0]
        # The README's commands work in the same terminal.
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        assert "first paste the two `export` lines" in readme
        [typed] = re.findall(r"```sh\n(recourse order start 1001.*?)```", readme, re.DOTALL)
        pasted += typed
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", pasted),
            env={"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, error = await shell.communicate()
        assert shell.returncode == 0, error.decode()
        assert "very late" in output.decode()
        assert f'"order_id":"{ids["waiting"] and ids["waiting"][0]}"' in output.decode()
        assert "Starting order 1001" in output.decode()
    with pytest.raises(RuntimeError):
        await Client.connect(address[1])
