"""The payment port: asked until it has paid, always for the same payment under the same key, and paid for once."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from recourse.activities.paying import BadProvider, PaymentProvider, load_providers
from recourse.database.orders import read_balances
from recourse.policies import load_policy
from recourse.resolution.model.order import Terms
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.activities.bank import Bank
from tests.outcomes import applied

CLIENT = {"role": "client", "id": "c-1"}


class Shop:
    """A marketplace with a payment provider, on a server whose time can be skipped."""

    def __init__(self, client: Client, pool: Any, queue: str) -> None:
        self.skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=10_000))
        self.recourse = Recourse(self.skipper.client, pool, task_queue=queue)

    async def canceled(self, provider: str) -> str:
        """An order that is canceled at once, its money back to the client."""
        terms = Terms(
            order_id=f"pay-{secrets.token_hex(4)}",
            client="c-1",
            freelancer="f-1",
            price=10_000,
            service_fee=550,
            ordered_at=datetime.now(UTC),
            delivery_time=timedelta(days=5),
            requirements="awaited",
        )
        await self.recourse.start(terms, load_policy("resolution_center"), provider=provider)
        outcome = await self.recourse.order(terms.order_id).send("request", {"actor": CLIENT, "kind": "cancel"})
        assert outcome.applied
        assert applied(outcome).phase == "canceled"
        return terms.order_id

    async def wait(self, order_id: str, until: timedelta) -> None:
        """Let time pass, and what falls due be written."""
        handle = self.recourse.temporal.get_workflow_handle(workflow_id(order_id))
        await self.skipper.fast_forward(handle, until)
        # Whatever was due is decided before the next message is.
        await self.recourse.order(order_id).send("message", {"actor": CLIENT, "comment": "Is it there?"})

    async def settlement(self, order_id: str) -> str:
        return (await self.recourse.order(order_id).state()).settlement

    async def balances(self, order_id: str) -> Mapping[str, int]:
        return await read_balances(self.recourse.pool, order_id)

    async def told(self, order_id: str) -> list[str]:
        return [notice.name for notice in await self.recourse.order(order_id).notices("client")]


@asynccontextmanager
async def shop(address: str, pool: Any, **providers: PaymentProvider) -> AsyncIterator[Shop]:
    client, queue = await connect(target_host=address), f"pay-{secrets.token_hex(4)}"
    async with make_worker(client, pool, task_queue=queue, providers=providers):
        yield Shop(client, pool, queue)


async def test_a_provider_that_works_is_asked_once(temporal_address: str, pool: Any) -> None:
    bank = Bank()
    async with shop(temporal_address, pool, bank=bank) as market:
        order_id = await market.canceled("bank")
        assert await market.settlement(order_id) == "settled"
        [payment] = bank.asked
        assert payment.model_dump() == {
            "idempotency_key": f"{order_id}.payment.1",
            "order_id": order_id,
            "provider": "bank",
            "currency": "USD",
            "client": 10_550,
            "freelancer": 0,
            "platform": 0,
        }
        assert await market.balances(order_id) == {"client": 0, "freelancer": 0, "platform": 0, "escrow": 0}
        assert await market.told(order_id) == ["order_canceled"]


@pytest.mark.parametrize("trouble", ["before", "after"])
async def test_one_that_fails_is_asked_again_for_the_same_and_pays_once(
    temporal_address: str, pool: Any, trouble: Any
) -> None:
    bank = Bank(trouble, trouble, trouble)
    async with shop(temporal_address, pool, bank=bank) as market:
        order_id = await market.canceled("bank")
        assert await market.settlement(order_id) == "retrying"
        assert (await market.balances(order_id))["escrow"] == 10_550
        await market.wait(order_id, timedelta(minutes=1, seconds=30))
        assert (len(bank.asked), await market.settlement(order_id)) == (2, "retrying")
        await market.wait(order_id, timedelta(minutes=10))

        assert await market.settlement(order_id) == "settled"
        assert len(bank.asked) == 4
        assert len({payment.model_dump_json() for payment in bank.asked}) == 1
        assert [payment.client for payment in bank.moved.values()] == [10_550]
        assert await market.balances(order_id) == {"client": 0, "freelancer": 0, "platform": 0, "escrow": 0}
        assert await market.told(order_id) == ["order_canceled", "money_settled"]


async def test_one_that_no_worker_knows_holds_the_money_until_a_worker_does(temporal_address: str, pool: Any) -> None:
    bank = Bank()
    async with shop(temporal_address, pool, other=Bank()) as market:
        order_id = await market.canceled("bank")
        assert await market.settlement(order_id) == "retrying"
        queue = market.recourse.task_queue
        history = await market.recourse.temporal.get_workflow_handle(workflow_id(order_id)).fetch_history()
        failures = [e.activity_task_failed_event_attributes.failure.message for e in history.events]
        assert "This worker knows no payment provider 'bank': name it in RECOURSE_PAYMENT_PROVIDERS." in failures
    client = await connect(target_host=temporal_address)
    async with make_worker(client, pool, task_queue=queue, providers={"bank": bank}):
        await market.wait(order_id, timedelta(minutes=2))
        assert await market.settlement(order_id) == "settled"
        assert len(bank.moved) == 1


def test_providers_are_named_by_where_their_factories_are() -> None:
    assert load_providers("") == {}
    loaded = load_providers(" bank=tests.activities.bank:opened\n second=tests.activities.bank:Bank ")
    assert {name: type(provider) for name, provider in loaded.items()} == {"bank": Bank, "second": Bank}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bank", "not of the form name=package.module:factory"),
        ("=tests.activities.bank:opened", "not of the form"),
        ("bank=", "not of the form"),
        ("ledger=tests.activities.bank:opened", "is the built-in escrow ledger"),
        ("a=tests.activities.bank:opened a=tests.activities.bank:Bank", "is there twice"),
        ("bank=no.such.module:x", "cannot be loaded: ModuleNotFoundError: No module named 'no'"),
        ("bank=tests.activities.bank", "cannot be loaded: AttributeError"),
        ("bank=tests.activities.bank:nobody", "cannot be loaded: AttributeError"),
        ("bank=tests.activities.bank:closed_for_today", "cannot be loaded: OSError: no key to the vault"),
        ("bank=tests.activities.bank:not_a_bank", r"not_a_bank\(\) returned str, which has no method `pay`"),
    ],
)
def test_a_provider_that_cannot_be_used_is_said_so_before_any_work(text: str, says: str) -> None:
    with pytest.raises(BadProvider, match=says) as refused:
        load_providers(text)
    assert text.split()[-1] in str(refused.value)
