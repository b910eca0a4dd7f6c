"""Calls of a payment provider that take too long, ask for time, or are given up: not yet, and looked up before they
are made again."""

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from recourse.activities import calling, paying
from recourse.activities.contract import LegToPay
from recourse.activities.paying import Paying
from recourse.activities.providers import CannotPay, PaymentProvider, TryLater
from recourse.database.payments import PaymentLeg
from recourse.resolution.model.payments import LegAnswer
from tests.activities.bank import Bank
from tests.activities.conftest import Written


class Hangs:
    """A provider that pays, and does not answer before `answers` is set."""

    timeout = 0.05
    concurrency = 1

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.calls: list[str] = []
        self.moved: set[str] = set()

    def pay(self, leg: PaymentLeg) -> str:
        self.calls.append(f"pay {leg.name}")
        self.moved.add(leg.key)
        self.answers.wait()
        return "paid"

    def find(self, leg: PaymentLeg) -> str | None:
        self.calls.append(f"find {leg.name}")
        return "found" if leg.key in self.moved else None


class HangsInTheLoop(Hangs):
    """The same as coroutines."""

    async def pay(self, leg: PaymentLeg) -> str:  # type: ignore[override]
        self.calls.append(f"pay {leg.name}")
        self.moved.add(leg.key)
        await asyncio.Event().wait()
        return "paid"


async def refund(pool: Any, provider: str = "bank") -> LegToPay:
    """A refund that a step has written."""
    written = await Written(pool, provider=provider, requirements="awaited").open()
    await written.by("client", "request", kind="cancel")
    return LegToPay(order_id=written.order_id, leg="1.refund")


def payer(pool: Any, **providers: PaymentProvider) -> Callable[[LegToPay], Any]:
    of_a_worker = Paying(pool, providers)
    return lambda asked: ActivityEnvironment().run(of_a_worker.pay, asked)


async def row(pool: Any, asked: LegToPay) -> tuple[Any, ...]:
    query = "SELECT status, attempts, answered_at IS NOT NULL FROM payments WHERE order_id = $1"
    return tuple(await pool.fetchrow(query, asked.order_id))


async def test_a_call_that_hangs_is_not_yet_and_is_looked_up_before_it_is_made_again(pool: Any) -> None:
    bank = HangsInTheLoop()
    pay, asked = payer(pool, bank=bank), await refund(pool)
    with pytest.raises(TimeoutError, match=r"bank gave no answer within 0.05 s"):
        await pay(asked)
    assert await row(pool, asked) == ("waiting", 1, False)
    assert await pay(asked) == LegAnswer(status="done", reference="found")
    assert bank.calls == ["pay refund", "find refund"]


async def test_while_a_thread_hangs_nobody_asks_for_the_same_payment(pool: Any) -> None:
    bank = Hangs()
    bank.concurrency = 2
    pay, asked = payer(pool, bank=bank), await refund(pool)
    with pytest.raises(TimeoutError):
        await pay(asked)
    with pytest.raises(TryLater, match="may not have ended"):
        await pay(asked)
    assert bank.calls == ["pay refund"]
    # It does not hold up the end of the process.
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "call-bank"] == [True]
    bank.answers.set()
    while True:
        try:
            assert await pay(asked) == LegAnswer(status="done", reference="found")
            break
        except TryLater:
            await asyncio.sleep(0)
    assert bank.calls == ["pay refund", "find refund"]


