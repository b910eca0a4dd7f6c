"""Payments that fail on request, and parts that are away for a while."""

import asyncio
from typing import Any

import pytest

from recourse.resolution.model.record import Export
from recourse.runtime.names import workflow_id
from recourse.sandbox.running import Sandbox
from recourse.starter.client import Recourse
from tests.patience import PATIENCE
from tests.sandbox.conftest import Shop


async def canceled(shop: Shop, price: int) -> str:
    order_id = await shop.start(price, provider="sandbox")
    await shop.give(order_id, "client", "request", kind="cancel")
    await shop.give(order_id, "freelancer", "accept")
    return order_id


async def asked(shop: Shop, order_id: str) -> list[tuple[str, bool]]:
    attempts = (await shop.get(f"/sandbox/orders/{order_id}/payments"))["attempts"]
    assert len({attempt["payment"]["key"] for attempt in attempts}) == 1
    return [(attempt["answer"], attempt["moved"]) for attempt in attempts]


async def settlement(shop: Shop, order_id: str) -> Any:
    return (await shop.order(order_id))["settlement"]


async def will(shop: Shop, order_id: str, answer: str) -> int:
    return (await shop.http.put(f"/sandbox/orders/{order_id}/payments", json={"answer": answer})).status_code


async def test_a_payment_is_made_unless_a_test_wants_it_otherwise(shop: Shop) -> None:
    order_id = await canceled(shop, 10_000)
    assert await settlement(shop, order_id) == "settled"
    assert await asked(shop, order_id) == [("pay", True)]


async def test_an_amount_that_ends_in_01_fails_until_the_provider_is_told_to_pay(shop: Shop) -> None:
    order_id = await canceled(shop, 10_001)
    assert await settlement(shop, order_id) != "settled"
    await shop.advance(order_id, "6h")
    assert {*await asked(shop, order_id)} == {("fail", False)}
    assert await will(shop, order_id, "pay") == 200
    await shop.advance(order_id, "24h")
    assert await settlement(shop, order_id) == "settled"
    assert (await asked(shop, order_id))[-1] == ("pay", True)


async def test_an_amount_that_ends_in_03_is_paid_once_though_its_first_answer_is_lost(shop: Shop) -> None:
    order_id = await canceled(shop, 10_003)
    await shop.advance(order_id, "6h")
    assert await settlement(shop, order_id) == "settled"
    assert await asked(shop, order_id) == [("lose_answer", True), ("pay", False)]


async def test_a_payment_that_hangs_goes_on_when_the_provider_is_told(shop: Shop) -> None:
    order_id = await shop.start(10_002, provider="sandbox")
    await shop.give(order_id, "client", "request", kind="cancel")
    sent = {"as": "freelancer"}, {"Prefer": "respond-async"}
    await shop.http.post(f"/orders/{order_id}/commands/accept", params=sent[0], headers=sent[1], json={})
    while not await asked_any(shop, order_id):
        pass
    assert await asked(shop, order_id) == [("hang", False)]
    assert await will(shop, order_id, "pay") == 200
    await shop.advance(order_id, "1m")
    assert await settlement(shop, order_id) == "settled"
    assert await asked(shop, order_id) == [("hang", False), ("pay", True)]


async def asked_any(shop: Shop, order_id: str) -> Any:
    return (await shop.get(f"/sandbox/orders/{order_id}/payments"))["attempts"]


async def test_a_provider_does_only_what_it_can(shop: Shop) -> None:
    assert await will(shop, await shop.start(), "steal") == 422
    assert await will(shop, "nobody", "pay") == 404


