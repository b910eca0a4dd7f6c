"""A page of an order of many entries shows the last of them, and leads to the others."""

from typing import Any

import pytest

from recourse.web.pages import order_page
from tests.http.conftest import Orders
from tests.pages.conftest import Visitors, started
from tests.process.conftest import Marketplace


async def test_the_last_entries_are_shown_and_the_others_are_a_link_away(
    visitor: Visitors, order: Orders, marketplace: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_page, "ENTRIES", 4)
    asked: dict[str, Any] = {"kind": "cancel", "reason": "other", "comment": "We stop here."}
    said = [("client", "message", {"comment": f"Word {number}."}) for number in range(8)]
    order_id = await started(marketplace, order, ("client", "request", asked), *said)
    freelancer = await visitor("freelancer")

    await freelancer.open(f"orders/{order_id}")
    assert [number for number in range(8) if f"Word {number}." in freelancer.words] == [4, 5, 6, 7]
    assert "The order was placed" not in freelancer.words
    # What is to be answered is said, however long ago that was.
    assert "We stop here." in freelancer.words

    for numbers in ([0, 1, 2, 3], []):
        # The same page in other languages has the place of this one.
        parts = [part for part in freelancer.text.split('"') if part.startswith("?before=")]
        [place] = [part for part in parts if "lang=" not in part]
        await freelancer.open(f"orders/{order_id}{place}")
        assert [number for number in range(8) if f"Word {number}." in freelancer.words] == numbers
    assert "The order was placed" in freelancer.words
    assert 'rel="next"' not in freelancer.text
    assert "The latest" in freelancer.words


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "1'"])
async def test_a_place_that_cannot_be_read_is_the_end(visitor: Visitors, order: Orders, before: str) -> None:
    order_id = await order()
    client = await visitor("client")
    assert (await client.open(f"orders/{order_id}?before={before}")).status_code == 200
    assert "The order was placed" in client.words
