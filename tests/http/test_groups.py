"""Groups over HTTP: who sees which orders of one, and one command to all of them."""

import secrets

from tests.http.conftest import Callers, Orders
from tests.process.conftest import Marketplace

COMMENT = {"kind": "cancel", "reason": "other", "comment": "We stop here."}


async def milestones(order: Orders) -> tuple[str, list[str]]:
    group = f"g-{secrets.token_hex(4)}"
    return group, [await order("upwork", group=group, part=part) for part in (1, 2)]


async def test_a_group_is_what_the_rules_say_and_nothing_to_others(
    marketplace: Marketplace, order: Orders, by: Callers
) -> None:
    group, orders = await milestones(order)
    await by("client").give(orders[0], "request", **COMMENT, amount=0, private_note="PRIVATE-MARKER")
    for reader in ("client", "freelancer", "operator"):
        answer = await by(reader).get(f"/groups/{group}")
        assert answer.json() == (await marketplace.recourse.group(group).show(reader)).model_dump(mode="json")
        assert ("PRIVATE-MARKER" in answer.text) is (reader == "operator")
        listed = (await by(reader).get("/orders", group=group)).json()["orders"]
        assert [row["order_id"] for row in listed] == sorted(orders)
    assert (await by("service").get(f"/groups/{group}", **{"as": "client"})).json()["money"]["USD"]["held"] == 21_100

    hello = {"comment": "Hello"}
    for stranger in (by("client", "c-2"), by("freelancer", "c-1")):
        for answer in (
            await stranger.get(f"/groups/{group}"),
            await stranger.post(f"/groups/{group}/commands/message", hello),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "no_such_group")
        assert (await stranger.get("/orders", group=group)).json()["orders"] == []
    conflict = await by("operator", "c-1").get(f"/groups/{group}")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "conflict_of_interest")
    assert (await by("client").get("/groups/%00")).status_code == 404


async def test_a_command_to_a_group_is_answered_for_each_order(order: Orders, by: Callers) -> None:
    group, orders = await milestones(order)
    path, key = f"/groups/{group}/commands/request", {"Idempotency_Key": "rest"}
    body = {**COMMENT, "amounts": {"1": 0, "2": 2_500}}
    answer = await by("client").post(path, body, **key)
    assert answer.status_code == 200
    assert answer.json()["command_id"] == "rest"
    assert [(one["order_id"], one["status"]) for one in answer.json()["outcomes"]] == [
        (orders[0], "applied"),
        (orders[1], "applied"),
    ]
    again = await by("service").post(path, body, as_="client", **key)
    assert [one["repeated"] for one in again.json()["outcomes"]] == [True, True]

    declined = await by("freelancer").give(orders[1], "decline", comment="It is done.")
    assert declined.status_code == 200
    mixed = await by("freelancer").post(f"/groups/{group}/commands/accept")
    assert [one.get("code", one["status"]) for one in mixed.json()["outcomes"]] == ["applied", "no_open_request"]


async def test_a_message_that_no_order_can_be_sent_is_refused_as_a_whole(order: Orders, by: Callers) -> None:
    group, orders = await milestones(order)
    answer = await by("client").post(f"/groups/{group}/commands/request", {**COMMENT, "amount": 0})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert "by part" in answer.json()["details"]["problems"]["amount"]
    assert (await by("client").post(f"/groups/{group}/commands/complete")).json()["code"] == "not_found"
    for order_id in orders:
        assert (await by("operator").get(f"/orders/{order_id}")).json()["record_length"] == 0


async def test_an_order_that_does_not_fit_its_group_does_not_start(order: Orders, by: Callers) -> None:
    group, orders = await milestones(order)
    terms = {
        "order_id": f"{orders[0]}-b",
        "client": "c-1",
        "freelancer": "f-2",
        "price": 100,
        "delivery_time": "5d",
        "ordered_at": "2026-01-01T00:00:00Z",
        "group": group,
        "part": 3,
    }
    answer = await by("service").post("/orders", {"terms": terms})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_of_the_group")
    answer = await by("service").post("/orders", {"terms": {**terms, "freelancer": "f-1", "part": 1}})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_of_the_group")
    answer = await by("service").post("/orders", {"terms": {**terms, "group": None}})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
