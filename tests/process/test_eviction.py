"""An order that its worker no longer keeps in memory is led on from its history."""

import logging
import secrets
from typing import Any

import pytest
from temporalio.client import Client

from starter.client import Recourse
from tests.process.conftest import Marketplace
from worker import make_worker


async def test_orders_that_push_each_other_out_of_a_small_memory_go_on(
    client: Client, pool: Any, caplog: pytest.LogCaptureFixture
) -> None:
    queue = f"small-{secrets.token_hex(4)}"
    with caplog.at_level(logging.WARNING, "temporalio"):
        async with make_worker(client, pool, task_queue=queue, max_cached_workflows=1, max_concurrent_workflow_tasks=1):
            marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
            orders = [await marketplace.order(changes={"order.reachable_after": "0h"}) for _ in range(4)]
            for order_id in orders:
                assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
            for order_id in orders:
                assert (await marketplace.by("freelancer", order_id, "accept")).applied
                assert await marketplace.handle(order_id).result() == "canceled: mutual"

    assert [record.message for record in caplog.records if "evict" in record.message.lower()] == []
