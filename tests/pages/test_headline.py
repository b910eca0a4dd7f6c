"""What the page of an order says first: what was decided, who must act, and whose words are quoted."""

from typing import Any

import pytest

from recourse.resolution.model.record import Reader
from tests.http.conftest import Callers, Orders
from tests.http.conftest import by as by
from tests.http.conftest import http as http
from tests.pages.conftest import Visitor, Visitors, started
from tests.process.conftest import Marketplace

ASK = ("client", "request", {"kind": "cancel", "amount": 2000, "comment": "We stop here."})
ESCALATED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("client", "request", {"kind": "cancel", "reason": "no_longer_needed", "comment": "We stop here."}),
    ("freelancer", "decline", {"comment": "I go on."}),
    ("client", "escalate", {"comment": "Please look at it."}),
)


def now(visitor: Visitor) -> str:
    """The card that says where the order stands."""
    return visitor.words.partition("If nobody does anything")[0].partition("What you can do")[0]


async def ruled(marketplace: Marketplace, order: Orders, **ruling: Any) -> str:
    ruling = {"explanation": "Both were heard.", **ruling}
    # What can be appealed is a key of the policy.
    order_id = await order("resolution_center", {"cases.appeal_window": "3d"})
    for role, command, fields in (*ESCALATED, ("operator", "rule", ruling)):
        assert (await marketplace.by(role, order_id, command, **fields)).applied
    return order_id


@pytest.mark.parametrize("reader", ["client", "freelancer", "operator"])
async def test_a_counter_offer_is_shown_with_the_words_of_who_made_it(
    marketplace: Marketplace, visitor: Visitors, order: Orders, reader: Reader
) -> None:
    countered = ("freelancer", "counter", {"amount": 6000, "comment": "More than half is done."})
    order_id = await started(marketplace, order, ASK, countered, policy="upwork")
    somebody = await visitor(reader)
    await somebody.open(f"orders/{order_id}")
    who = "You write" if reader == "freelancer" else "The freelancer writes"
    assert f"{who} More than half is done." in now(somebody)
    assert "We stop here." not in now(somebody)


