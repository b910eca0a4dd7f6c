"""The payment provider's books against ours, on real servers: what no webhook told is found, at night or when asked."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from recourse.activities import reconciling
from recourse.cli import money
from recourse.cli.output import Stop
from recourse.database.reconciling import Reconciled, await_reconciling, last_reconciled
from recourse.ports import Movement
from recourse.runtime.keys import KeyRing
from recourse.runtime.names import RECONCILIATION
from recourse.runtime.proofs import Proofs
from recourse.runtime.schedules import reconciliation_id, schedule_reconciliation
from recourse.starter.client import Recourse
from recourse.starter.doctor import Ailment, Doctor
from recourse.worker import make_worker, see_to_books
from tests.activities.reporting_bank import BookkeepingBank
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

PROOFS = Proofs(KeyRing({"k": b"0" * 32}))
BANK = BookkeepingBank()


def bank() -> BookkeepingBank:
    """As RECOURSE_PAYMENT_PROVIDERS names it."""
    return BANK


def mute() -> object:
    """A provider that lists nothing."""
    return type("Mute", (), {"pay": lambda self, leg: None})()


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has just moved is compared, too."""
    monkeypatch.setattr(reconciling, "MOVING", timedelta(minutes=-1))
    monkeypatch.setattr(BANK, "moved", {})
    monkeypatch.setattr(BANK, "returned", set())


@asynccontextmanager
async def working(client: Client, pool: Any, **providers: Any) -> AsyncIterator[Marketplace]:
    queue = f"test-{secrets.token_hex(4)}"
    async with make_worker(client, pool, task_queue=queue, providers=providers, proofs=PROOFS):
        yield Marketplace(Recourse(client, pool, task_queue=queue), queue)


