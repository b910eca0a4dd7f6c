"""The kit for adapters of payment providers finds what is wrong with them, and nothing with one that is right.

RECOURSE_SIZE multiplies the runs: 5000 makes 100,000 of them.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recourse.ports import CannotPay, PaymentLeg, PaymentProvider, TryLater
from recourse.testing.payments import (
    Counts,
    FakeAdapter,
    FakeProvider,
    FakeRefusal,
    FakeStatus,
    Mistake,
    ProviderControl,
    check_adapter,
)
from recourse.testing.payments.table import WRITE_PAYMENTS

ROOT = Path(__file__).resolve().parents[2]
SIZE = int(os.environ.get("RECOURSE_SIZE", "1"))
RUNS = 20 * SIZE
# So many runs find every mistake below.
ENOUGH = 250


def made_of(adapter: Callable[[FakeProvider], Any]) -> Callable[[], tuple[PaymentProvider, ProviderControl]]:
    def make() -> tuple[PaymentProvider, ProviderControl]:
        provider = FakeProvider()
        return adapter(provider), provider

    return make


def test_nothing_is_wrong_with_an_adapter_that_is_right() -> None:
    tried, seed = Counts(), 0
    while tried.runs < RUNS:
        seed += 1
        tried.add(check_adapter(made_of(FakeAdapter), runs=min(RUNS, 1_000), seed=seed))
    assert tried.steps > 10 * RUNS
    assert tried.payments > RUNS


def test_the_table_in_memory_is_written_as_the_real_one() -> None:
    real = re.sub(r"--.*|;", "", (ROOT / "recourse/database/record_step.sql").read_text(encoding="utf-8"))
    kit = re.sub(r"CASE WHEN :status.*?END", "", WRITE_PAYMENTS, flags=re.DOTALL)
    [columns], [update] = (
        re.findall(r"\(\s*(key,.*?)\)", kit, re.DOTALL)[:1],
        re.findall(r"ON CONFLICT.*", kit, re.DOTALL),
    )
    for part in (columns, update):
        assert " ".join(part.split()) in " ".join(real.split())


class Without:
    """An adapter that has no `find`."""

    def __init__(self, provider: FakeProvider) -> None:
        self.pay = FakeAdapter(provider).pay


def test_one_that_cannot_look_up_is_right_where_the_provider_never_forgets() -> None:
    def make() -> tuple[PaymentProvider, ProviderControl]:
        provider = FakeProvider()
        provider.forgets_after = timedelta(days=10_000)
        return Without(provider), provider

    check_adapter(make, runs=20)


class PlainAdapter:
    """The right adapter with methods that are no coroutines."""

    def __init__(self, provider: FakeProvider) -> None:
        self._adapter = FakeAdapter(provider)

    def pay(self, leg: PaymentLeg) -> str:
        return str(run(self._adapter.pay(leg)))

    def find(self, leg: PaymentLeg) -> str | None:
        found: str | None = run(self._adapter.find(leg))
        return found


def run(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


def test_methods_may_run_in_threads() -> None:
    check_adapter(made_of(PlainAdapter), runs=5)


class IgnoresTheKey(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        return await super().pay(leg.model_copy(update={"key": f"{leg.key}/{leg.attempts}"}))


class HasItsOwnKeys(FakeAdapter):
    """One payment for each leg, although it may have another amount now, or may have come back."""

    def _leg(self, leg: PaymentLeg) -> PaymentLeg:
        return leg.model_copy(update={"key": f"{leg.order_id}.payment.{leg.leg}"})

    async def pay(self, leg: PaymentLeg) -> str:
        return await super().pay(self._leg(leg))

    async def find(self, leg: PaymentLeg) -> str | None:
        return await super().find(self._leg(leg))


class TakesATimeoutForNever(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        try:
            return await super().pay(leg)
        except TimeoutError as error:
            raise CannotPay("no answer") from error


class TakesTooManyCallsForNever(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        try:
            return await super().pay(leg)
        except TryLater as error:
            raise CannotPay(str(error)) from error


class TakesAConflictForNever(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        try:
            return await super().pay(leg)
        except FakeStatus as error:
            if error.status == 409:
                raise CannotPay("conflict") from error
            raise


class TakesErrorsForPaid(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        try:
            return await super().pay(leg)
        except FakeStatus:
            return "probably"


class Rounds(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        return await super().pay(leg.model_copy(update={"amount": leg.amount // 100 * 100 or leg.amount}))


class TakesEveryCurrencyForCents(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        return await super().pay(leg.model_copy(update={"currency": "USD"}))


class SwallowsARefusal(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        try:
            return await super().pay(leg)
        except CannotPay as refusal:
            return str(refusal)


class HopesThatARefusalEnds(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        try:
            return await super().pay(leg)
        except CannotPay as refusal:
            raise RuntimeError("not yet") from refusal


class AnswersBeforeTheEffect(FakeAdapter):
    async def pay(self, leg: PaymentLeg) -> str:
        with suppress(FakeStatus, TryLater, OSError, FakeRefusal):
            return await super().pay(leg)
        return f"queued-{leg.key}"


class FindsWhatCameBack(FakeAdapter):
    async def find(self, leg: PaymentLeg) -> str | None:
        return next((one.id for one in await self.provider.transfers(leg.order_id) if one.key == leg.key), None)


class FindsByAmount(FakeAdapter):
    async def find(self, leg: PaymentLeg) -> str | None:
        found = await self.provider.transfers(leg.order_id)
        return next((one.id for one in found if one.amount == leg.amount and one.status == "paid"), None)


class FindsNothingThatIsOnItsWay(FakeAdapter):
    async def find(self, leg: PaymentLeg) -> str | None:
        found = await self.provider.transfers(leg.order_id)
        return next((one.id for one in found if one.key == leg.key and one.status == "paid"), None)


class FindsNothing(FakeAdapter):
    async def find(self, leg: PaymentLeg) -> str | None:
        return None


class ChecksNoSignature(FakeAdapter):
    def read_event(self, headers: Any, body: bytes) -> Any:
        [webhook] = [FakeProvider.signed(body)]
        return super().read_event(webhook.headers, webhook.body)


class ReportsNothing(FakeAdapter):
    def read_event(self, headers: Any, body: bytes) -> Any:
        super().read_event(headers, body)
        return []


MISTAKES: dict[Callable[[FakeProvider], Any], str] = {
    IgnoresTheKey: "which `pay` was never given",
    HasItsOwnKeys: "`find` says that|instead of|although nothing fails",
    Without: "was paid 2 times",
    TakesATimeoutForNever: "raised CannotPay for",
    TakesTooManyCallsForNever: "raised CannotPay for",
    TakesAConflictForNever: "which the provider has not refused",
    TakesErrorsForPaid: "the provider's book has nothing for it",
    Rounds: "instead of",
    TakesEveryCurrencyForCents: "USD instead of",
    SwallowsARefusal: "the provider's book has nothing for it",
    HopesThatARefusalEnds: "is still waiting",
    AnswersBeforeTheEffect: "the provider's book has nothing for it",
    FindsWhatCameBack: "`find` says that|the provider's book has nothing for it",
    FindsByAmount: "`find` says that|the provider's book has nothing for it",
    FindsNothingThatIsOnItsWay: "`find` says nothing of|was paid 2 times",
    FindsNothing: "`find` says nothing of|was paid 2 times",
    ChecksNoSignature: "`read_event` took a webhook that was changed",
    ReportsNothing: "the provider's book has nothing for it",
}


@pytest.mark.parametrize("adapter", MISTAKES, ids=lambda adapter: adapter.__name__)
def test_a_mistake_is_found(adapter: Callable[[FakeProvider], Any]) -> None:
    with pytest.raises(Mistake, match=MISTAKES[adapter]):
        check_adapter(made_of(adapter), runs=ENOUGH, shorten=False)


def test_a_mistake_is_explained_by_a_short_sequence_of_steps() -> None:
    with pytest.raises(Mistake) as found:
        check_adapter(made_of(SwallowsARefusal))
    what, _, heading, *steps = str(found.value).splitlines()
    assert re.fullmatch(r"1\.\w+ of order o-\d, .*, counts as paid, and the provider's book has nothing for it\.", what)
    assert heading == "The shortest sequence of steps to it that was found:"
    assert re.fullmatch(r"1\. Order o-1: the client pays .*\.", steps[0])
    assert any(
        re.fullmatch(r"\d\. The provider closes the account that a \w+ of o-\d goes to\.", step) for step in steps
    )
    assert any(
        re.match(r"  pay\(o-\d\.payment\.1\.\w+, .*\) returns \"The receiver's account is closed", step)
        for step in steps
    )
    assert "The provider's book:" in steps
    assert len(steps) < 20
