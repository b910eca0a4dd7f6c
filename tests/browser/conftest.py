"""People with real browsers at the pages of a marketplace whose time can be skipped."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page
from playwright.async_api import expect as expect
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from dev.browser import MISSING, browser, find_chromium
from recourse.policies import load_policy
from recourse.resolution.model.order import Order
from recourse.resolution.model.terms import Terms
from recourse.resolution.rules.clocks import next_clock
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from recourse.web.serving import make_server
from recourse.web.tokens import Bearer, BearerRole, new_id, sign_token
from recourse.worker import make_worker
from tests.http.conftest import IDS, KEYS
from tests.patience import PATIENCE

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


class Person:
    """Somebody at a browser of their own, signed in. Every page that they see is checked on the way."""

    def __init__(self, page: Page, site: "Site") -> None:
        self.page, self.site = page, site
        self.complaints: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, said: ConsoleMessage) -> None:
        # A page that says no, as some here do on purpose, is reported as a resource that failed.
        if said.type == "error" and "Failed to load resource" not in said.text:
            self.complaints.append(said.text)

    async def see(self, *words: str) -> None:
        """Look at the page: it shows these words, everybody can use it, and it fits."""
        for one in words:
            await expect(self.page.locator("main")).to_contain_text(one, use_inner_text=True)
        await self.check()

    async def check(self) -> None:
        """No program of the page complains, no rule of accessibility is broken, nothing is wider than the screen."""
        assert self.complaints == []
        found = await Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()
        wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await self.page.evaluate(wider), self.page.url

    async def open(self, order_id: str) -> None:
        """Open the page of an order."""
        await self.page.goto(f"{self.site.address}/pages/orders/{order_id}")

    async def choose(self, what: str) -> None:
        """Follow a link of this name."""
        await self.page.get_by_role("link", name=what, exact=True).click()
        await self.check()

    async def press(self, button: str) -> None:
        """Press a button of this name."""
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def fill(self, **said: Any) -> None:
        """Fill in fields by their labels, written with underscores: texts are typed, True is a tick."""
        for label, value in said.items():
            field = self.page.get_by_label(label.replace("_", " "))
            await (field.check() if value is True else field.first.fill(value))

    async def tick(self, *labels: str) -> None:
        """Choose by labels."""
        for label in labels:
            await self.page.get_by_label(label, exact=True).check()

    async def do(self, what: str, confirm: str, *seen: str, **said: Any) -> None:
        """An action from the order's page on: its form, what it leads to, and that it is done."""
        await self.choose(what)
        await self.fill(**said)
        await self.press("See what it leads to")
        await self.see("Nothing is done yet.", *seen)
        await self.press(confirm)
        await self.see("Done.")


class Site:
    """The pages on a port of loopback, and a marketplace behind them. `shift` is what was skipped."""

    def __init__(self, recourse: Recourse, skipper: TimeSkipper, port: int) -> None:
        self.recourse, self.skipper = recourse, skipper
        self.address = f"http://127.0.0.1:{port}"
        self.shift = timedelta(0)

    def now(self) -> datetime:
        """The clock of this marketplace."""
        return datetime.now(UTC) + self.shift

    async def order(self, policy: str, **terms: Any) -> str:
        """Start an order, and wait until it can be read."""
        usual = {"price": 10_000, "service_fee": 550, "delivery_time": timedelta(days=5), "ordered_at": self.now()}
        given = {"order_id": f"b-{secrets.token_hex(3)}", "client": IDS["client"], "freelancer": IDS["freelancer"]}
        agreed = Terms.model_validate({**usual, **given, **terms})
        await self.recourse.start(agreed, load_policy(policy))
        await self._until(agreed.order_id, lambda order: True)
        return agreed.order_id

    async def wait(self, order_id: str, length: timedelta) -> Order:
        """Let time pass, and everything that falls due be decided."""
        async with asyncio.timeout(PATIENCE):
            handle = self.recourse.temporal.get_workflow_handle(workflow_id(order_id))
            await self.skipper.fast_forward(handle, length)
        self.shift += length

        def decided(order: Order) -> bool:
            clock = next_clock(order)
            return clock is None or clock.at > self.now()

        return await self._until(order_id, decided)

    async def _until(self, order_id: str, so: Callable[[Order], bool]) -> Order:
        async with asyncio.timeout(PATIENCE):
            while True:
                rows = await self.recourse.pool.fetch("SELECT 1 FROM orders WHERE order_id = $1", order_id)
                if rows and so(order := await self.recourse.order(order_id).state()):
                    return order
                await asyncio.sleep(0.02)

    def link(self, role: BearerRole, order_id: str = "") -> str:
        """A link that signs somebody in."""
        bearer = Bearer(role=role, id=IDS[role])
        token = sign_token(KEYS, bearer, "recourse-sign-in", datetime.now(UTC) + timedelta(minutes=5), new_id())
        return f"{self.address}/pages/sign-in?token={token}&order={order_id}"


People = Callable[..., Awaitable[Person]]


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """A browser that all tests share; each person in it has cookies of their own."""
    if find_chromium() is None:
        pytest.skip(MISSING)
    expect.set_options(timeout=PATIENCE * 1000)
    async with browser() as opened:
        yield opened


@asynccontextmanager
async def site_on(temporal_address: str, pool: Any, **options: Any) -> AsyncIterator[Site]:
    """The pages, served by a server of ours, with a worker behind them."""
    client, queue = await connect(target_host=temporal_address), f"pages-{secrets.token_hex(4)}"
    skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=10_000))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def now() -> datetime:
            return made.now()

        recourse = Recourse(skipper.client, pool, task_queue=queue, now=now)
        made = Site(recourse, skipper, listener.getsockname()[1])
        server = make_server(make_app(recourse, KEYS, now=now, **options))
        async with make_worker(client, pool, task_queue=queue):
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            yield made
            server.should_exit = True
            await serving


@pytest.fixture
async def site(chromium: Browser, temporal_address: str, pool: Any) -> AsyncIterator[Site]:
    """The pages as they are served."""
    async with site_on(temporal_address, pool) as made:
        yield made


@pytest.fixture
async def person(chromium: Browser, site: Site) -> AsyncIterator[People]:
    """`await person("client", order_id)`: the client, signed in by a link to that order."""
    contexts = []

    async def come(role: BearerRole, order_id: str = "", **options: Any) -> Person:
        context = await chromium.new_context(**{"viewport": DESK, "timezone_id": "Europe/Berlin", **options})
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        made = Person(await context.new_page(), site)
        await made.page.goto(site.link(role, order_id))
        return made

    yield come
    for context in contexts:
        await context.close()
