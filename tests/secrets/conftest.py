"""Marketplaces whose callers and workers have keys, on the real server."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from recourse.runtime.actors import Actors, SignsCommands
from recourse.runtime.encryption import for_callers, for_work
from recourse.runtime.keys import KeyRing
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from recourse.workflows.inbound import RefuseBadMessages
from recourse.workflows.order import WORKFLOWS
from tests.process.conftest import Marketplace

OLD, NEW = b"old key, of just thirty-two bytes"[:32], b"new key, of just thirty-two bytes"[:32]
RING = KeyRing({"new": NEW, "old": OLD})
ONLY_OLD, ONLY_NEW, NONE = KeyRing({"old": OLD}), KeyRing({"new": NEW}), KeyRing({})
Working = Callable[..., AbstractAsyncContextManager[None]]


class Keyed:
    """Callers and workers with keys of their own, on one task queue."""

    def __init__(self, address: str, pool: Any) -> None:
        self._address, self._pool = address, pool
        self.queue = f"test-{secrets.token_hex(4)}"

    async def client(self, keys: KeyRing) -> Client:
        """A connection with `keys`."""
        return await connect(target_host=self._address, data_converter=for_callers(keys))

    async def stranger(self) -> Client:
        """A connection of a program that is not ours, and knows nothing of our payloads."""
        return await Client.connect(self._address)

    async def marketplace(self, keys: KeyRing) -> Marketplace:
        """A caller with `keys`."""
        return Marketplace(Recourse(await self.client(keys), self._pool, task_queue=self.queue), self.queue)

    async def signing(self, actors: Actors) -> Marketplace:
        """A caller whose starts and commands are signed, and not encrypted."""
        client = await connect(target_host=self._address, interceptors=[SignsCommands(actors)])
        return Marketplace(Recourse(client, self._pool, task_queue=self.queue), self.queue)

    @asynccontextmanager
    async def working(self, keys: KeyRing, **options: Any) -> AsyncIterator[None]:
        """A worker with `keys`. It remembers nothing of what another one did: it replays the whole history."""
        async with make_worker(await self.client(keys), self._pool, task_queue=self.queue, **options):
            yield


@pytest.fixture
def keyed(temporal_address: str, pool: Any) -> Keyed:
    """Callers and workers with keys of their own."""
    return Keyed(temporal_address, pool)


async def until_a_task_fails(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until a workflow task has failed."""
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return


async def replay(handle: WorkflowHandle[Any, Any], keys: KeyRing, **options: Any) -> None:
    """Replay the whole history with `keys`; raises where it would go another way."""
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=for_work(for_callers(keys), **options),
        interceptors=[RefuseBadMessages()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(await handle.fetch_history())


async def raw_history(handle: WorkflowHandle[Any, Any]) -> bytes:
    """Everything that Temporal keeps of an order, as bytes."""
    events = [event.SerializeToString() async for event in handle.fetch_history_events()]
    described = await handle.describe()
    return b"\n".join([*events, described.raw_description.SerializeToString()])
