"""A marketplace on servers of its own that a drill can lose, wipe and set back. Its money and its post are watched."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from recourse.activities.webhook import WebhookChannel
from recourse.database.orders import read_balances, read_notices, read_order
from recourse.database.pool import connect as connect_database
from recourse.local.temporal import LocalTemporal, find_program
from recourse.resolution.model.record import verify
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.starter.doctor import Doctor
from recourse.worker import LAST_ORDERS, make_worker
from tests.activities.bank import Bank, Trouble
from tests.activities.receivers import HttpReceiver, http_receiver
from tests.cli.test_orders import Ran, polled, run
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

SECRET = "whsec_" + "c2VjcmV0" * 5
Command = tuple[str, str, Mapping[str, Any]]
CANCEL: Command = ("client", "request", {"kind": "cancel"})
REFUND: Command = ("freelancer", "request", {"kind": "partial_refund", "amount": 2_000})
DECLINE: Command = ("freelancer", "decline", {"comment": "It is done."})
ESCALATE: Command = ("client", "escalate", {"comment": "Look at it."})
ACCEPT: Command = ("freelancer", "accept", {})
DELIVER: Command = ("freelancer", "deliver", {})
RULED = {"outcome": "cancel", "amount": 3_000, "explanation": "So."}
IN_CASES: dict[str, Any] = {"cases.escalate_by": ["client", "freelancer"], "cases.appeal_window": "48h"}
UNDO: dict[str, Any] = {"undo.by": ["client"], "undo.window": "24h"}


@dataclass(frozen=True)
class Plan:
    """How far an order has come: its policy's changes, its terms, and what has been said."""

    name: str
    commands: tuple[Command, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    terms: Mapping[str, Any] = field(default_factory=dict)
    trouble: Trouble | None = None


PLANS = (
    Plan("waits for requirements", terms={"requirements": "awaited"}),
    Plan("in progress", (("client", "message", {"comment": "Hello"}),)),
    Plan("asked to cancel", (CANCEL,)),
    Plan("countered", (REFUND, ("client", "counter", {"amount": 1_000}))),
    Plan("asked for an extension", (("freelancer", "request", {"kind": "extension", "extend_by": "48h"}),)),
    Plan("declined", (CANCEL, DECLINE), IN_CASES),
    Plan("in mediation", (CANCEL, DECLINE, ESCALATE), IN_CASES),
    Plan(
        "proposed",
        (CANCEL, DECLINE, ESCALATE, ("operator", "propose", {"amount": 3_000, "explanation": "So."})),
        IN_CASES,
    ),
    Plan("ruled", (CANCEL, DECLINE, ESCALATE, ("operator", "rule", RULED)), IN_CASES),
    Plan(
        "in appeal",
        (CANCEL, DECLINE, ESCALATE, ("operator", "rule", RULED), ("freelancer", "appeal", {"comment": "No."})),
        IN_CASES,
    ),
    Plan("delivered", (DELIVER,)),
    Plan("in revision", (DELIVER, ("client", "ask_revision", {"comment": "More blue."}))),
    Plan("held", (CANCEL, ACCEPT), UNDO),
    Plan("canceled", (CANCEL, ACCEPT)),
    Plan("not paid yet", (CANCEL, ACCEPT), trouble="before"),
    Plan("paid, and the bank's answer was lost", (CANCEL, ACCEPT), trouble="after"),
    Plan(
        "partly refunded",
        (REFUND, ("client", "accept", {})),
    ),
    Plan("completed", (DELIVER, ("client", "complete", {}))),
)


@dataclass
class Site:
    """The servers, the worker's queue, the bank and the receiver of notices."""

    temporal: LocalTemporal
    dsn: str
    receiver: HttpReceiver
    folder: Path
    bank: Bank = field(default_factory=Bank)
    queue: str = field(default_factory=lambda: f"drill-{secrets.token_hex(4)}")

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Marketplace]:
        """A worker, on whatever the servers are now."""
        async with self.connected() as marketplace:
            channel = WebhookChannel(self.receiver.url, [SECRET])
            try:
                async with make_worker(
                    marketplace.client,
                    marketplace.recourse.pool,
                    task_queue=self.queue,
                    channels=[channel],
                    providers={"bank": self.bank},
                    graceful_shutdown_timeout=LAST_ORDERS,
                ):
                    await polled(marketplace.client, self.queue)
                    yield marketplace
            finally:
                await channel.close()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Marketplace]:
        """The marketplace, without a worker."""
        pool, client = await connect_database(self.dsn), await connect(target_host=self.temporal.address)
        try:
            yield Marketplace(Recourse(client, pool, task_queue=self.queue), self.queue)
        finally:
            await pool.close()

    async def wipe_temporal(self) -> None:
        """Have Temporal forget everything."""
        await self.temporal.stop()
        for path in self._files():
            path.unlink()
        await self.temporal.start()

    def _files(self) -> list[Path]:
        return list(self.folder.glob("temporal.db*"))

    async def as_temporal_was(self, then: Callable[[], Awaitable[None]]) -> None:
        """Have Temporal be what it is now once more, after something has happened."""
        await self.temporal.stop()
        before = {path: path.read_bytes() for path in self._files()}
        await self.temporal.start()
        await then()
        await self.temporal.stop()
        for path in self._files():
            path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
        await self.temporal.start()

    async def recourse(self, *words: str) -> Ran:
        """Run a command as an operator does."""
        told = {"DATABASE_URL": self.dsn, "TEMPORAL_ADDRESS": self.temporal.address, "RECOURSE_TASK_QUEUE": self.queue}
        return await run(told, *words)

    async def is_well(self, marketplace: Marketplace) -> None:
        """Nothing is wrong with any order, its history and its record included."""
        found = [one async for one in Doctor(marketplace.recourse).everything(full=True)]
        assert not found, found

    async def all_is_told(self, marketplace: Marketplace, order_ids: list[str]) -> None:
        """Everybody was told everything, once."""
        notices = [notice.id for one in order_ids for notice in await read_notices(marketplace.recourse.pool, one)]
        async with asyncio.timeout(PATIENCE):
            await self.receiver.has(len(notices))
        assert Counter(self.receiver.ids) == Counter(notices)

    async def all_is_paid(self, marketplace: Marketplace, order_ids: list[str]) -> None:
        """The bank has moved what the ledger says, and nothing twice."""
        for order_id in order_ids:
            balances = await read_balances(marketplace.recourse.pool, order_id)
            moved = [leg for leg in self.bank.moved.values() if leg.order_id == order_id]
            assert sum(leg.amount for leg in moved if leg.name == "payout") == balances["freelancer"], order_id
            assert sum(leg.amount for leg in moved if leg.name == "refund") == balances["client"] + 10_550, order_id


