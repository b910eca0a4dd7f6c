"""Groups of orders on real servers: who belongs together, one command to all, and what is repeated."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recourse.database.lists import Wanted
from recourse.errors import BadInput, NoSuchGroup, NotOfTheGroup, Unanswered
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.runtime.search_attributes import GROUP
from recourse.starter.client import Recourse
from recourse.starter.groups import GroupHandle
from recourse.starter.recovering import Recovery
from tests.process.conftest import Marketplace

CLIENT = {"role": "client", "id": "c-1"}
CANCEL = {"actor": CLIENT, "kind": "cancel", "reason": "other", "comment": "We stop here."}


async def milestones(marketplace: Marketplace, count: int = 3, **terms: Any) -> tuple[GroupHandle, list[str]]:
    """A group of so many orders that can be read."""
    group = f"g-{secrets.token_hex(4)}"
    orders = [await marketplace.order("upwork", group=group, part=part + 1, **terms) for part in range(count)]
    for order_id in orders:
        assert await marketplace.recourse.order(order_id).soon_written()
    return marketplace.recourse.group(group), orders


def said(outcomes: list[Outcome]) -> list[str]:
    return [outcome.code if isinstance(outcome, Refused) else outcome.status for outcome in outcomes]


async def test_the_rest_of_a_group_is_canceled_with_an_amount_for_each_part(marketplace: Marketplace) -> None:
    group, orders = await milestones(marketplace)
    await marketplace.by("freelancer", orders[0], "deliver")
    await marketplace.by("client", orders[0], "complete")

    outcomes = await group.send("request", {**CANCEL, "amounts": {1: 0, 2: 2_500, 3: 0}, "command_id": "rest"})

    assert [outcome.order_id for outcome in outcomes] == orders
    assert {outcome.command_id for outcome in outcomes} == {"rest"}
    assert said(outcomes) == ["order_closed", "applied", "applied"]
    shown = await group.show("client")
    assert [order.request.amount if order.request else None for order in shown.orders] == [None, 2_500, 0]
    assert [order.part for order in shown.orders] == [1, 2, 3]
    assert shown.orders[0].phase == "completed"
    assert shown.turn == ["freelancer"]

    answers = await group.send("accept", {"actor": {"role": "freelancer", "id": "f-1"}})
    assert said(answers) == ["order_closed", "applied", "applied"]
    after = await group.show("operator")
    assert sum(after.money["USD"].parts.values()) == 3 * 10_550
    assert (after.money["USD"].held, after.turn, after.next) == (0, [], None)


async def test_an_amount_for_all_and_what_no_group_takes_reach_no_order(marketplace: Marketplace) -> None:
    group, orders = await milestones(marketplace, 2)
    assert said(await group.send("request", {**CANCEL, "amount": 0})) == ["malformed", "malformed"]
    assert said(await group.send("deliver", {"actor": {"role": "freelancer", "id": "f-1"}})) == ["unknown_command"] * 2
    with pytest.raises(BadInput):
        await group.send("message", {"comment": "Hello"})
    assert [(await marketplace.recourse.order(one).state()).record_length for one in orders] == [0, 0]


async def test_the_same_id_again_gets_the_same_answers_and_no_order_that_came_later(marketplace: Marketplace) -> None:
    group, orders = await milestones(marketplace, 2, ordered_at=datetime.now(UTC) - timedelta(hours=1))
    sent = {**CANCEL, "amounts": {1: 0, 2: 0}, "command_id": "rest"}
    first = await group.send("request", sent)
    assert said(first) == ["applied", "applied"]
    later = datetime.now(UTC) + timedelta(minutes=1)
    third = await marketplace.order("upwork", group=group.id, part=3, ordered_at=later)
    assert await marketplace.recourse.order(third).soon_written()

    again = await group.send("request", sent)

    assert [outcome.model_copy(update={"repeated": False}) for outcome in again] == first
    assert [outcome.order_id for outcome in again] == orders
    assert said(await group.send("request", {**sent, "kind": "update"})) == ["command_id_reused"] * 2


async def test_what_one_order_did_not_get_is_sent_again_under_the_same_id(marketplace: Marketplace) -> None:
    group, orders = await milestones(marketplace)
    await marketplace.handle(orders[2]).terminate()

    hello = {"actor": CLIENT, "comment": "Hello"}
    with pytest.raises(Unanswered, match="1 of 3 orders") as failed:
        await group.send("message", hello)
    command_id = failed.value.command_id
    assert command_id is not None
    await Recovery(marketplace.recourse).revive(orders[2])
    again = await group.send("message", {**hello, "command_id": command_id})

    assert [(outcome.status, outcome.repeated) for outcome in again] == [
        ("applied", True),
        ("applied", True),
        ("applied", False),
    ]
    assert [(await marketplace.recourse.order(one).state()).record_length for one in orders] == [1, 1, 1]


async def test_a_group_is_of_two_parties_with_one_order_for_each_part(marketplace: Marketplace) -> None:
    group, orders = await milestones(marketplace, 1)
    with pytest.raises(NotOfTheGroup, match="belongs to other parties"):
        await marketplace.order(group=group.id, part=2, freelancer="f-2")
    with pytest.raises(NotOfTheGroup, match=f"has order {orders[0]} as part 1"):
        await marketplace.order(group=group.id, part=1)

    # While the database is away nobody knows, so the order starts; it belongs to no view of the others.
    blind = Marketplace(Recourse(marketplace.client, task_queue=marketplace.queue), marketplace.queue)
    stranger = await blind.order(group=group.id, part=2, freelancer="f-2", order_id=f"{orders[0]}-z")
    assert await marketplace.recourse.order(stranger).soon_written()
    for reader in ("client", "operator"):
        assert [order.order_id for order in (await group.show(reader)).orders] == orders
    mine = await group.members("freelancer", "f-2")
    assert [member.order_id for member in mine] == [stranger]
    with pytest.raises(NoSuchGroup):
        await group.send("message", {"actor": {"role": "client", "id": "c-9"}, "comment": "Hello"})


async def test_a_group_is_found_in_lists_and_in_temporal(marketplace: Marketplace) -> None:
    group, orders = await milestones(marketplace, 2)
    alone = await marketplace.order()
    listed = await marketplace.recourse.list(Wanted(group_id=group.id))
    assert [row.order_id for row in listed] == sorted(orders)
    found = [(await marketplace.handle(one).describe()).typed_search_attributes.get(GROUP) for one in [*orders, alone]]
    assert found == [group.id, group.id, None]
    assert f"**Group** `{group.id}`, part 2" in str((await marketplace.handle(orders[1]).describe()).static_details)
