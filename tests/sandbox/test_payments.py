"""A provider that can never pay, whose payments come back, and whose clients' banks take money back."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.activities.reporting_bank import HEADER, event, signature
from tests.patience import PATIENCE
from tests.sandbox.conftest import Shop
from tests.sandbox.test_faults import canceled, will


async def until(shop: Shop, order_id: str, **so: Any) -> Any:
    """The order, as soon as it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            order = await shop.order(order_id)
            if {name: order[name] for name in so} == so:
                return order


async def reported(shop: Shop, order_id: str, **report: Any) -> tuple[int, Any]:
    answer = await shop.http.post(f"/sandbox/orders/{order_id}/payments/events", json=report)
    return answer.status_code, answer.json()


async def test_an_amount_that_ends_in_04_can_never_be_paid_until_an_operator_has_it_made_again(shop: Shop) -> None:
    order_id = await canceled(shop, 10_004)
    order = await until(shop, order_id, settlement="blocked")
    [leg] = order["payments"]
    assert (leg["leg"], leg["status"], leg["reason"]) == ("1.refund", "blocked", "The account is closed.")
    assert await will(shop, order_id, "pay") == 200
    await shop.give(order_id, "operator:op-1", "retry_payment", leg="1.refund")
    await until(shop, order_id, settlement="settled")


async def test_an_amount_that_ends_in_05_is_paid_and_comes_back(shop: Shop) -> None:
    order_id = await canceled(shop, 10_005)
    order = await until(shop, order_id, settlement="blocked")
    assert [leg["status"] for leg in order["payments"]] == ["returned"]
    assert order["money"]["held"] == 10_005
    told = [sent["name"] for sent in (await shop.get("/sandbox/sent", order=order_id))["sent"]]
    assert "money_settled" not in told
    hand = {"leg": "1.refund", "reference": "WIRE-7", "explanation": "Paid by our bank."}
    await shop.give(order_id, "operator:op-1", "settle_by_hand", **hand)
    assert (await shop.order(order_id))["settlement"] == "settled"


async def test_an_amount_that_ends_in_06_is_paid_and_the_clients_bank_takes_all_of_it_back(shop: Shop) -> None:
    order_id = await canceled(shop, 10_006)
    async with asyncio.timeout(PATIENCE):
        while not (taken := (await shop.order(order_id))["chargeback"]):
            pass
    assert (taken["amount"], taken["status"]) == (10_006, "open")
    assert taken["respond_by"] is not None


@pytest.mark.parametrize(("outcome", "phase", "client"), [("won", "in_progress", 0), ("lost", "canceled", 10_000)])
async def test_a_chargeback_is_opened_and_closed_on_request(shop: Shop, outcome: str, phase: str, client: int) -> None:
    order_id = await shop.start(provider="sandbox")
    status, answer = await reported(shop, order_id, event="chargeback_opened")
    assert (status, answer["status"]) == (200, "applied")
    order = await shop.order(order_id)
    assert (order["chargeback"]["amount"], order["money"]["contested"]) == (10_000, 10_000)
    assert await reported(shop, order_id, event="chargeback_closed", outcome=outcome)
    order = await shop.order(order_id)
    assert (order["chargeback"]["status"], order["phase"], order["money"]["client"]) == (outcome, phase, client)


async def test_the_bank_gives_seven_days_on_the_orders_own_clock(shop: Shop) -> None:
    order_id = await shop.start(provider="sandbox")
    now = await shop.advance(order_id, "30d")
    await reported(shop, order_id, event="chargeback_opened", amount=4_000, reference="dp_1")
    taken = (await shop.order(order_id))["chargeback"]
    assert taken["amount"] == 4_000
    assert 6 <= (datetime.fromisoformat(taken["respond_by"]) - now).days <= 7


@pytest.mark.parametrize(
    ("report", "status", "code"),
    [
        ({"event": "returned", "leg": "1.payout"}, 409, "no_such_payment"),
        ({"event": "returned"}, 422, "malformed"),
        ({"event": "chargeback_closed", "outcome": "won"}, 409, "no_chargeback"),
        ({"event": "chargeback_opened", "amount": 10_001}, 422, "amount_out_of_range"),
        ({"event": "chargeback_opened", "amount": "all"}, 422, "malformed"),
        ({"event": "stolen"}, 422, "malformed"),
    ],
)
async def test_a_report_that_an_order_cannot_take_says_why_and_changes_nothing(
    shop: Shop, report: dict[str, Any], status: int, code: str
) -> None:
    order_id = await shop.start(provider="sandbox")
    answered, problem = await reported(shop, order_id, **report)
    assert (answered, problem["code"]) == (status, code)
    assert (await shop.order(order_id))["chargeback"] is None


async def test_nothing_is_reported_of_an_order_that_there_is_not(shop: Shop) -> None:
    status, _ = await reported(shop, "nobody", event="returned", leg="1.payout")
    assert status == 404


async def test_a_provider_of_your_own_pays_and_posts_its_events(shop: Shop) -> None:
    order_id = await shop.start(provider="bank")
    await shop.give(order_id, "client", "request", kind="cancel")
    await shop.advance(order_id, "48h")
    await until(shop, order_id, settlement="settled")
    body = event(f"evt-{order_id}", {"order": order_id, "event": "returned", "leg": "1.refund"})
    answer = await shop.http.post("/payments/bank/events", content=body, headers={HEADER: signature(body)})
    assert [one["result"] for one in answer.json()["reports"]] == ["taken"]
    assert [leg["status"] for leg in (await shop.order(order_id))["payments"]] == ["returned"]
    await shop.give(order_id, "operator:op-1", "retry_payment", leg="1.refund")
    await until(shop, order_id, settlement="settled")
