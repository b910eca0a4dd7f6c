"""Pages under a marketplace's own name and colour, links in its mails, and the way back to it."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from recourse.resolution.model.display import Display
from recourse.runtime.brand import DARK, ENOUGH, LIGHT, Brand, contrast, read_color
from recourse.runtime.keys import KeyRing
from recourse.runtime.mail_links import mail_link
from recourse.web.app import make_app
from recourse.web.pages.sessions import COOKIE
from tests.http.conftest import KEYS, Orders
from tests.pages.conftest import SITE, Visitors, sign_in_token
from tests.process.conftest import Marketplace

LINKS = KeyRing({"mail": b"m" * 32})
GLIMMER = Brand("Glimmer <3", "https://cdn.example/logo.png", "#ffd400", "https://glimmer.example/orders")


@pytest.fixture
def branded(app: FastAPI) -> FastAPI:
    return make_app(app.state.site.recourse, KEYS, link_keys=LINKS, brand=GLIMMER)


@pytest.mark.parametrize("color", ["#ffd400", "#1d4f91", "#000000", "#ffffff", "#808080", "#ff0000"])
def test_any_colour_can_be_read_in_both_schemes(color: str) -> None:
    light, dark = Brand(color=color).shades
    assert contrast(light, LIGHT) >= ENOUGH
    assert contrast(dark, DARK) >= ENOUGH
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert Brand(color="#1d4f91").shades[0] == "#1d4f91"
    with pytest.raises(ValueError, match="is not a colour such as #1d4f91"):
        read_color("blue")


async def test_pages_bear_the_name_the_logo_and_the_colour_of_the_marketplace(
    visitor: Visitors, branded: FastAPI
) -> None:
    client = await visitor("client", to=branded)
    assert "<title>Your orders · Glimmer &lt;3</title>" in client.text
    assert 'href="https://glimmer.example/orders">Back to <bdi>Glimmer &lt;3</bdi></a>' in client.text
    assert "img-src 'self' https://cdn.example;" in client.answer.headers["content-security-policy"]
    [place] = re.findall(r'href="/pages/(static/brand\.css[^"]+)"', client.text)
    sheet = await client.open(place)
    assert sheet.headers["content-type"].startswith("text/css")
    assert sheet.text == GLIMMER.css
    assert "Resolution Center" not in client.text


async def test_a_link_of_a_mail_signs_in_once_and_only_by_its_button(
    marketplace: Marketplace, visitor: Visitors, order: Orders, branded: FastAPI
) -> None:
    order_id, reader, late = await order(), await visitor(to=branded), await visitor(to=branded)
    await marketplace.recourse.order(order_id).set_display(
        Display(title="Logo", client_name="Ben", freelancer_name="Ada")
    )
    place = mail_link(SITE, LINKS, "client", "c-1", order_id, datetime.now(UTC)).partition("/pages/")[2]
    for _ in range(2):  # a scanner opens it as a browser does
        await reader.open(place)
        assert "Logo, with Ada" in reader.words
        assert COOKIE not in reader.http.cookies
    await reader.submit()
    assert reader.answer.url.path == f"/pages/orders/{order_id}"
    # It leads on whoever it has signed in, and nobody else.
    assert (await reader.open(place)).url.path == f"/pages/orders/{order_id}"
    await late.open(place)
    await late.submit()
    assert late.answer.status_code == 403
    assert "This link was used already." in late.words
    assert 'href="https://glimmer.example/orders">Go back to <bdi>Glimmer &lt;3</bdi></a>' in late.text


@pytest.mark.parametrize("other", ["o\0", "x" * 300, None])
async def test_a_link_of_a_mail_says_nothing_of_orders_of_others(
    marketplace: Marketplace, visitor: Visitors, order: Orders, branded: FastAPI, other: str | None
) -> None:
    order_id, reader = await order(), await visitor(to=branded)
    await marketplace.recourse.order(order_id).set_display(
        Display(title="Logo", client_name="Ben", freelancer_name="Ada")
    )
    asked = order_id if other is None else other
    place = mail_link(SITE, LINKS, "client", "c-2", asked, datetime.now(UTC)).partition("/pages/")[2]
    assert (await reader.open(place)).status_code == 200
    assert "Continue as c-2" in reader.words
    assert not {"Logo", "Ben", "Ada"} & set(re.findall(r"\w+", reader.words))


async def test_a_link_that_is_read_a_week_later_leads_back_to_the_marketplace(
    visitor: Visitors, branded: FastAPI
) -> None:
    somebody = await visitor(to=branded)
    written = datetime.now(UTC) - timedelta(days=7)
    for place in (
        mail_link(SITE, LINKS, "client", "c-1", "o-1", written).partition("/pages/")[2],
        f"sign-in?token={sign_in_token('client', lifetime=timedelta(days=-7))}",
    ):
        assert (await somebody.open(place)).status_code == 403
        assert "This link has expired. Open your order at the marketplace again: it leads back here." in somebody.words
        assert 'href="https://glimmer.example/orders">Go back to' in somebody.text


async def test_the_keys_of_mails_open_no_other_door(visitor: Visitors, branded: FastAPI) -> None:
    somebody = await visitor(to=branded)
    for role in ("operator", "service"):
        place = mail_link(SITE, LINKS, role, "op-1", "", datetime.now(UTC)).partition("/pages/")[2]
        assert (await somebody.open(place)).status_code == 403
    signed = urlsplit(mail_link(SITE, LINKS, "client", "c-1", "", datetime.now(UTC))).query.partition("mail=")[2]
    assert (await somebody.open(f"sign-in?token={signed.partition('&')[0]}")).status_code == 403
    assert (await somebody.open(f"sign-in?mail={sign_in_token('client')}")).status_code == 403
