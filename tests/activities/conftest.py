"""Orders that are written to the database without a workflow, and what delivers their notices."""

import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from recourse.activities.notifying import Channel, Notifying
from recourse.database.orders import write_contacts
from recourse.database.steps import record_step
from recourse.policies import load_policy
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Opening
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.step import Step
from recourse.resolution.model.terms import Terms
from tests.activities.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver

NOW = datetime(2025, 3, 4, 10, tzinfo=UTC)
_numbers = itertools.count(1)


class Written:
    """One order, in the database if there is a pool, and the commands that are given to it."""

    def __init__(self, pool: Any = None, policy: str = "resolution_center", changes: Any = None, **terms: Any) -> None:
        provider = terms.pop("provider", "ledger")
        usual = {"order_id": f"o-{next(_numbers)}", "client": "c-1", "freelancer": "f-1", "price": 10_000}
        timed = {"service_fee": 550, "ordered_at": NOW, "delivery_time": timedelta(days=5)}
        agreed = Terms.model_validate({**usual, **timed, **terms})
        self.pool = pool
        self.order_id = agreed.order_id
        chosen = load_policy(policy, changes)
        opening = Opening(terms=agreed, policy=chosen, record_salt="salt-" * 4, provider=provider)
        self.engine = OrderEngine(opening)
        self.opening = self.engine.commit(self.engine.opening())

    async def open(self, **emails: str) -> "Written":
        await record_step(self.pool, self.opening)
        await write_contacts(self.pool, self.order_id, emails)
        return self

    async def by(self, role: str, command: str, at: datetime = NOW, **fields: Any) -> tuple[Notice, ...]:
        """Give a command; what is told of it."""
        ids = {"client": "c-1", "freelancer": "f-1", "operator": "op-1", "system": "provider"}
        payload = {"actor": {"role": role, "id": ids[role]}, "command_id": f"n-{next(_numbers)}", **fields}
        step: Step = self.engine.apply(self.engine.decide(read_message(command, payload, "unnamed"), at))
        assert step.answer is not None
        assert step.answer.outcome.applied, step.answer.outcome
        if self.pool is not None:
            await record_step(self.pool, step)
        return step.notices

    async def messages(self, count: int, to: str = "freelancer") -> list[str]:
        """So many notices to one party; their ids."""
        sender = "client" if to == "freelancer" else "freelancer"
        return [(await self.by(sender, "message", comment=f"Message {number}"))[0].id for number in range(count)]

    async def deliver(self, *channels: Channel) -> str:
        """One attempt to deliver, as the worker's activity makes it."""
        return await attempt(self.pool, channels, self.order_id)

    async def deliveries(self) -> dict[tuple[str, str], Any]:
        rows = await self.pool.fetch(
            "SELECT d.* FROM deliveries AS d JOIN notices AS n ON n.id = d.notice_id WHERE n.order_id = $1",
            self.order_id,
        )
        return {(row["notice_id"], row["channel"]): row for row in rows}


async def attempt(
    pool: Any,
    channels: Sequence[Channel],
    order_id: str,
    of: Notifying | None = None,
    seconds: float = 120,
    upto: int = 0,
) -> str:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, start_to_close_timeout=timedelta(seconds=seconds))
    said: str = await environment.run((of or Notifying(pool, channels)).deliver_notices, order_id, upto)
    return said


@pytest.fixture
async def web() -> AsyncIterator[HttpReceiver]:
    """A marketplace's webhook address."""
    async with http_receiver() as receiver:
        yield receiver


@pytest.fixture
async def post() -> AsyncIterator[MailReceiver]:
    """A mail server."""
    async with mail_receiver() as receiver:
        yield receiver
