"""Our worker within another program, next to that program's own worker and activities."""

import secrets
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from recourse import BadInput
from recourse import Client as Buyer
from recourse.embedding import orders_worker
from recourse.policies import load_policy
from recourse.temporal import Recourse, Settings
from tests.process.conftest import Marketplace

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "embedded"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example, as a program that is started in its folder."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield import_module("shop_worker")
    del sys.modules["shop_worker"]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, temporal_address: str, dsn: str) -> Settings:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("RECOURSE_TASK_QUEUE", f"orders-{secrets.token_hex(4)}")
    return Settings()


async def test_orders_and_the_programs_own_activities_run_in_one_process(
    client: Client, pool: Any, settings: Settings, shop: ModuleType
) -> None:
    recourse = Recourse(client, pool, task_queue=settings.task_queue)
    market = Marketplace(recourse, settings.task_queue)
    queue = f"shop-{secrets.token_hex(4)}"
    async with orders_worker(settings) as ours:
        assert ours.task_queue == settings.task_queue
        activities = [shop.Shop(recourse).where_it_stands]
        async with Worker(client, task_queue=queue, workflows=[shop.Report], activities=activities):
            terms = market.terms()
            order = await recourse.start(terms, load_policy("resolution_center"))
            await order.request(by=Buyer("c-1"), kind="cancel", command_id="web-1")
            await order.withdraw(by=Buyer("c-1"), command_id="web-2")
            told: str = await client.execute_workflow(
                "Report", terms.order_id, id=f"report-{queue}", task_queue=queue, result_type=str
            )
    assert told == f"Order {terms.order_id} is in_progress."


async def test_an_extension_that_cannot_be_used_is_named_before_anything_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOURSE_NOTICE_CHANNELS", "pager=no.such.module:Pager")
    with pytest.raises(BadInput, match=r"'pager=no\.such\.module:Pager' cannot be loaded: ModuleNotFoundError"):
        async with orders_worker():
            pytest.fail("it runs")
