"""A worker is killed at every point of a payment: whatever it was about to do or had just done, the provider's book is
what the ledger says, and no key has moved money twice."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from recourse.activities.contract import LegToPay
from recourse.activities.paying import Paying
from recourse.activities.providers import PaymentProvider
from recourse.database.orders import read_balances
from recourse.database.payments import PaymentLeg
from recourse.database.steps import record_step
from recourse.resolution.model.payments import ACCOUNTS
from tests.activities.conftest import NOW, Written

REFUND = {"outcome": "refund", "amount": 5_000, "explanation": "So much is missing."}


class Killed(BaseException):
    """The worker is no more."""


class Worker:
    """A worker that is killed at its n-th point: before and after all that it does to the database and the provider."""

    def __init__(self, pool: Any, provider: "Book", killed_at: int = 0) -> None:
        self._pool, self._at, self.points = pool, killed_at, 0
        provider.worker = self
        self.paying = Paying(self, {"bank": provider})

    def point(self) -> None:
        self.points += 1
        if 0 < self._at <= self.points:
            raise Killed

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def ask(*arguments: Any) -> Any:
            self.point()
            said = await getattr(self._pool, name)(*arguments)
            self.point()
            return said

        return ask


class Book(PaymentProvider):
    """A provider that has forgotten every key by the next time that it is asked; its book has all that it moved."""

    worker: Worker
    # A call ends with its worker.
    late = 0

    def __init__(self) -> None:
        self.moved: list[PaymentLeg] = []

    async def pay(self, leg: PaymentLeg) -> str:
        self.worker.point()
        self.moved.append(leg)
        self.worker.point()
        return f"t-{len(self.moved)}"

    async def find(self, leg: PaymentLeg) -> str | None:
        self.worker.point()
        return next((f"t-{at}" for at, one in enumerate(self.moved, 1) if one.key == leg.key), None)


async def ask(written: Written, worker: Worker, hours: int) -> None:
    """One round in which the provider is asked for all that waits, and the order hears what the worker still says."""
    at = NOW + timedelta(hours=hours)
    answers = {}
    for leg in written.engine.asks(at):
        asked = LegToPay(order_id=written.order_id, leg=leg.id)
        with suppress(Killed):
            answers[leg.id] = await ActivityEnvironment().run(worker.paying.pay, asked)
    await record_step(written.pool, written.engine.commit(written.engine.plan_answers(answers, at)))


async def completed(written: Written) -> None:
    await written.by("freelancer", "deliver")
    await written.by("client", "complete")


async def a_part_goes_back(written: Written) -> None:
    """Where the payout was not done yet, it is lowered."""
    await written.by("operator", "open_case", at=NOW + timedelta(hours=1), explanation="A complaint.")
    await written.by("operator", "rule", at=NOW + timedelta(hours=1), **REFUND)


async def nothing(written: Written) -> None:
    pass


@pytest.mark.parametrize("killed_in", [1, 2])
@pytest.mark.parametrize("meanwhile", [nothing, a_part_goes_back])
async def test_a_worker_that_is_killed_at_any_point_pays_nothing_twice_and_forgets_nothing(
    pool: Any, meanwhile: Callable[[Written], Awaitable[None]], killed_in: int
) -> None:
    """`killed_in`: the round of asking. Before the second, the first one's answer to the payout was lost."""
    policy = {"cases.after_completion": "7d", "money.late_refund_from": "freelancer"}
    points = 0
    while True:
        points += 1
        book, written = Book(), await Written(pool, provider="bank", changes=policy).open()
        await completed(written)
        if killed_in == 2:
            # Behind the reading of the leg, the note and the effect.
            await ask(written, Worker(pool, book, 6), hours=0)
            assert [one.name for one in book.moved] == ["payout"]
            await meanwhile(written)
        worker = Worker(pool, book, points)
        await ask(written, worker, hours=2 * (killed_in - 1))
        if killed_in == 1:
            await meanwhile(written)
        for hours in (4, 6):
            await ask(written, Worker(pool, book), hours)
        order = written.engine.order
        assert (order.settlement, [leg.status for leg in order.open_legs]) == ("settled", []), points
        keys = Counter(leg.key for leg in book.moved)
        assert set(keys.values()) == {1}, (points, keys)
        paid = {name: sum(leg.amount for leg in book.moved if leg.name == name) for name in ACCOUNTS}
        ledger = await read_balances(pool, written.order_id)
        # What the platform gives back comes out of its own pocket.
        gave = 10_550 - sum(paid.values())
        moved = {"client": paid["refund"], "freelancer": paid["payout"], "platform": paid["fee"] + gave}
        held = {"escrow": 0, "contested": 0}
        assert ledger == {**moved, **held, "client": moved["client"] - 10_550}, points
        if worker.points < points:
            # The last one was not killed at all.
            break
    assert points > 10
