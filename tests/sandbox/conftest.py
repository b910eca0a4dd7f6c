"""A sandbox for the tests of one file after the other, and callers of its API."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx2
import pytest

from recourse.runtime.settings import Settings
from recourse.sandbox.app import sandbox
from recourse.sandbox.running import Sandbox, tokens
from recourse.web.serving import listen
from tests.activities.receivers import HttpReceiver, http_receiver
from tests.patience import PATIENCE

_numbers = count(1)
# What a marketplace brings: a payment provider of its own, and how its mails look.
SETTINGS = Settings().model_copy(
    update={
        "payment_providers": "bank=tests.activities.reporting_bank:ReportingBank",
        "brand_name": "The Market",
        "mail_from": "orders@market.example",
    }
)


@pytest.fixture(scope="session")
async def receiver() -> AsyncIterator[HttpReceiver]:
    """Where the sandbox sends webhooks."""
    async with http_receiver() as web:
        yield web


@pytest.fixture(scope="session")
async def made(receiver: HttpReceiver) -> AsyncIterator[Sandbox]:
    with listen("127.0.0.1", 0) as listener:
        async with sandbox(listener, webhook_url=receiver.url, settings=SETTINGS) as running:
            yield running


class Shop:
    """A backend that works in the sandbox over HTTP."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def start(self, price: int = 10_000, **more: Any) -> str:
        order_id = f"s-{next(_numbers)}"
        terms = {
            "order_id": order_id,
            "client": "c-3",
            "freelancer": "f-7",
            "price": price,
            "ordered_at": datetime.now(UTC).isoformat(),
            "delivery_time": "5d",
        }
        answer = await self.http.post("/orders", json={"terms": terms, **more})
        assert answer.status_code == 201, answer.text
        return order_id

    async def give(self, order_id: str, by: str, command: str, **fields: Any) -> Any:
        answer = await self.http.post(f"/orders/{order_id}/commands/{command}", params={"as": by}, json=fields)
        assert answer.is_success, answer.text
        return answer.json()

    async def move(self, order_id: str, **move: str) -> httpx2.Response:
        return await self.http.post(f"/sandbox/orders/{order_id}/clock", json=move)

    async def advance(self, order_id: str, length: str) -> datetime:
        answer = await self.move(order_id, advance=length)
        assert answer.status_code == 200, answer.text
        return datetime.fromisoformat(answer.json()["now"])

    async def get(self, path: str, **params: str) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.is_success, answer.text
        return answer.json()

    async def order(self, order_id: str) -> Any:
        return await self.get(f"/orders/{order_id}")


@pytest.fixture
async def shop(made: Sandbox) -> AsyncIterator[Shop]:
    headers = {"Authorization": f"Bearer {tokens(made)['service']}"}
    async with httpx2.AsyncClient(base_url=made.url, headers=headers, timeout=PATIENCE, trust_env=False) as http:
        yield Shop(http)