async def test_what_is_sent_while_the_worker_is_away_is_decided_when_it_is_back(shop: Shop) -> None:
    order_id = await shop.start()
    assert (await shop.http.post("/sandbox/outages/worker")).json() == {"away": {"worker": None}}
    try:
        kept = await shop.http.post(
            f"/orders/{order_id}/commands/request",
            params={"as": "client"},
            headers={"Prefer": "respond-async"},
            json={"kind": "cancel"},
        )
        assert kept.status_code == 202
        assert (await shop.order(order_id))["request"] is None
        stopped = await shop.move(order_id, advance="48h")
        assert (stopped.status_code, stopped.json()["code"]) == (409, "clock_stopped")
        assert "The worker is away" in stopped.json()["detail"]
    finally:
        assert (await shop.http.delete("/sandbox/outages/worker")).json() == {"away": {}}
    await shop.advance(order_id, "47h")
    assert (await shop.order(order_id))["request"]["status"] == "open"


@pytest.mark.parametrize("over_http", [True, False], ids=["over HTTP", "by a client on this machine's clock"])
async def test_what_came_first_while_the_worker_was_away_is_decided_first(
    shop: Shop, made: Sandbox, over_http: bool
) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "client", "request", kind="cancel")
    await shop.advance(order_id, "20h")
    await shop.http.post("/sandbox/outages/worker")
    try:
        withdrawing = asyncio.create_task(shop.give(order_id, "client", "withdraw"))
        workflow = made.recourse.temporal.get_workflow_handle(workflow_id(order_id))
        while not (await workflow.describe()).raw_description.HasField("pending_workflow_task"):
            assert not withdrawing.done(), withdrawing.result()
        withdrawn = await clock(shop, order_id)
        while await clock(shop, order_id) == withdrawn:
            pass
        if over_http:
            sent = {"as": "freelancer"}, {"Prefer": "respond-async"}
            await shop.http.post(f"/orders/{order_id}/commands/accept", params=sent[0], headers=sent[1], json={})
        else:
            elsewhere = Recourse(made.recourse.temporal, made.recourse.pool)
            await elsewhere.order(order_id).signal("accept", {"actor": {"role": "freelancer", "id": "f-7"}})
    finally:
        await shop.http.delete("/sandbox/outages/worker")
    assert (await withdrawing)["status"] == "applied"
    await shop.advance(order_id, "1m")
    record = Export.model_validate(await shop.get(f"/orders/{order_id}/record"))
    given = [entry.content["command"] for entry in record.entries if entry.content and "command" in entry.content]
    assert given == ["request", "withdraw", "accept"]
    assert (await shop.order(order_id))["phase"] == "in_progress"


async def clock(shop: Shop, order_id: str) -> Any:
    return (await shop.get(f"/sandbox/orders/{order_id}/clock"))["now"]


async def test_a_database_that_is_away_for_a_while_comes_back_by_itself(shop: Shop) -> None:
    order_id = await shop.start()
    away = (await shop.http.post("/sandbox/outages/database", json={"lasts": "1s"})).json()
    assert away["away"]["database"] is not None
    answer = await shop.http.get(f"/orders/{order_id}")
    assert answer.status_code in (503, 200)
    async with asyncio.timeout(PATIENCE):
        while (await shop.get("/sandbox/outages"))["away"]:
            pass
    await shop.give(order_id, "client", "request", kind="cancel")
    await shop.advance(order_id, "48h")
    assert (await shop.order(order_id))["phase"] == "canceled"


async def test_a_step_waits_for_the_database(shop: Shop) -> None:
    order_id = await shop.start()
    await shop.http.post("/sandbox/outages/database")
    try:
        answer = await shop.http.get(f"/orders/{order_id}")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unreachable")
    finally:
        await shop.http.delete("/sandbox/outages/database")
    await shop.give(order_id, "client", "message", comment="Hello")


@pytest.mark.parametrize("lasts", ["0s", "2d", "soon", "-1s"])
async def test_an_outage_has_a_length_that_can_be_waited_for(shop: Shop, lasts: str) -> None:
    assert (await shop.http.post("/sandbox/outages/worker", json={"lasts": lasts})).status_code == 422
    assert (await shop.http.post("/sandbox/outages/kitchen")).status_code == 422
    assert (await shop.get("/sandbox/outages")) == {"away": {}}
