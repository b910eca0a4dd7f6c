"""A party's orders, and the operators' queue."""

from datetime import timedelta
from itertools import repeat
from typing import Any
from urllib.parse import urlencode

import pytest

from recourse.database.lists import undecided_cases
from recourse.web.app import make_app
from recourse.web.pages import lists
from recourse.wording import texts
from tests.http.conftest import KEYS, Orders
from tests.pages.conftest import Visitors, started
from tests.process.conftest import Marketplace

ESCALATED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("client", "request", {"kind": "cancel", "comment": "We stopped."}),
    ("freelancer", "decline", {"comment": "I have begun."}),
    ("client", "escalate", {}),
)


async def test_a_party_finds_its_orders_and_sees_where_it_is_its_turn(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    waiting, working = await started(marketplace, order, ("freelancer", "deliver", {})), await order()
    client = await visitor("client")
    lines = client.text.split("</li>")
    mine = {order_id: next(line for line in lines if order_id in line) for order_id in (waiting, working)}
    assert "Your turn" in mine[waiting]
    assert "Your turn" not in mine[working]


async def test_a_long_list_is_read_a_page_at_a_time(visitor: Visitors, order: Orders) -> None:
    ids = {await order() for _ in range(27)}
    client = await visitor("client")
    first = {order_id for order_id in ids if f"/orders/{order_id}" in client.text}
    assert len(first) == 25
    await client.go_on()
    assert ids - first == {order_id for order_id in ids if f"/orders/{order_id}" in client.text}
    assert 'rel="next"' not in client.text


async def test_the_queue_holds_the_cases_that_wait_and_can_be_narrowed(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    fresh = await started(marketplace, order, *ESCALATED)
    proposed = await started(
        marketplace, order, *ESCALATED, ("operator", "propose", {"amount": 5000, "explanation": "Half each."})
    )
    calm, operator = await order(), await visitor("operator")
    assert fresh in operator.text
    assert proposed in operator.text
    assert calm not in operator.text
    assert "Both parties" in operator.words
    await operator.open("queue?waits=operator")
    assert fresh in operator.text
    assert proposed not in operator.text
    await operator.open("queue?stage=ruling")
    assert "No case waits that fits these filters" in operator.words
    assert (await operator.open("queue?after=nonsense")).status_code == 422
    assert (await operator.open("queue?after=2026-01-01T00:00Z~t%00")).status_code == 422


async def test_the_queue_is_narrowed_to_the_cases_of_one_policy(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    one = await started(marketplace, order, *ESCALATED)
    other = await started(marketplace, order, *ESCALATED[:2], policy="fiverr_guide")
    operator = await visitor("operator")
    assert "Policy All fiverr guide resolution center" in operator.words
    await operator.open("queue?policy=fiverr_guide")
    assert (one in operator.text, other in operator.text) == (False, True)
    assert operator.fields("/queue")[1]["policy"] == ["fiverr_guide"]
    await operator.open("queue?policy=that-nobody-has%00")
    assert "No case waits that fits these filters" in operator.words
    assert operator.fields("/queue")[1]["policy"] == ["that-nobody-has"]


async def test_the_queue_is_narrowed_to_what_is_overdue_or_due_soon(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id = await started(marketplace, order, *ESCALATED)
    [row] = await undecided_cases(marketplace.recourse.pool)
    for early, found in (
        (timedelta(days=7, minutes=1), {""}),
        (timedelta(days=6), {"", "week"}),
        (timedelta(hours=23), {"", "week", "day"}),
        (timedelta(0), {"", "week", "day", "overdue"}),
    ):
        clock = repeat(row.due_at - early)
        operator = await visitor("operator", to=make_app(marketplace.recourse, KEYS, now=clock.__next__))
        for due in ("", "week", "day", "overdue", "in a while"):
            await operator.open(f"queue?due={due}")
            assert (order_id in operator.text) == (due in found or due == "in a while"), (early, due)
            assert operator.fields("/queue")[1].get("due", []) == ([due] if due in texts("due", "choice") else [])


async def test_the_next_page_of_the_queue_has_the_same_filters(
    marketplace: Marketplace, visitor: Visitors, order: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE", 2)
    ids = [await started(marketplace, order, *ESCALATED) for _ in range(3)]
    other = await started(marketplace, order, *ESCALATED[:2], policy="fiverr_guide")
    due_at = max(row.due_at for row in await undecided_cases(marketplace.recourse.pool))
    operator = await visitor("operator", to=make_app(marketplace.recourse, KEYS, now=lambda: due_at))
    filters = {"stage": "mediation", "policy": "resolution_center", "due": "overdue", "waits": "operator"}
    await operator.open(f"queue?{urlencode(filters)}")
    first = {order_id for order_id in ids if f"/orders/{order_id}" in operator.text}
    assert len(first) == 2
    await operator.go_on()
    assert {order_id for order_id in ids if f"/orders/{order_id}" in operator.text} == set(ids) - first
    assert other not in operator.text
    assert operator.fields("/queue")[1] == {name: [value] for name, value in filters.items()}
    # What the form sends begins at the first page again.
    assert "after" not in operator.fields("/queue")[1]


async def test_an_operator_opens_any_order_by_its_id(visitor: Visitors, order: Orders) -> None:
    order_id, operator = await order(), await visitor("operator")
    answer = await operator.open(f"orders?order={order_id}")
    assert answer.url.path == f"/pages/orders/{order_id}"
    assert "The two parties" in operator.words


async def test_an_operator_rules_after_seeing_where_the_money_goes(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id, operator = await started(marketplace, order, *ESCALATED), await visitor("operator")
    await operator.open(f"orders/{order_id}")
    assert "Propose or rule" in operator.words
    assert "I have begun." in operator.words
    await operator.open(f"orders/{order_id}/rule")
    assert (await operator.submit("preview", outcome="cancel", amount="50")).status_code == 422
    assert "Write something here." in operator.words
    await operator.submit("preview", outcome="cancel", amount="50", explanation="Half of it is there.")
    assert "40.00 USD" in operator.words
    await operator.submit("confirm")
    seen = await marketplace.recourse.order(order_id).show("operator")
    assert (seen.phase, seen.money.freelancer) == ("canceled", 4000)
    client = await visitor("client")
    await client.open(f"orders/{order_id}")
    assert "Half of it is there." in client.words
    assert "op-1" not in client.words
