"""A worker that is told to stop ends, whatever the SDK does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from recourse import worker
from recourse.runtime.settings import Settings
from tests.patience import PATIENCE


async def test_a_worker_ends_although_the_sdk_does_not(
    client: Client, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def never_ending(*_: Any, **__: Any) -> AsyncIterator[None]:
        yield
        await asyncio.Event().wait()

    @asynccontextmanager
    async def stopped_at_once() -> AsyncIterator[asyncio.Event]:
        stop = asyncio.Event()
        stop.set()
        yield stop

    monkeypatch.setattr(worker, "make_worker", never_ending)
    monkeypatch.setattr(worker, "until_stopped", stopped_at_once)
    monkeypatch.setattr(worker, "STOPPED_WITHIN", timedelta(milliseconds=1))
    async with asyncio.timeout(PATIENCE):
        await worker.run_worker(client, pool, Settings())


async def test_a_block_with_a_worker_ends_although_the_sdk_does_not(
    client: Client, pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Worker) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Worker, "shutdown", never)
    monkeypatch.setattr(worker, "ENDS_WITHIN", timedelta(milliseconds=1))
    async with asyncio.timeout(PATIENCE):
        async with worker.make_worker(client, pool, task_queue="ends"):
            pass
