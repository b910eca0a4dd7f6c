"""Signing in by a link, and what keeps others out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from recourse.web.app import make_app
from recourse.web.pages.sessions import COOKIE, LASTS
from recourse.web.tokens import Bearer, sign_token
from tests.http.conftest import KEYS, Orders, token
from tests.pages.conftest import Visitors, sign_in_token
from tests.process.conftest import Marketplace


async def test_a_link_signs_in_and_leads_to_the_order(visitor: Visitors, order: Orders) -> None:
    order_id, somebody = await order(), await visitor()
    answer = await somebody.open(f"sign-in?token={sign_in_token('client')}&order={order_id}")
    assert answer.status_code == 200
    assert answer.url.path == f"/pages/orders/{order_id}"
    assert "token" not in str(answer.url)
    assert f"Order {order_id}" in somebody.words


async def test_the_session_is_a_cookie_that_no_script_and_no_other_site_can_use(visitor: Visitors) -> None:
    somebody = await visitor()
    answer = await somebody.http.get(f"/pages/sign-in?token={sign_in_token('client')}")
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie.startswith(f"{COOKIE}=")
    parts = cookie.split("; ")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=43200"} <= set(parts)
    assert not any(part.startswith("Domain") for part in parts)


async def test_each_role_begins_where_its_work_is(visitor: Visitors) -> None:
    for role, place in (("client", "/pages/orders"), ("freelancer", "/pages/orders"), ("operator", "/pages/queue")):
        somebody = await visitor(role)
        assert somebody.answer.url.path == place


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (lambda: "no token at all", "cannot be used"),
        (lambda: sign_in_token("client", lifetime=-timedelta(minutes=2)), "has expired"),
        (lambda: token("client"), "cannot be used"),
        (lambda: sign_in_token("service"), "names a backend"),
        (lambda: sign_in_token("client")[:-4] + "AAAA", "cannot be used"),
    ],
    ids=["nonsense", "expired", "a token of the API", "a backend's", "changed"],
)
async def test_a_link_that_proves_nothing_signs_nobody_in(visitor: Visitors, bad: Callable[[], str], why: str) -> None:
    somebody = await visitor()
    await somebody.open("sign-in")
    answer = await somebody.submit(token=bad())
    assert answer.status_code == 403
    assert why in somebody.words
    assert (await somebody.open("orders")).status_code == 401


async def test_a_session_is_no_key_to_the_api_and_no_link(visitor: Visitors, order: Orders) -> None:
    somebody, order_id = await visitor("client"), await order()
    signed = somebody.http.cookies[COOKIE]
    answer = await somebody.http.get(f"/orders/{order_id}", headers={"Authorization": f"Bearer {signed}"})
    assert answer.status_code == 401
    assert (await (await visitor()).open(f"sign-in?token={signed}")).status_code == 403


async def test_a_link_for_somebody_else_asks_before_it_switches(visitor: Visitors) -> None:
    somebody = await visitor("client")
    await somebody.open(f"sign-in?token={sign_in_token('freelancer')}")
    assert "Sign in as somebody else?" in somebody.words
    await somebody.submit(proof="0" * 64)
    assert somebody.answer.status_code == 403
    await somebody.open(f"sign-in?token={sign_in_token('freelancer')}")
    await somebody.submit()
    assert "Freelancer f-1" in somebody.words


async def test_a_link_signs_in_once(visitor: Visitors) -> None:
    signed = sign_in_token("client")
    first, second = await visitor(), await visitor()
    assert (await first.open(f"sign-in?token={signed}")).status_code == 200
    assert (await second.open(f"sign-in?token={signed}")).status_code == 403
    assert "This link was used already." in second.words
    # Whoever has a session from it is not sent away, and the link stays used once they have signed out.
    assert (await first.open(f"sign-in?token={signed}")).status_code == 200
    await first.submit()
    assert (await first.open(f"sign-in?token={signed}")).status_code == 403
    without_id = sign_token(KEYS, Bearer(role="client", id="c-1"), "recourse-sign-in", datetime.now(UTC) + LASTS)
    assert (await second.open(f"sign-in?token={without_id}")).status_code == 403
    assert "no id" in second.words


@pytest.mark.parametrize(
    "said", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": ""}, {"Sec-Purpose": "prefetch"}], ids=str
)
async def test_a_link_that_nobody_opened_asks_before_it_signs_in(visitor: Visitors, said: dict[str, str]) -> None:
    """Another site may open it, to have somebody act as somebody else; a scanner of mails may, and use it up."""
    somebody, place = await visitor(), f"/pages/sign-in?token={sign_in_token('client')}"
    for _ in range(2):
        somebody.answer = await somebody.http.get(place, headers=said)
        assert "Go on only if that is you." in somebody.words
        assert COOKIE not in somebody.http.cookies
    await somebody.submit()
    assert "Client c-1" in somebody.words


async def test_another_site_cannot_send_the_form_that_signs_in(visitor: Visitors) -> None:
    somebody, asked = await visitor(), await visitor()
    await asked.open(f"sign-in?token={sign_in_token('client')}", "cross-site")
    proof = asked.fields()[1]["proof"]
    for forged in ("", "0" * 64, *proof):
        form = urlencode({"token": sign_in_token("client"), "proof": forged})
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "none"}
        somebody.answer = await somebody.http.post("/pages/sign-in", content=form, headers=kind)
        assert COOKIE not in somebody.http.cookies


async def test_who_signs_out_is_out_also_with_a_cookie_that_was_kept(visitor: Visitors) -> None:
    somebody = await visitor("client")
    kept = somebody.http.cookies[COOKIE]
    await somebody.submit()
    answer = await somebody.http.get("/pages/orders", headers={"Cookie": f"{COOKIE}={kept}"})
    assert answer.status_code == 401


async def test_a_session_ends_with_a_switch_to_somebody_else(visitor: Visitors) -> None:
    somebody = await visitor("client")
    kept = somebody.http.cookies[COOKIE]
    await somebody.open(f"sign-in?token={sign_in_token('freelancer')}")
    await somebody.submit()
    answer = await somebody.http.get("/pages/orders", headers={"Cookie": f"{COOKIE}={kept}"})
    assert answer.status_code == 401


async def test_a_link_in_a_frame_of_a_site_that_may_show_the_pages_does_not_ask(
    marketplace: Marketplace, visitor: Visitors
) -> None:
    app = make_app(marketplace.recourse, KEYS, frame_ancestors=("https://market.example",))
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}
    place = f"/pages/sign-in?token={sign_in_token('client')}"
    assert (await (await visitor(to=app)).http.get(place, headers=framed)).status_code == 303
    assert (await (await visitor()).http.get(place, headers=framed)).status_code == 200


async def test_who_signs_out_is_out(visitor: Visitors) -> None:
    somebody = await visitor("client")
    await somebody.submit()
    assert somebody.answer.url.path == "/pages/sign-in"
    assert (await somebody.open("orders")).status_code == 401
    assert "You are not signed in" in somebody.words


async def test_a_link_leads_nowhere_but_to_orders_of_ours(visitor: Visitors) -> None:
    somebody = await visitor()
    answer = await somebody.http.get(f"/pages/sign-in?token={sign_in_token('client')}&order=..%2F..%2F%2Fevil.example")
    assert answer.headers["location"] == "/pages/orders/..%2F..%2F%2Fevil.example"


async def test_every_page_says_what_a_browser_may_do_with_it(visitor: Visitors, order: Orders) -> None:
    somebody, order_id = await visitor("client"), await order()
    for place in ("sign-in", "orders", f"orders/{order_id}", f"orders/{order_id}/message", "zone", "nowhere"):
        headers = (await somebody.open(place)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, place
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert " style=" not in somebody.text
        assert "<style" not in somebody.text
        assert "<script>" not in somebody.text


async def test_only_named_sites_may_show_the_pages_in_a_frame(marketplace: Marketplace, visitor: Visitors) -> None:
    app = make_app(marketplace.recourse, KEYS, frame_ancestors=("https://market.example", "https://m.example"))
    somebody = await visitor(to=app)
    answer = await somebody.http.get(f"/pages/sign-in?token={sign_in_token('client')}")
    assert "frame-ancestors https://market.example https://m.example" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers
    # In a frame of another site a browser sends no other cookies.
    assert {"SameSite=None", "Partitioned", "Secure"} <= set(answer.headers["set-cookie"].split("; "))


async def test_times_are_shown_on_the_clock_that_was_chosen(visitor: Visitors, order: Orders) -> None:
    somebody, order_id = await visitor("client"), await order()
    await somebody.open(f"orders/{order_id}")
    assert "UTC+" not in somebody.words
    await somebody.open("zone")
    await somebody.submit(zone="Europe/Nowhere")
    assert somebody.answer.status_code == 422
    assert "Europe/Nowhere" in somebody.text
    await somebody.submit(zone="Asia/Kolkata")
    await somebody.open(f"orders/{order_id}")
    assert "UTC+05:30" in somebody.words
    assert "on the clock of Asia/Kolkata" in somebody.words


async def test_no_other_site_and_nobody_else_chooses_the_clock(visitor: Visitors) -> None:
    somebody = await visitor("client")
    await somebody.open("zone")
    foreign = await somebody.http.post("/pages/zone", data={"zone": "Asia/Kolkata"})
    stranger = await (await visitor()).http.post("/pages/zone", data={"zone": "Asia/Kolkata"})
    await somebody.submit(zone="Asia/Kolkata", follow=False)

    assert [answer.status_code for answer in (foreign, stranger, somebody.answer)] == [403, 401, 303]
    assert "This form cannot be used" in foreign.text
    chosen = [answer.headers.get("set-cookie", "") for answer in (foreign, stranger, somebody.answer)]
    assert ["recourse-zone" in cookie for cookie in chosen] == [False, False, True]
    assert "/pages/zone" not in stranger.text


async def test_what_the_pages_load_is_theirs_and_stays_in_the_browser(visitor: Visitors) -> None:
    somebody = await visitor()
    await somebody.open("sign-in")
    for name, kind in (("pages.css", "text/css"), ("pages.js", "text/javascript"), ("mark.svg", "image/svg+xml")):
        assert f'"/pages/static/{name}?v=' in somebody.text
        answer = await somebody.http.get(f"/pages/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
    assert (await somebody.http.get("/pages/static/base.html")).status_code == 404
