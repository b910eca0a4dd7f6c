"""One process that runs orders and the shop's own activities.

    python shop_worker.py

DATABASE_URL and TEMPORAL_ADDRESS lead to the servers. Orders run on RECOURSE_TASK_QUEUE, what is ours on `shop`.
"""

import asyncio
import os
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from recourse.embedding import orders_worker
    from recourse.temporal import Recourse

QUEUE = "shop"


class Shop:
    """The shop's activities."""

    def __init__(self, recourse: Recourse) -> None:
        self._recourse = recourse

    @activity.defn
    async def where_it_stands(self, order_id: str) -> str:
        """The phase of an order."""
        return (await self._recourse.order(order_id).show("operator")).phase


@workflow.defn
class Report:
    """A workflow of the shop's about an order."""

    @workflow.run
    async def run(self, order_id: str) -> str:
        """Where the order stands, in a sentence."""
        patience = timedelta(seconds=10)
        phase = await workflow.execute_activity("where_it_stands", order_id, start_to_close_timeout=patience)
        return f"Order {order_id} is {phase}."


async def main() -> None:
    address = os.environ.get("TEMPORAL_ADDRESS", "localhost:7233")
    client = await Client.connect(address)
    async with Recourse.connect() as recourse, orders_worker():
        shop = Shop(recourse)
        async with Worker(client, task_queue=QUEUE, workflows=[Report], activities=[shop.where_it_stands]):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
