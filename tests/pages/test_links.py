"""Links that sign somebody in: from the command line, and from the marketplace's own backend."""

import pytest

from tests.http.conftest import Callers, Orders, by, http
from tests.http.test_serving import KEYS, run
from tests.pages.conftest import Visitors

__all__ = ["by", "http"]


async def test_a_backend_makes_a_link_for_whoever_has_signed_in_there(
    by: Callers, visitor: Visitors, order: Orders
) -> None:
    order_id, somebody = await order(), await visitor()
    made = await by("service").post("/links", {"role": "freelancer", "id": "f-1", "order_id": order_id})
    assert made.status_code == 201
    await somebody.open(made.json()["path"].removeprefix("/pages/"))
    assert "Freelancer f-1" in somebody.words
    assert f"Order {order_id}" in somebody.words


async def test_nobody_else_makes_links_and_none_lasts_for_long(by: Callers) -> None:
    asked = {"role": "client", "id": "c-1"}
    for role in ("client", "freelancer", "operator"):
        assert (await by(role).post("/links", asked)).status_code == 403
    assert (await by("service").post("/links", {**asked, "lifetime": "2d"})).status_code == 422
    assert (await by("service").post("/links", {**asked, "role": "service"})).status_code == 422


async def test_the_command_line_makes_one_too() -> None:
    status, out, _ = await run(
        *("recourse", "token", "client:c-1", "--link", "https://orders.example/", "--order", "10 01"),
        RECOURSE_TOKEN_KEYS=KEYS,
    )
    assert status == 0
    assert out.startswith("https://orders.example/pages/sign-in?token=")
    assert out.endswith("&order=10+01\n")


async def test_a_backend_has_no_pages() -> None:
    status, _, err = await run(
        "recourse", "token", "service:shop", "--link", "https://x.example", RECOURSE_TOKEN_KEYS=KEYS
    )
    assert status == 2
    assert "has no pages" in err


@pytest.mark.parametrize("bad", ["orders.example", "https://", "https://orders.example:x", "https://orders.example?a"])
async def test_no_link_is_made_to_an_address_that_cannot_be_used(bad: str) -> None:
    status, out, err = await run("recourse", "token", "client:c-3", "--link", bad, RECOURSE_TOKEN_KEYS=KEYS)
    assert (status, out) == (2, "")
    assert "--link: " in err


@pytest.mark.parametrize("bad", ["market.example", "https://*", "https://a.example; script-src *", "'self'"])
async def test_what_is_no_origin_may_embed_nothing(bad: str) -> None:
    settings = {"RECOURSE_TOKEN_KEYS": KEYS, "DATABASE_URL": "postgresql://x@127.0.0.1:9/x"}
    status, _, err = await run("recourse", "serve", RECOURSE_FRAME_ANCESTORS=bad, **settings)
    assert status == 2
    assert "RECOURSE_FRAME_ANCESTORS" in err
    assert "is not an origin" in err
