"""The pages in a browser: with and without its scripts, by keyboard, by impatient people, in a frame."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from recourse.evidence.store import load_store
from recourse.wording.reader import instant
from tests.browser.conftest import PHONE, People, Person, Site, site_on
from tests.http.conftest import IDS


async def test_they_work_where_no_script_runs(site: Site, person: People) -> None:
    order_id = await site.order("resolution_center")
    client = await person("client", order_id, java_script_enabled=False)
    freelancer = await person("freelancer", order_id, java_script_enabled=False)
    await client.page.get_by_role("link", name="Ask to cancel").click()
    await client.tick("Other")
    await client.press("See what it leads to")
    await client.press("Ask to cancel")
    await freelancer.open(order_id)
    main = freelancer.page.locator("main")
    await expect(main).to_contain_text("1 day 23 hours left")
    assert "UTC+" not in await main.inner_text()
    await freelancer.page.get_by_role("link", name="Change the time zone").click()
    await freelancer.fill(Show_times_on_the_clock_of="Asia/Kolkata")
    await freelancer.press("Use this time zone")
    await freelancer.open(order_id)
    await expect(main).to_contain_text("UTC+05:30")
    await freelancer.page.get_by_role("link", name="Accept").click()
    await freelancer.press("See what it leads to")
    await freelancer.press("Accept")
    await expect(main).to_contain_text("This order is canceled")


async def test_an_operator_narrows_the_queue_where_no_script_runs(site: Site, person: People) -> None:
    order_id = await site.order("fiverr_guide")
    for role, command, fields in (
        ("client", "request", {"kind": "cancel", "reason": "other", "comment": "We stopped."}),
        ("freelancer", "decline", {"comment": "I have begun."}),
    ):
        actor = {"role": role, "id": IDS[role]}
        assert (await site.recourse.order(order_id).send(command, {"actor": actor, **fields})).applied
    operator = await person("operator", viewport=PHONE, java_script_enabled=False)
    policy, due = (operator.page.get_by_role("combobox", name=name, exact=True) for name in ("Policy", "Decide by"))
    await policy.select_option("fiverr guide")
    await operator.press("Show")
    main = operator.page.locator("main")
    await expect(main).to_contain_text(order_id)
    await due.select_option("Overdue")
    await operator.press("Show")
    await expect(main).to_contain_text("No case waits that fits these filters.")
    await expect(policy).to_have_value("fiverr_guide")
    await expect(due).to_have_value("overdue")
    await operator.page.get_by_role("link", name="Show all").click()
    await expect(main).to_contain_text(order_id)


async def test_times_are_on_the_readers_clock_and_the_countdown_moves(site: Site, person: People) -> None:
    order_id = await site.order("resolution_center", delivery_time=timedelta(minutes=30))
    client = await person("client", order_id, timezone_id="America/New_York")
    await client.see("UTC-05:00", "29 minutes")
    [first, *_] = await client.page.locator(".left").all_inner_texts()
    await expect(client.page.locator(".left").first).not_to_have_text(first)
    # The script writes instants as the server does.
    for zone, reader in (("America/New_York", client), ("UTC", await person("client", order_id, timezone_id="UTC"))):
        await expect(reader.page.locator("footer")).to_contain_text(zone)
        for shown in await reader.page.locator("time").all():
            at = datetime.fromisoformat(await shown.get_attribute("datetime") or "")
            assert await shown.inner_text() == instant(at, zone)


async def test_a_double_click_confirms_once(site: Site, person: People) -> None:
    order_id = await site.order("resolution_center")
    client = await person("client", order_id)
    await client.fill(Message="Once is enough.")
    await client.page.get_by_role("button", name="Send it").dblclick()
    await client.see("Done.", "Once is enough.")
    await client.choose("Write to the operators")
    await client.fill(Note="Once is enough.")
    await client.press("See what it leads to")
    await client.page.get_by_role("button", name="Send it").dblclick()
    await client.see("Done.")
    assert (await site.recourse.order(order_id).show("client")).record_length == 2


async def test_the_keyboard_is_enough(site: Site, person: People) -> None:
    order_id = await site.order("resolution_center")
    freelancer = await person("freelancer", order_id)
    keyboard = freelancer.page.keyboard

    async def tab_to(name: str) -> None:
        for _ in range(40):
            await keyboard.press("Tab")
            focused = freelancer.page.locator(":focus")
            if (await focused.inner_text()).strip() == name:
                ring = await focused.evaluate("one => getComputedStyle(one).outlineStyle")
                assert ring != "none", name
                return
        raise AssertionError(f"the keyboard does not come to {name!r}")

    await keyboard.press("Tab")
    await expect(freelancer.page.locator(":focus")).to_have_text("Skip to the content")
    await tab_to("Deliver")
    await keyboard.press("Enter")
    await freelancer.page.wait_for_url("**/deliver")
    await tab_to("See what it leads to")
    await keyboard.press("Enter")
    await freelancer.page.get_by_role("heading", name="Check and confirm").wait_for()
    await tab_to("Deliver")
    await keyboard.press("Enter")
    await freelancer.see("Done.")


async def test_nothing_that_a_party_writes_runs(site: Site, person: People) -> None:
    order_id = await site.order("resolution_center")
    script = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"></textarea>"
    client = await person("client", order_id)
    await client.choose("Ask to cancel")
    await client.fill(Explanation=script)
    await client.press("See what it leads to")
    await client.see(script)
    await client.press("Change it")
    assert await client.page.get_by_label("Explanation").input_value() == script
    await client.open(order_id)
    await client.fill(Message=script)
    await client.press("Send it")
    await client.see("Done.", script)
    freelancer = await person("freelancer", order_id)
    await freelancer.see(script)
    assert await freelancer.page.title() == f"Order {order_id} · Resolution Center"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_can_be_read_by_everybody(site: Site, person: People, scheme: str) -> None:
    order_id = await site.order("glimmer", order_id=f"a-very-long-id-{'x' * 60}{scheme}")
    for options in ({"viewport": PHONE}, {}):
        client = await person("client", order_id, color_scheme=scheme, **options)
        for place in (
            "",
            f"orders/{order_id}/request-no-agreement",
            f"orders/{order_id}/add-evidence",
            "zone",
            "nowhere",
        ):
            await client.page.goto(f"{site.address}/pages/{place}")
            await client.check()
        await client.page.goto(f"{site.address}/pages/orders/{order_id}/add-evidence")
        await client.press("See what it leads to")
        await client.see("This was not done")
        operator = await person("operator", color_scheme=scheme, **options)
        for place in ("queue", "queue?policy=glimmer&due=overdue&waits=operator", f"orders/{order_id}"):
            await operator.page.goto(f"{site.address}/pages/{place}")
            await operator.check()
        await operator.page.goto(site.link("client"))
        await operator.see("Sign in as somebody else?")
        await operator.press("Sign out")
        await operator.see("Sign in")


DROP = """([field, names]) => {
    const dropped = new DataTransfer();
    for (const name of names) dropped.items.add(new File([`content of ${name}`], name));
    field.dispatchEvent(new DragEvent("drop", {dataTransfer: dropped, bubbles: true, cancelable: true}));
}"""


KEEPS_HASHES = """() => {
    const submit = HTMLFormElement.prototype.submit;
    HTMLFormElement.prototype.submit = function () {
        sessionStorage.hashes = new FormData(this).getAll("sha256");
        submit.call(this);
    };
}"""


async def test_files_are_dropped_hashed_and_shown(
    chromium: Browser, temporal_address: str, pool: Any, tmp_path: Path
) -> None:
    store = load_store(f"folder:{tmp_path}")
    async with site_on(temporal_address, pool, evidence=store) as site:
        order_id = await site.order("resolution_center")
        client = Person(await chromium.new_page(viewport={"width": 360, "height": 740}), site)
        await client.page.goto(site.link("client", order_id))
        await client.see("Or drop files here.")
        zone = client.page.locator(".field", has=client.page.get_by_label("Files"))
        await client.page.evaluate(DROP, [await zone.element_handle(), ["a.txt", "b.txt"]])
        await client.see("a.txt (0.0 MB), b.txt (0.0 MB)")
        await client.page.evaluate(KEEPS_HASHES)
        await client.fill(Message="Dropped.")
        await client.press("Send it")
        await client.see("Done.", "Dropped.", "a.txt", "b.txt", "checked whenever the file is opened")
        hashes = [hashlib.sha256(f"content of {name}".encode()).hexdigest() for name in ("a.txt", "b.txt")]
        assert await client.page.evaluate("sessionStorage.hashes") == ",".join(hashes)
        # What is too large is said before anything is sent.
        await client.page.evaluate("document.querySelector('input[type=file]').dataset.largest = 5")
        await client.page.evaluate(DROP, [await zone.element_handle(), ["c.txt"]])
        await client.see("c.txt: It is too large. Choose a smaller file.")
        await expect(client.page.get_by_role("button", name="Send it")).to_be_disabled()
        async with client.page.expect_download() as download:
            await client.page.get_by_role("link", name="a.txt").first.click()
        assert (await download.value).suggested_filename == "a.txt"
        # A long text is folded by the style sheet alone.
        await site.recourse.order(order_id).send(
            "message", {"actor": {"role": "client", "id": "c-1"}, "comment": "long\n" * 500}
        )
        await client.open(order_id)
        folded = client.page.locator(".long blockquote")
        assert await folded.evaluate("folded => folded.clientHeight") < 200
        await client.page.get_by_text("Show the whole text").click()
        assert await folded.evaluate("folded => folded.clientHeight") > 5000
        await client.check()
        await client.page.close()


class Market:
    """Another site, with a page that shows `framed` in a frame."""

    def __init__(self) -> None:
        self.address, self.framed = "", ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = f'<!doctype html><title>Market</title><iframe width=900 height=900 src="{escape(self.framed)}"></iframe>'
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
        writer.write(f"{head}{page}".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    made = Market()
    async with await asyncio.start_server(made.answer, "127.0.0.1", 0) as server:
        # Another site than that of the pages, which are on 127.0.0.1.
        made.address = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        yield made


async def test_a_site_that_is_named_embeds_them_and_people_act_there(
    chromium: Browser, temporal_address: str, pool: Any, market: Market
) -> None:
    async with site_on(temporal_address, pool, frame_ancestors=[market.address]) as site:
        order_id = await site.order("resolution_center")
        market.framed = site.link("client", order_id)
        page = await chromium.new_page()
        await page.goto(market.address)
        frame = page.frame_locator("iframe")
        await frame.get_by_label("Message").fill("From within the market.")
        await frame.get_by_role("button", name="Send it").click()
        await expect(frame.locator("blockquote")).to_contain_text("From within the market.")
        await page.close()
        assert (await site.recourse.order(order_id).show("client")).record_length == 1


async def test_no_other_site_embeds_them(site: Site, chromium: Browser, market: Market) -> None:
    market.framed = site.link("client", await site.order("resolution_center"))
    page = await chromium.new_page()
    refusals: list[str] = []
    page.on("console", lambda said: refusals.append(said.text))
    await page.goto(market.address)
    assert await page.frame_locator("iframe").locator("main").count() == 0
    assert any("frame-ancestors" in text or "X-Frame-Options" in text for text in refusals)
    await page.close()


async def test_the_rest_of_a_contract_is_canceled_on_the_page_of_its_group(site: Site, person: People) -> None:
    group = f"g-{secrets.token_hex(3)}"
    orders = [await site.order("upwork", group=group, part=part) for part in (1, 2, 3)]
    for role, command in (("freelancer", "deliver"), ("client", "complete")):
        actor = {"role": role, "id": IDS[role]}
        assert (await site.recourse.order(orders[0]).send(command, {"actor": actor})).applied
    client, freelancer = await person("client", orders[1]), await person("freelancer", orders[1], viewport=PHONE)
    for one in (client, freelancer):
        await one.choose(f"group {group}")
        await one.see("Money together", "Held in escrow", "Part 3")
    await client.choose("Cancel the rest")
    await client.tick("Other")
    await client.fill(
        Explanation="We stop here.",
        What_the_freelancer_gets_for_part_2="25",
        What_the_freelancer_gets_for_part_3="0",
    )
    await client.press("See what it leads to")
    await client.see("Nothing is done yet.", "Part 2", "Part 3", "Orders that are closed stay as they are.")
    await client.press("Cancel the rest")
    await client.see("Sent to the orders of the group.", "Done.", "An answer is awaited")
    await freelancer.page.reload()
    await freelancer.see("Your turn", "An answer is awaited")