async def come_this_far(site: Site, marketplace: Marketplace, plan: Plan) -> str:
    """An order that has come as far as a plan says."""
    site.bank.troubles.extend([plan.trouble] if plan.trouble else [])
    order_id = await marketplace.order(changes=plan.changes, provider="bank", **plan.terms)
    for role, command, fields in plan.commands:
        outcome = await marketplace.by(role, order_id, command, **fields)
        assert outcome.applied, (plan.name, command, outcome)
    async with asyncio.timeout(PATIENCE):
        while not await marketplace.recourse.order(order_id).soon_written():
            pass
    return order_id


async def lived_to_the_end(marketplace: Marketplace, order_id: str) -> None:
    """Let time pass until an order is over, whatever nobody does."""
    handle = marketplace.handle(order_id)
    skipper = TimeSkipper(marketplace.client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=10_000))
    async with asyncio.timeout(PATIENCE):
        await skipper.fast_forward(handle, timedelta(days=365))
        await handle.result()
    stored = await read_order(marketplace.recourse.pool, order_id)
    assert stored is not None
    assert stored.order.closed
    assert stored.order.settlement == "settled"
    assert verify(await marketplace.recourse.order(order_id).record("operator"), stored.order.record_hash or None) == []


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    """The marketplace's webhook address."""
    async with http_receiver() as made:
        yield made


@pytest.fixture
async def site(tmp_path: Path, dsn: str, receiver: HttpReceiver) -> AsyncIterator[Site]:
    """A site whose Temporal keeps its orders in a file."""
    made = Site(
        LocalTemporal(await find_program(), tmp_path, db_file=tmp_path / "temporal.db"), dsn, receiver, tmp_path
    )
    await made.temporal.start()
    try:
        yield made
    finally:
        await made.temporal.stop()