async def test_a_counter_offer_without_words_quotes_nobody(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id = await started(marketplace, order, ASK, ("freelancer", "counter", {"amount": 6000}), policy="upwork")
    client = await visitor("client")
    await client.open(f"orders/{order_id}")
    assert "The freelancer answers your request to cancel the order with another amount." in now(client)
    assert "We stop here." not in now(client)


@pytest.mark.parametrize("reader", ["client", "freelancer", "operator"])
@pytest.mark.parametrize(
    ("ruling", "decided", "amount"),
    [
        ({"outcome": "cancel", "amount": 3050}, "The order is canceled", "30.50 USD"),
        ({"outcome": "continue"}, "The order goes on", ""),
    ],
)
async def test_a_ruling_that_can_be_appealed_says_what_was_decided_and_until_when(
    marketplace: Marketplace,
    visitor: Visitors,
    order: Orders,
    reader: Reader,
    ruling: dict[str, Any],
    decided: str,
    amount: str,
) -> None:
    order_id, somebody = await ruled(marketplace, order, **ruling), await visitor(reader)
    await somebody.open(f"orders/{order_id}")
    assert f"Decided: {decided[0].lower()}{decided[1:]}" in now(somebody)
    assert f"Decision {decided}" in now(somebody)
    assert amount in now(somebody)
    assert "Can be appealed until" in now(somebody)
    assert "The operator explains Both were heard." in now(somebody)
    assert "Decided, can be appealed" in now(somebody)
    for untrue in ("A ruling is awaited", "An operator decides", "You will be told", "waits for you"):
        assert untrue not in somebody.words


async def test_who_ruled_is_not_offered_the_appeal(
    marketplace: Marketplace, visitor: Visitors, order: Orders, by: Callers
) -> None:
    order_id = await ruled(marketplace, order, outcome="continue")
    assert (await marketplace.by("client", order_id, "appeal", comment="There is more.")).applied
    for holder, may in (("op-1", False), ("op-2", True)):
        operator = await visitor("operator", holder)
        await operator.open(f"orders/{order_id}")
        assert ("Decide the appeal" in operator.words) is may
        assert ("another operator must decide the appeal" in operator.words) is not may
        assert (f"/orders/{order_id}/rule" in operator.text) is may
        assert (await operator.open(f"orders/{order_id}/rule")).status_code == (200 if may else 409)
        assert ("another operator must decide the appeal" in operator.words) is not may
        own = (await by("operator", holder).get(f"/orders/{order_id}/actions")).json()["actions"]
        asked_for = await by("service").get(f"/orders/{order_id}/actions", **{"as": f"operator:{holder}"})
        assert ("rule" in own) is ("rule" in asked_for.json()["actions"]) is may
    client = await visitor("client")
    await client.open(f"orders/{order_id}")
    assert "Another operator decides the appeal" in now(client)
    assert "First decision The order goes on" in now(client)


async def test_an_order_on_hold_says_so_and_until_when_and_no_deadline_runs(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id = await started(marketplace, order, ASK, policy="upwork")
    operator = await visitor("operator")
    await operator.open(f"orders/{order_id}/hold")
    await operator.submit("preview", explanation="A card may be stolen.")
    await operator.submit("confirm")
    freelancer = await visitor("freelancer")
    for somebody in (operator, freelancer):
        await somebody.open(f"orders/{order_id}")
        assert "This order is on hold" in now(somebody)
        assert "The hold ends by itself on" in now(somebody)
        assert "Answer by" not in somebody.words
    assert "End the hold" in operator.words
    assert "A card may be stolen." in operator.words
    assert "A card may be stolen." not in freelancer.text
    assert f"/orders/{order_id}/accept" not in freelancer.text
    assert f"/orders/{order_id}/decline" in freelancer.text


async def test_an_order_whose_payment_a_bank_disputes_says_so(
    marketplace: Marketplace, visitor: Visitors, order: Orders
) -> None:
    order_id = await started(marketplace, order, ASK, policy="upwork")
    taken = {"event": "chargeback_opened", "amount": 1_000, "reference": "dp_1"}
    system = {"role": "system", "id": "provider"}
    await marketplace.recourse.order(order_id).send("payment_event", {"actor": system, **taken})
    freelancer = await visitor("freelancer")
    await freelancer.open(f"orders/{order_id}")
    assert "The payment is disputed" in now(freelancer)
    assert "The client's bank took 10.00 USD and has not decided yet." in freelancer.words
    assert "Answer by" not in freelancer.words
    assert "dp_1" not in freelancer.text


async def test_a_case_after_completion_says_what_can_come_of_it_and_the_page_keeps_a_debt_from_the_client(
    marketplace: Marketplace, visitor: Visitors
) -> None:
    changes = {"cases.after_completion": "7d", "money.late_refund_from": "freelancer"}
    order_id = await marketplace.order(changes=changes)
    await marketplace.by("freelancer", order_id, "deliver")
    await marketplace.by("client", order_id, "complete")
    client, freelancer, operator = [await visitor(role) for role in ("client", "freelancer", "operator")]
    await client.open(f"orders/{order_id}/escalate")
    await client.submit("preview", comment="Two of five pages are copied.")
    await client.submit("confirm")
    await client.open(f"orders/{order_id}")
    assert "The order stays completed; a part of the price may go back." in now(client)
    await operator.open(f"orders/{order_id}/rule")
    assert "What of the price goes back" in operator.words
    await operator.submit("preview", outcome="refund", amount="40", explanation="Two of five pages.")
    await operator.submit("confirm")
    for somebody, sees in ((client, False), (freelancer, True), (operator, True)):
        await somebody.open(f"orders/{order_id}")
        assert ("the marketplace 32.00 USD" in somebody.words) is sees
