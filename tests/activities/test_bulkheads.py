"""A receiver that hangs holds a few of a worker's places, and no payment waits for it."""

import asyncio
import secrets
from typing import Any

import pytest

from recourse.activities import notifying
from recourse.activities.webhook import WebhookChannel
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.activities.bank import Bank
from tests.activities.receivers import HttpReceiver
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

SECRET = "whsec_" + "c2VjcmV0" * 5


async def test_a_payment_does_not_wait_for_a_receiver_that_hangs(
    temporal_address: str, pool: Any, web: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "AT_ONCE", 2)
    answers = asyncio.Event()

    async def at_last() -> int:
        await answers.wait()
        return 204

    web.will(*[at_last] * 100)
    # It would hold each place for longer than the test waits for anything.
    hooks, bank = WebhookChannel(web.url, [SECRET], patience=10 * PATIENCE), Bank()
    client, queue = await connect(target_host=temporal_address), f"test-{secrets.token_hex(4)}"
    async with make_worker(
        client, pool, task_queue=queue, channels=[hooks], providers={"bank": bank}, max_concurrent_activities=4
    ):
        marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
        for _ in range(6):
            order_id = await marketplace.order()
            await marketplace.by("client", order_id, "message", comment="Hello")
        async with asyncio.timeout(PATIENCE):
            await web.has(2)
            paid = await marketplace.order(provider="bank", requirements="awaited")
            assert (await marketplace.by("client", paid, "request", kind="cancel")).applied
            assert len(bank.moved) == 1
        assert len(web.requests) == 2
        # Those that found no place come again by themselves.
        answers.set()
        async with asyncio.timeout(PATIENCE):
            await web.has(7)
    await hooks.close()
