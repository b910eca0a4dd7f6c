"""Make the pictures in docs/images: orders of each policy as the Temporal UI and the pages show them."""

import asyncio
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dev.browser import browser
from recourse.database.migrate import migrate
from recourse.database.pool import connect as connect_to_database
from recourse.local.postgres import postgres
from recourse.local.progress import say
from recourse.local.shell import forget_the_servers_of_the_shell
from recourse.local.temporal import temporal_server
from recourse.policies import load_policy
from recourse.resolution.model.terms import Terms
from recourse.runtime.keys import KeyRing
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from recourse.web.serving import make_server
from recourse.web.tokens import Bearer, BearerRole, new_id, sign_token
from recourse.worker import make_worker

if TYPE_CHECKING:
    from playwright.async_api import Browser, FloatRect, Page, ViewportSize

IMAGES = Path(__file__).parent / "images"
WIDE: "ViewportSize" = {"width": 1280, "height": 1400}
MENU = 205  # pixels
# Low enough for the dialog to stand below the name of the order.
DIALOG: "ViewportSize" = {"width": 1280, "height": 1000}
PHONE: "ViewportSize" = {"width": 390, "height": 844}
NOTE = "They were rude to me."
IDS: Mapping[BearerRole, str] = {"client": "c-3", "freelancer": "f-7", "operator": "op-1"}
# What a page moves about while it is drawn has come to rest after this long.
AT_REST_AFTER = 1.5  # seconds
PATIENCE = 60.0  # seconds

Move = tuple[BearerRole, str, dict[str, Any]]
AGREED = ["discussed", "tried_to_resolve", "agreed_compensation"]


@dataclass(frozen=True)
class Shown:
    """An order at the stage at which it is shown."""

    id: str
    policy: str
    moves: tuple[Move, ...]


ASKED: Move = (
    "client",
    "request",
    {"kind": "cancel", "reason": "other", "comment": "I no longer need it.", "private_note": NOTE},
)
ORDERS = (
    Shown("1001", "resolution_center", (("client", "message", {"comment": "When will it be ready?"}), ASKED)),
    Shown(
        "1002",
        "fiverr_guide",
        (
            ("freelancer", "deliver", {}),
            ASKED,
            ("freelancer", "decline", {"comment": "It is what was agreed."}),
            ("operator", "propose", {"amount": 5_000, "explanation": "Half of it is as agreed."}),
        ),
    ),
    Shown(
        "1003",
        "glimmer",
        (
            ("client", "request", {"kind": "cancel", "reason": "other", "amount": 3_000, "attestations": AGREED}),
            ("freelancer", "accept", {}),
        ),
    ),
    Shown(
        "1004",
        "upwork",
        (
            ("client", "request", {"kind": "cancel", "reason": "other", "amount": 2_000, "comment": "We stop here."}),
            ("freelancer", "counter", {"amount": 6_000, "comment": "More than half is done."}),
        ),
    ),
    Shown(
        "1005",
        "resolution_center",
        (
            ASKED,
            ("freelancer", "decline", {"comment": "Nearly done."}),
            ("client", "message", {"comment": "It is too late for me."}),
            ("freelancer", "message", {"comment": "Tomorrow, then."}),
            ("client", "escalate", {}),
        ),
    ),
)


class Market:
    """A marketplace of one moment: orders, a worker, the Temporal UI and the pages, all on loopback."""

    def __init__(self, recourse: Recourse, keys: KeyRing, ui: str, pages: str) -> None:
        self.recourse, self._keys, self.ui, self.pages = recourse, keys, ui, pages

    async def bring(self, shown: Shown) -> None:
        """Start an order and bring it to its stage."""
        terms = Terms(
            order_id=shown.id,
            client=IDS["client"],
            freelancer=IDS["freelancer"],
            price=10_000,
            service_fee=550,
            ordered_at=datetime.now(UTC),
            delivery_time=timedelta(days=5),
        )
        await self.recourse.start(terms, load_policy(shown.policy))
        for role, command, fields in shown.moves:
            outcome = await self.recourse.order(shown.id).send(
                command, {"actor": {"role": role, "id": IDS[role]}, **fields}
            )
            if not outcome.applied:
                raise RuntimeError(f"order {shown.id}: {command} was refused: {outcome.message} {outcome.details}")

    async def workflow(self, order_id: str) -> str:
        """The address of an order in the Temporal UI."""
        described = await self.recourse.temporal.get_workflow_handle(workflow_id(order_id)).describe()
        return f"{self.ui}/namespaces/default/workflows/{workflow_id(order_id)}/{described.run_id}"

    def link(self, role: BearerRole, order_id: str = "") -> str:
        """A link that signs somebody in to the pages."""
        until = datetime.now(UTC) + timedelta(minutes=5)
        token = sign_token(self._keys, Bearer(role=role, id=IDS[role]), "recourse-sign-in", until, new_id())
        return f"{self.pages}/pages/sign-in?token={token}&order={order_id}"


