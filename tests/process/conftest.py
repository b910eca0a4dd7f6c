"""A worker of ours on the real server, and orders on it."""

import itertools
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from recourse.activities.notifying import Channel
from recourse.policies import load_policy
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.terms import Terms
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from recourse.workflows.order import WORKFLOWS

_numbers = itertools.count(1)


@dataclass
class Marketplace:
    """A marketplace's view: the typed client, and short ways to say what its parties do."""

    recourse: Recourse
    queue: str
    started: list[str] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.recourse.temporal

    def terms(self, **over: Any) -> Terms:
        usual = {
            "order_id": f"t-{secrets.token_hex(3)}-{next(_numbers)}",
            "client": "c-1",
            "freelancer": "f-1",
            "price": 10_000,
            "service_fee": 550,
            "ordered_at": datetime.now(UTC),
            "delivery_time": timedelta(days=5),
        }
        return Terms.model_validate({**usual, **over})

    async def order(self, policy: str = "resolution_center", changes: Any = None, **terms: Any) -> str:
        """Start an order; its id."""
        provider = terms.pop("provider", "ledger")
        agreed = self.terms(**terms)
        await self.recourse.start(agreed, load_policy(policy, changes), provider=provider)
        self.started.append(agreed.order_id)
        return agreed.order_id

    async def by(self, role: str, order_id: str, command: str, **fields: Any) -> Outcome:
        """Give a command as a party of the order or an operator and wait for its outcome."""
        ids = {"client": "c-1", "freelancer": "f-1", "operator": "op-1"}
        return await self.recourse.order(order_id).send(command, {"actor": {"role": role, "id": ids[role]}, **fields})

    def handle(self, order_id: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id(order_id))


@pytest.fixture
async def client(temporal_address: str) -> Client:
    """A plain client, as another program would have it."""
    return await connect(target_host=temporal_address)


@asynccontextmanager
async def working(
    address: str, pool: Any, *channels: Channel, workflows: Sequence[type] = WORKFLOWS
) -> AsyncIterator[Marketplace]:
    """A marketplace on the server at `address`, with one worker that tells its parties by these channels."""
    client, queue = await connect(target_host=address), f"test-{secrets.token_hex(4)}"
    async with make_worker(client, pool, task_queue=queue, channels=channels, workflows=workflows):
        yield Marketplace(Recourse(client, pool, task_queue=queue), queue)


@pytest.fixture
async def marketplace(client: Client, pool: Any) -> AsyncIterator[Marketplace]:
    """A marketplace with one worker."""
    queue = f"test-{secrets.token_hex(4)}"
    made = Marketplace(Recourse(client, pool, task_queue=queue), queue)
    async with make_worker(client, pool, task_queue=queue):
        yield made
