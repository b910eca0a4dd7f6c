"""Mails and webhooks of a sandbox are kept, and a webhook can be sent once more."""

import re
from typing import Any

import httpx2
import pytest

from recourse.local.process import free_port
from recourse.sandbox.catching import Catcher
from recourse.sandbox.running import Sandbox
from recourse.webhooks import verify_webhook
from tests.activities.receivers import HttpReceiver
from tests.facts.stories import played
from tests.sandbox.conftest import Shop


async def sent(shop: Shop, order_id: str, channel: str) -> list[dict[str, Any]]:
    # Until everything was sent that the order has had to say, its clock does not move.
    await shop.advance(order_id, "1m")
    found = (await shop.get("/sandbox/sent", order=order_id))["sent"]
    return [one for one in found if one["channel"] == channel]


async def test_what_is_mailed_is_kept_also_where_nobody_has_an_address(shop: Shop) -> None:
    order_id = await shop.start(client_email="c@shop.example")
    await shop.give(order_id, "client", "request", kind="cancel")
    await shop.give(order_id, "freelancer", "decline")
    mails = {mail["receiver"]: mail for mail in await sent(shop, order_id, "mail")}
    assert mails["client"]["to"] == mails["client"]["headers"]["To"] == "c@shop.example"
    assert mails["freelancer"]["to"] == "freelancer@sandbox.invalid"
    assert order_id in mails["client"]["body"]
    assert mails["client"]["headers"]["Subject"]


async def test_a_mail_bears_the_brand_and_its_link_signs_the_party_in(shop: Shop) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "client", "request", kind="cancel")
    [mail] = await sent(shop, order_id, "mail")
    assert mail["headers"]["From"] == "orders@market.example"
    assert "The Market" in mail["body"]
    [link] = re.findall(r"http\S+/pages/sign-in\?mail=\S+", mail["body"])
    async with httpx2.AsyncClient(trust_env=False) as browser:
        asked = await browser.get(link)
        assert (asked.status_code, "The Market" in asked.text) == (200, True)
        assert "f-7" in asked.text


async def test_a_webhook_goes_to_its_receiver_and_is_kept_with_the_answer(
    shop: Shop, made: Sandbox, receiver: HttpReceiver
) -> None:
    order_id = await shop.start()
    receiver.will(503)
    await shop.give(order_id, "client", "request", kind="cancel")
    failed, taken = await sent(shop, order_id, "webhook")
    assert (failed["answer"], taken["answer"]) == ("503", "204")
    assert taken["to"] == receiver.url
    assert verify_webhook(made.webhook_secret, taken["headers"], taken["body"])["data"]["order_id"] == order_id


async def test_a_webhook_that_is_repeated_has_the_same_id_and_body(
    shop: Shop, made: Sandbox, receiver: HttpReceiver
) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "client", "request", kind="cancel")
    [first] = await sent(shop, order_id, "webhook")
    answer = await shop.http.post(f"/sandbox/sent/{first['number']}/repeat")
    again = answer.json()
    assert (again["body"], again["headers"]["webhook-id"]) == (first["body"], first["headers"]["webhook-id"])
    assert again["number"] > first["number"]
    assert receiver.ids.count(first["headers"]["webhook-id"]) == 2
    verify_webhook(made.webhook_secret, receiver.requests[-1].headers, receiver.requests[-1].body)


async def test_a_webhook_to_where_nobody_listens_is_kept_and_not_tried_again() -> None:
    catcher = Catcher("whsec_" + "A" * 43 + "=", f"http://127.0.0.1:{free_port()}/hooks")
    life = await played("s03a-silence-on-clients-request")
    for notice in [notice for step in life.steps for notice in step.notices][:2]:
        await catcher.webhooks.send(notice, catcher.webhooks.receivers({})[notice.to])
    assert [one.answer for one in catcher.of(None)] == ["by nobody: nothing listens there"] * 2
    await catcher.webhooks.close()


async def test_only_a_webhook_that_was_sent_is_repeated(shop: Shop) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "client", "request", kind="cancel")
    [mail, *_] = await sent(shop, order_id, "mail")
    for number in (mail["number"], 10**6):
        answer = await shop.http.post(f"/sandbox/sent/{number}/repeat")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_webhook")


async def test_the_page_of_what_was_sent_shows_it_as_text(shop: Shop, made: Sandbox) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "client", "request", kind="cancel", comment="<b>Stop</b>")
    await sent(shop, order_id, "webhook")
    page = (await shop.http.get("/sandbox", params={"order": order_id})).text
    assert f"order {order_id} · request_opened to the freelancer · answered 204" in page
    assert "&lt;b&gt;Stop&lt;/b&gt;" in page
    assert "<b>Stop</b>" not in page
    assert f"{made.url}/pages/sign-in?token=" in page


async def test_pages_of_other_sites_get_nothing(shop: Shop) -> None:
    foreign = await shop.http.post("/sandbox/outages/worker", headers={"Sec-Fetch-Site": "cross-site"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_page")
    assert (await shop.http.get("/sandbox/sent", headers={"Host": "elsewhere.example"})).status_code == 400
    assert (await shop.get("/sandbox/outages")) == {"away": {}}


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "http://127.0.0.1:1", "https://{host}", "null"])
async def test_a_page_of_another_origin_changes_nothing(shop: Shop, origin: str) -> None:
    headers = {"Origin": origin.format(host=shop.http.base_url.netloc.decode())}
    for method, path in (("POST", "outages/worker"), ("DELETE", "outages/worker"), ("PUT", "orders/x/payments")):
        foreign = await shop.http.request(method, f"/sandbox/{path}", headers=headers)
        assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_page")
    assert (await shop.get("/sandbox/outages")) == {"away": {}}


async def test_a_page_of_the_sandbox_itself_may_change_things(shop: Shop, made: Sandbox) -> None:
    for url in (made.url, made.url.replace("127.0.0.1", "localhost")):
        headers = {"Origin": url, "Host": url.removeprefix("http://")}
        own = await shop.http.delete("/sandbox/outages/worker", headers=headers)
        assert own.json() == {"away": {}}