async def test_a_provider_that_hangs_holds_up_no_other(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, works = Hangs(), Bank()
    monkeypatch.setattr(calling, "WAITING", 1)
    pay = payer(pool, hangs=hangs, works=works)
    stuck = [await refund(pool, "hangs") for _ in range(3)]
    try:
        with monkeypatch.context() as hurried:
            hurried.setattr(paying, "WITHIN", 0.5)
            errors = await asyncio.gather(*(pay(one) for one in stuck), return_exceptions=True)
        assert sorted(type(error).__name__ for error in errors) == ["TimeoutError", "TryLater", "TryLater"]
        assert hangs.calls == ["pay refund"]
        # Whoever was not asked for is not looked up either.
        assert sorted([(await row(pool, one))[1] for one in stuck]) == [0, 0, 1]
        assert (await pay(await refund(pool, "works"))).status == "done"
    finally:
        hangs.answers.set()


class Limited(Bank):
    """A provider that asks for some time before it pays, once for each number."""

    def __init__(self, *waits: float | None) -> None:
        super().__init__()
        self.waits = list(waits)
        self.found = 0

    async def pay(self, leg: PaymentLeg) -> str:
        if self.waits:
            raise TryLater("Too many requests.", after=self.waits.pop(0))
        return await super().pay(leg)

    async def find(self, leg: PaymentLeg) -> str | None:
        self.found += 1
        return "found" if leg.key in self.moved else None


async def test_a_moment_that_a_provider_asks_for_is_waited_for(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paying, "PAUSE", 0.01)
    bank = Limited(0, 0.01)
    asked = await refund(pool)
    assert (await payer(pool, bank=bank)(asked)).status == "done"
    assert (len(bank.moved), bank.found) == (1, 2)
    assert await row(pool, asked) == ("done", 3, True)


@pytest.mark.parametrize("after", [None, 3600])
async def test_for_longer_the_order_comes_again(pool: Any, after: float | None) -> None:
    bank = Limited(after)
    asked = await refund(pool)
    with pytest.raises(TryLater, match="Too many requests"):
        await payer(pool, bank=bank)(asked)
    assert await row(pool, asked) == ("waiting", 1, False)
    assert (await payer(pool, bank=bank)(asked)).status == "done"


async def test_a_payment_that_is_given_up_is_noted_as_asked_for_and_no_more(pool: Any) -> None:
    """A worker that stops cancels what it is still doing."""
    bank = HangsInTheLoop()
    bank.timeout = 10
    pay, asked = payer(pool, bank=bank), await refund(pool)
    under_way = asyncio.ensure_future(pay(asked))
    while not bank.calls:  # noqa: ASYNC110 - the payment is another task
        await asyncio.sleep(0)
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    assert await row(pool, asked) == ("waiting", 1, False)
    assert await pay(asked) == LegAnswer(status="done", reference="found")


class Closed(Bank):
    """A provider at which nothing can be looked up any more."""

    def find(self, leg: PaymentLeg) -> str | None:
        raise CannotPay("This account is closed.")


async def test_a_provider_that_never_can_look_it_up_is_for_operators(pool: Any) -> None:
    bank = Closed("before")
    pay, asked = payer(pool, bank=bank), await refund(pool)
    with pytest.raises(ConnectionError):
        await pay(asked)
    assert await pay(asked) == LegAnswer(status="blocked", reason="This account is closed.")
    assert await row(pool, asked) == ("blocked", 1, True)


class Talks(Bank):
    """A provider that pays, and says something that is no reference, when it pays and when it looks up."""

    def __init__(self, paid: Any, found: Any) -> None:
        super().__init__()
        self.paid, self.found = paid, found

    async def pay(self, leg: PaymentLeg) -> Any:
        await super().pay(leg)
        return self.paid

    async def find(self, leg: PaymentLeg) -> Any:
        return self.found


@pytest.mark.parametrize("nonsense", [False, True, "", " ", 0, {"id": "t-1"}], ids=repr)
async def test_what_is_no_reference_is_no_answer(pool: Any, nonsense: Any) -> None:
    bank = Talks(nonsense, nonsense)
    pay, asked = payer(pool, bank=bank), await refund(pool)
    for method in ("pay", "find"):
        with pytest.raises(TypeError, match=f"bank.{method} returned {re.escape(repr(nonsense))[:20]}"):
            await pay(asked)
    assert await row(pool, asked) == ("waiting", 1, False)
    bank.found = "t-1"
    assert await pay(asked) == LegAnswer(status="done", reference="t-1")
    assert len(bank.asked) == 1


class Odd(Bank):
    """Plain methods: one hands out a coroutine, another ends as a plain iterator does."""

    def pay(self, leg: PaymentLeg) -> Any:
        return super().pay(leg)

    def find(self, leg: PaymentLeg) -> str | None:
        return next(key for key in self.moved if key == leg.key)


async def test_a_plain_method_may_hand_out_a_coroutine_or_fail_in_any_way(pool: Any) -> None:
    bank = Odd("before")
    pay, asked = payer(pool, bank=bank), await refund(pool)
    with pytest.raises(ConnectionError):
        await pay(asked)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await pay(asked)
    other = await refund(pool)
    assert (await pay(other)).status == "done"