@asynccontextmanager
async def market() -> AsyncIterator[Market]:
    """Everything started, for as long as the block runs."""
    keys = KeyRing({"k1": secrets.token_bytes(32)})
    async with temporal_server(ui=True) as (address, ui), postgres() as dsn:
        if ui is None:
            raise AssertionError("a server that was started with a UI has one")
        await migrate(dsn)
        pool = await connect_to_database(dsn)
        client = await connect(target_host=address)
        recourse = Recourse(client, pool, web_url="https://orders.example")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = make_server(make_app(recourse, keys))
            async with make_worker(client, pool, task_queue=recourse.task_queue):
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                yield Market(recourse, keys, ui, f"http://127.0.0.1:{listener.getsockname()[1]}")
                server.should_exit = True
                await serving
        await pool.close()


async def photograph(made: Market, chromium: "Browser") -> None:
    """Every picture."""
    desk = await chromium.new_page(viewport=WIDE)
    for shown in ORDERS[:-1]:
        case_file = f"{await made.workflow(shown.id)}/user-metadata"
        await _shoot(desk, case_file, f"ui-{shown.policy}", f"Order {shown.id} ·", "Last events")
    await desk.goto(f"{await made.workflow('1005')}/history")
    await desk.get_by_text("Compact").click()
    # Room for the rows below the start's long input, and for the summaries at their ends.
    await desk.set_viewport_size({"width": 1700, "height": 1500})
    await _save(desk, "ui-history", "Local Activity")
    await _fill_in(desk, "rule", IDS["operator"])
    await _save(desk, "ui-update", "Half of it is done.")
    phone = await (await chromium.new_context(viewport=PHONE)).new_page()
    await _shoot(phone, made.link("freelancer", "1001"), "page-freelancer", "What has happened")
    operator = await (await chromium.new_context(viewport=WIDE)).new_page()
    await _shoot(operator, made.link("operator"), "page-queue", "1005")
    await _shoot(operator, f"{made.pages}/pages/orders/1005", "page-operator", "What has happened")


async def _fill_in(page: "Page", command: str, actor_id: str) -> None:
    # As somebody does who takes the sample from what the dialog itself says of the command.
    await page.set_viewport_size(DIALOG)
    await page.get_by_role("button", name="More Actions").click()
    await page.get_by_role("menuitem", name="Send an Update").click()
    dialog = page.get_by_role("dialog", name="Send an Update")
    await dialog.get_by_role("button", name="Select an Update").click()
    option = dialog.get_by_role("option", name=f"{command} ")
    message = json.loads((await option.inner_text()).partition(" Send ")[2])
    message["actor"]["id"] = actor_id
    await option.click()
    await dialog.get_by_role("textbox").last.click()
    await page.keyboard.insert_text(json.dumps(message, indent=2))


async def _shoot(page: "Page", address: str, name: str, *shows: str) -> None:
    await page.goto(address)
    await _save(page, name, *shows)


async def _save(page: "Page", name: str, *shows: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not all([await _is_shown(page, words) for words in shows]):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.2)
    await asyncio.sleep(AT_REST_AFTER)
    size = page.viewport_size or WIDE
    height = min(size["height"], await page.evaluate("document.body.offsetHeight"))
    # The UI's own menu is left out.
    left = MENU if name.startswith("ui-") else 0
    clip: FloatRect = {"x": left, "y": 0, "width": size["width"] - left, "height": height}
    await page.screenshot(path=IMAGES / f"{name}.png", clip=clip)
    say(f"docs/images/{name}.png")


async def _is_shown(page: "Page", words: str) -> bool:
    from playwright.async_api import Error

    # The UI shows what orders say of themselves in frames of their own, which come and go.
    with suppress(Error):
        return any([await frame.get_by_text(words).count() for frame in page.frames])
    return False


async def main() -> None:
    """Make all pictures anew."""
    forget_the_servers_of_the_shell()
    IMAGES.mkdir(exist_ok=True)
    say("Starting PostgreSQL, a Temporal server with its UI, a worker and the pages, all on loopback …")
    async with market() as made, browser() as chromium:
        for shown in ORDERS:
            await made.bring(shown)
        await photograph(made, chromium)
    say("Nothing is left running.")


if __name__ == "__main__":
    asyncio.run(main())
    time.sleep(0.1)  # a process that leaves at once after the last call of the SDK can crash