async def paid(marketplace: Marketplace) -> str:
    order_id = await marketplace.order(provider="bank", requirements="awaited")
    assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
    return order_id


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, dsn: str, temporal_address: str) -> None:
    """The settings of a command line on these servers."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("RECOURSE_PAYMENT_PROVIDERS", f"bank={__name__}:bank mute={__name__}:mute")


async def test_a_missed_webhook_is_found_and_reported(
    client: Client, pool: Any, here: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(client, pool, bank=BANK) as marketplace:
        order_id = await paid(marketplace)
        assert await money.reconcile() == 0
        assert capsys.readouterr().out == "The books agree; 1 leg compared.\n"
        with monkeypatch.context() as usually:
            usually.setattr(reconciling, "MOVING", timedelta(minutes=10))
            assert await money.reconcile() == 0
        says = "The books agree; 1 leg compared, but for 1 that moved within ten minutes.\n"
        assert capsys.readouterr().out == says

        BANK.returned.add(f"{order_id}.payment.1.refund")
        assert await money.reconcile(json=True) == 1
        [found] = json.loads(capsys.readouterr().out)["differences"]
        assert (found["kind"], found["order_id"], found["leg"]) == ("returned_there", order_id, "1.refund")
        assert await money.reconcile() == 1
        table, says = capsys.readouterr().out.splitlines()[1:]
        assert table.split("\t") == [
            order_id,
            "1.refund",
            "105.50 USD done",
            "returned",
            "recourse money reconcile --report",
        ]
        assert says == "1 difference; 1 leg compared."
        assert [one.differences for one in await last_reconciled(pool)] == [1]

        assert await money.reconcile(report=True) == 0
        assert "1 payment that came back: reported to the orders." in capsys.readouterr().out
        assert (await marketplace.recourse.order(order_id).state()).settlement == "blocked"
        assert await money.reconcile(report=True) == 0
        [kept] = await last_reconciled(pool)
        assert (kept.provider, kept.compared, kept.differences) == ("bank", 1, 0)


async def test_a_shorter_look_back_is_not_kept(client: Client, pool: Any, here: None) -> None:
    async with working(client, pool, bank=BANK) as marketplace:
        await paid(marketplace)
    assert await money.reconcile(since="1d", provider="bank") == 0
    assert await last_reconciled(pool) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"provider": "till"}, "names no provider till"),
        ({"provider": "mute"}, "The adapter of mute has no method `movements`"),
        ({"since": "yesterday"}, "--since: "),
    ],
)
async def test_what_cannot_be_compared_is_said(here: None, wrong: Any, says: str) -> None:
    with pytest.raises(Stop, match=says):
        await money.reconcile(**wrong)


async def test_books_are_compared_every_night(client: Client, pool: Any) -> None:
    async with working(client, pool, bank=BANK, mute=mute()) as marketplace:
        order_id = await paid(marketplace)
        BANK.moved["nobody's"] = BANK.moved[f"{order_id}.payment.1.refund"]
        for _ in range(2):
            await schedule_reconciliation(client, marketplace.queue)
        handle = client.get_schedule_handle(reconciliation_id(marketplace.queue))
        try:
            await handle.pause()
            await schedule_reconciliation(client, marketplace.queue)
            assert (await handle.describe()).schedule.state.paused
            await handle.trigger()
            async with asyncio.timeout(PATIENCE):
                while not await last_reconciled(pool):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        finally:
            await handle.delete()
        [kept] = await last_reconciled(pool)
        assert (kept.provider, kept.compared, kept.differences) == ("bank", 2, 1)


async def test_the_first_worker_schedules_it_and_a_later_one_finds_it(client: Client, pool: Any) -> None:
    queue = f"test-{secrets.token_hex(4)}"
    handle = client.get_schedule_handle(reconciliation_id(queue))
    await see_to_books(client, pool, queue, [])
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()

    for providers in (["bank"], ["bank", "cards"]):
        await see_to_books(client, pool, queue, providers)
    described = await handle.describe()
    await handle.delete()
    assert [at.astimezone(UTC).hour for at in described.info.next_action_times[:1]] == [3]
    assert [(one.provider, one.since) for one in await last_reconciled(pool)] == [("bank", None), ("cards", None)]


class Broken(BookkeepingBank):
    """Cannot be asked."""

    def movements(self, since: datetime) -> Iterator[Movement]:
        raise ConnectionError("the bank is closed")


async def last_failure(handle: WorkflowHandle[Any, Any]) -> str:
    """Why the last attempt at its activity failed; nothing: none has."""
    pending = (await handle.describe()).raw_description.pending_activities
    return next((one.last_failure.message for one in pending), "")


async def test_a_provider_that_cannot_be_asked_holds_up_no_other_and_is_asked_again(client: Client, pool: Any) -> None:
    broken = Broken()
    async with working(client, pool, broken=broken, bank=BANK) as marketplace:
        await paid(marketplace)
        name = f"reconciliation-{secrets.token_hex(4)}"
        handle = await client.start_workflow(RECONCILIATION, id=name, task_queue=marketplace.queue)
        async with asyncio.timeout(PATIENCE):
            while not (failure := await last_failure(handle)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert failure == "Not compared: broken: ConnectionError: the bank is closed"
        assert [one.provider for one in await last_reconciled(pool)] == ["bank"]
        await handle.cancel()


async def test_nobody_can_make_its_workflow_fail_again_and_again(client: Client, pool: Any) -> None:
    async with working(client, pool) as marketplace:
        name = f"reconciliation-{secrets.token_hex(4)}"
        handle = await client.start_workflow(RECONCILIATION, args=[1, 2], id=name, task_queue=marketplace.queue)
        async with asyncio.timeout(PATIENCE):
            while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_the_doctor_says_when_books_differ_or_were_not_compared(client: Client, pool: Any) -> None:
    recourse = Recourse(client, pool, task_queue="idle")

    async def found() -> list[Ailment]:
        return [one async for one in Doctor(recourse).everything() if one.kind == "books"]

    await await_reconciling(pool, ["bank", "cards"])
    assert await found() == []
    await pool.execute("UPDATE reconciliations SET differences = 2 WHERE provider = 'bank'")
    await pool.execute("UPDATE reconciliations SET ran_at = now() - interval '31 hours' WHERE provider = 'cards'")
    differ, late = await found()
    assert (differ.says, differ.do) == (
        "2 differences to the books of bank",
        "recourse money reconcile --provider bank",
    )
    assert late.says.startswith("the books of cards were not compared since 20")
    # One that is configured no more is not waited for.
    await await_reconciling(pool, ["bank"])
    assert [one.provider for one in await last_reconciled(pool)] == ["bank"]
    assert isinstance((await last_reconciled(pool))[0], Reconciled)
