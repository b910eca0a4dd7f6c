"""The page of a group: its orders, their money, and the form that cancels the rest."""

import secrets
from typing import Any

import pytest
from temporalio.client import Client

from recourse.starter.recovering import Recovery
from tests.http.conftest import Orders
from tests.pages.conftest import Visitors
from tests.process.conftest import Marketplace


def stop(second: str, third: str) -> Any:
    return {"reason": "other", "comment": "We stop here.", "amount-2": second, "amount-3": third}


@pytest.fixture
async def milestones(marketplace: Marketplace, order: Orders) -> tuple[str, list[str]]:
    """A contract of three milestones, of which the first is done."""
    group = f"g-{secrets.token_hex(4)}"
    orders = [await order("upwork", group=group, part=part) for part in (1, 2, 3)]
    await marketplace.by("freelancer", orders[0], "deliver")
    await marketplace.by("client", orders[0], "complete")
    return group, orders


async def test_the_rest_of_a_group_is_looked_over_for_each_order_and_canceled(
    visitor: Visitors, milestones: tuple[str, list[str]]
) -> None:
    group, orders = milestones
    client, freelancer = await visitor("client"), await visitor("freelancer")
    await client.open(f"orders/{orders[1]}")
    assert f"Part 2 of group {group}" in client.words
    await client.open(f"groups/{group}")
    assert [f"Part {part}: Order {orders[part - 1]}" in client.words for part in (1, 2, 3)] == [True] * 3
    assert "Held in escrow 211.00 USD" in client.words
    assert "Your turn" not in client.words

    await client.open(f"groups/{group}/request-cancel")
    assert "What the freelancer gets for part 2" in client.words
    assert "for part 1" not in client.words
    await client.submit("preview", **stop("25", "x"))
    assert (client.answer.status_code, "This was not done" in client.words) == (422, True)
    await client.submit("preview", **stop("25", "0"))
    assert client.answer.status_code == 200
    for said in ("Part 2 As soon as you confirm", "Part 3 As soon as you confirm", "If it is accepted", "25.00 USD"):
        assert said in client.words
    assert "Part 1" not in client.words
    await client.submit("confirm")
    assert "Sent to the orders of the group." in client.words
    assert client.words.count("Done.") == 2

    await freelancer.open(f"groups/{group}")
    assert freelancer.words.count("Your turn") == 2
    # The client has asked all that are open, so nothing is left to ask.
    await client.open(f"groups/{group}/request-cancel")
    assert client.answer.status_code == 409


async def test_an_order_that_changed_since_its_preview_is_looked_over_again(
    marketplace: Marketplace, visitor: Visitors, milestones: tuple[str, list[str]]
) -> None:
    group, orders = milestones
    client = await visitor("client")
    await client.open(f"groups/{group}/request-cancel")
    await client.submit("preview", **stop("0", "0"))
    await marketplace.by("freelancer", orders[1], "deliver")
    await marketplace.by("client", orders[1], "complete")
    await client.submit("confirm")
    assert (client.answer.status_code, "An order has changed meanwhile" in client.words) == (409, True)
    assert "Part 2" not in client.words
    assert (await marketplace.recourse.order(orders[2]).show("client")).request is None
    await client.submit("confirm")
    assert client.words.count("Done.") == 1
    assert (await marketplace.recourse.order(orders[2]).show("client")).request is not None


async def test_what_one_order_did_not_get_is_confirmed_again(
    client: Client, marketplace: Marketplace, visitor: Visitors, milestones: tuple[str, list[str]]
) -> None:
    group, orders = milestones
    person = await visitor("client")
    await person.open(f"groups/{group}/request-cancel")
    await person.submit("preview", **stop("0", "0"))
    await marketplace.handle(orders[2]).terminate()
    await person.submit("confirm")
    assert (person.answer.status_code, "Not every order answers" in person.words) == (503, True)
    await Recovery(marketplace.recourse).revive(orders[2])
    await person.submit("confirm")
    assert person.words.count("Done.") == 2
    assert [(await marketplace.recourse.order(one).state()).record_length for one in orders[1:]] == [1, 1]


async def test_a_group_is_only_its_parties_and_operators(visitor: Visitors, milestones: tuple[str, list[str]]) -> None:
    group, _ = milestones
    stranger, operator = await visitor("client", "c-2"), await visitor("operator")
    for place in (f"groups/{group}", f"groups/{group}/request-cancel"):
        assert (await stranger.open(place)).status_code == 404
    await operator.open(f"groups/{group}")
    assert (operator.answer.status_code, "Cancel the rest" in operator.words) == (200, False)
    assert (await operator.open(f"groups/{group}/request-cancel")).status_code == 403
    assert (await (await visitor("operator", "f-1")).open(f"groups/{group}")).status_code == 409


async def test_a_preview_that_no_form_made_is_refused(visitor: Visitors, milestones: tuple[str, list[str]]) -> None:
    group, _ = milestones
    client = await visitor("client")
    for message in ("[" * 50_000, r'{"comment": "\ud800"}', "[]"):
        await client.open(f"groups/{group}/request-cancel")
        await client.submit("preview", **stop("25", "0"))
        await client.submit("confirm", message=message)
        assert client.answer.status_code == 422
