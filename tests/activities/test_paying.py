"""The payment port: asked until it has paid, always for the same payment under the same key, and paid for once."""

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment, TimeSkipper, TimeSkippingConfig

from recourse.activities import paying
from recourse.activities.contract import LegToPay
from recourse.activities.paying import Paying
from recourse.activities.providers import BadProvider, CannotPay, PaymentProvider, TryLater, load_providers
from recourse.database.orders import read_balances
from recourse.database.payments import PaymentLeg, write_answer
from recourse.database.steps import record_step
from recourse.policies import load_policy
from recourse.resolution.model.payments import LegAnswer
from recourse.resolution.model.terms import Terms
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.worker import make_worker
from tests.activities.bank import Bank
from tests.activities.conftest import NOW, Written
from tests.outcomes import applied

CLIENT = {"role": "client", "id": "c-1"}


class Shop:
    """A marketplace with a payment provider, on a server whose time can be skipped."""

    def __init__(self, client: Client, pool: Any, queue: str) -> None:
        self.skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=10_000))
        self.recourse = Recourse(self.skipper.client, pool, task_queue=queue)

    async def canceled(self, provider: str) -> str:
        """An order that is canceled at once, its money back to the client."""
        terms = Terms(
            order_id=f"pay-{secrets.token_hex(4)}",
            client="c-1",
            freelancer="f-1",
            price=10_000,
            service_fee=550,
            ordered_at=datetime.now(UTC),
            delivery_time=timedelta(days=5),
            requirements="awaited",
            payment="pi_1",
            destination="acct_1",
        )
        await self.recourse.start(terms, load_policy("resolution_center"), provider=provider)
        outcome = await self.recourse.order(terms.order_id).send("request", {"actor": CLIENT, "kind": "cancel"})
        assert outcome.applied
        assert applied(outcome).phase == "canceled"
        return terms.order_id

    async def wait(self, order_id: str, until: timedelta) -> None:
        """Let time pass, and what falls due be written."""
        handle = self.recourse.temporal.get_workflow_handle(workflow_id(order_id))
        await self.skipper.fast_forward(handle, until)
        # Whatever was due is decided before the next message is.
        await self.recourse.order(order_id).send("message", {"actor": CLIENT, "comment": "Is it there?"})

    async def settlement(self, order_id: str) -> str:
        return (await self.recourse.order(order_id).state()).settlement

    async def balances(self, order_id: str) -> Mapping[str, int]:
        return await read_balances(self.recourse.pool, order_id)

    async def payments(self, order_id: str) -> list[tuple[Any, ...]]:
        query = "SELECT number || '.' || leg, amount, status, reference, attempts FROM payments WHERE order_id = $1"
        return [tuple(row) for row in await self.recourse.pool.fetch(f"{query} ORDER BY number, leg, turn", order_id)]

    async def told(self, order_id: str) -> list[str]:
        return [notice.name for notice in await self.recourse.order(order_id).notices("client")]


@asynccontextmanager
async def shop(address: str, pool: Any, **providers: PaymentProvider) -> AsyncIterator[Shop]:
    client, queue = await connect(target_host=address), f"pay-{secrets.token_hex(4)}"
    async with make_worker(client, pool, task_queue=queue, providers=providers):
        yield Shop(client, pool, queue)


async def test_a_provider_that_works_is_asked_once(temporal_address: str, pool: Any) -> None:
    bank = Bank()
    async with shop(temporal_address, pool, bank=bank) as market:
        order_id = await market.canceled("bank")
        assert await market.settlement(order_id) == "settled"
        [leg] = bank.asked
        assert leg.model_dump() == {
            "key": f"{order_id}.payment.1.refund",
            "order_id": order_id,
            "leg": "1.refund",
            "name": "refund",
            "amount": 10_550,
            "currency": "USD",
            "provider": "bank",
            "status": "waiting",
            "reason": None,
            "reference": None,
            "attempts": 0,
            "turn": 1,
            "client": "c-1",
            "freelancer": "f-1",
            "payment": "pi_1",
            "destination": "acct_1",
        }
        assert await market.payments(order_id) == [("1.refund", 10_550, "done", f"ref-{leg.key}", 1)]
        assert await market.balances(order_id) == {
            "client": 0,
            "freelancer": 0,
            "platform": 0,
            "escrow": 0,
            "contested": 0,
        }
        assert await market.told(order_id) == ["order_canceled"]


@pytest.mark.parametrize("trouble", ["before", "after"])
async def test_one_that_fails_is_asked_again_for_the_same_and_pays_once(
    temporal_address: str, pool: Any, trouble: Any
) -> None:
    bank = Bank(trouble, trouble, trouble)
    async with shop(temporal_address, pool, bank=bank) as market:
        order_id = await market.canceled("bank")
        assert await market.settlement(order_id) == "retrying"
        assert (await market.balances(order_id))["escrow"] == 10_550
        await market.wait(order_id, timedelta(minutes=1, seconds=30))
        assert (len(bank.asked), await market.settlement(order_id)) == (2, "retrying")
        await market.wait(order_id, timedelta(minutes=10))

        assert await market.settlement(order_id) == "settled"
        assert len(bank.asked) == 4
        assert len({(leg.key, leg.amount) for leg in bank.asked}) == 1
        assert [leg.amount for leg in bank.moved.values()] == [10_550]
        assert await market.balances(order_id) == {
            "client": 0,
            "freelancer": 0,
            "platform": 0,
            "escrow": 0,
            "contested": 0,
        }
        assert await market.told(order_id) == ["order_canceled", "money_settled"]


async def test_one_that_no_worker_knows_holds_the_money_until_a_worker_does(temporal_address: str, pool: Any) -> None:
    bank = Bank()
    async with shop(temporal_address, pool, other=Bank()) as market:
        order_id = await market.canceled("bank")
        assert await market.settlement(order_id) == "retrying"
        queue = market.recourse.task_queue
        history = await market.recourse.temporal.get_workflow_handle(workflow_id(order_id)).fetch_history()
        failures = [e.activity_task_failed_event_attributes.failure.message for e in history.events]
        assert "This worker knows no payment provider 'bank': name it in RECOURSE_PAYMENT_PROVIDERS." in failures
    client = await connect(target_host=temporal_address)
    async with make_worker(client, pool, task_queue=queue, providers={"bank": bank}):
        await market.wait(order_id, timedelta(minutes=2))
        assert await market.settlement(order_id) == "settled"
        assert len(bank.moved) == 1


def test_providers_are_named_by_where_their_factories_are() -> None:
    assert load_providers("") == {}
    loaded = load_providers(" bank=tests.activities.bank:opened\n second=tests.activities.bank:Bank ")
    assert {name: type(provider) for name, provider in loaded.items()} == {"bank": Bank, "second": Bank}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bank", "not of the form name=package.module:factory"),
        ("=tests.activities.bank:opened", "not of the form"),
        ("bank=", "not of the form"),
        ("ledger=tests.activities.bank:opened", "is the built-in escrow ledger"),
        ("a=tests.activities.bank:opened a=tests.activities.bank:Bank", "is there twice"),
        ("bank=no.such.module:x", "cannot be loaded: ModuleNotFoundError: No module named 'no'"),
        ("bank=tests.activities.bank", "cannot be loaded: AttributeError"),
        ("bank=tests.activities.bank:nobody", "cannot be loaded: AttributeError"),
        ("bank=tests.activities.bank:closed_for_today", "cannot be loaded: OSError: no key to the vault"),
        (
            "bank=tests.activities.bank:Impatient",
            "Impatient.timeout is 600, and must be a number of seconds, 20 at most",
        ),
        ("bank=tests.activities.bank:Backward", "Backward.late is -1, and must be a number of seconds"),
        ("bank=tests.activities.bank:not_a_bank", r"not_a_bank\(\) returned str, which has no method `pay`"),
    ],
)
def test_a_provider_that_cannot_be_used_is_said_so_before_any_work(text: str, says: str) -> None:
    with pytest.raises(BadProvider, match=says) as refused:
        load_providers(text)
    assert text.split()[-1] in str(refused.value)


@asynccontextmanager
async def one_leg(pool: Any, provider: PaymentProvider) -> AsyncIterator[Callable[[], Awaitable[LegAnswer]]]:
    """A refund that a step has written, and the activity that asks the provider for it."""
    written = await Written(pool, provider="bank", requirements="awaited").open()
    await written.by("client", "request", kind="cancel")
    paying, asked = Paying(pool, {"bank": provider}), LegToPay(order_id=written.order_id, leg="1.refund")
    yield lambda: ActivityEnvironment().run(paying.pay, asked)


async def test_a_leg_that_the_provider_has_paid_is_not_asked_for_again(pool: Any) -> None:
    bank = Bank()
    async with one_leg(pool, bank) as pay:
        first = await pay()
        assert await pay() == first
        # Also by a worker that has no such provider.
        [order_id] = {leg.order_id for leg in bank.asked}
        without = Paying(pool, {})
        assert await ActivityEnvironment().run(without.pay, LegToPay(order_id=order_id, leg="1.refund")) == first
    assert (first.status, len(bank.asked)) == ("done", 1)


async def test_a_key_that_the_provider_knows_for_another_amount_is_for_operators(pool: Any) -> None:
    bank = Bank()
    async with one_leg(pool, bank) as pay:
        await pay()
        [(key, known)] = bank.moved.items()
        bank.moved[key] = known.model_copy(update={"amount": 1})
        await pool.execute("UPDATE payments SET status = 'waiting', answered_at = NULL WHERE key = $1", key)
        assert await pay() == LegAnswer(status="blocked", reason="this key was used for another payment")


class NoAccount:
    """A provider that is no coroutine, and says no for good."""

    def __init__(self) -> None:
        self.thread: str | None = None

    def pay(self, leg: PaymentLeg) -> str:
        self.thread = threading.current_thread().name
        raise CannotPay(f"No account\x00 for {leg.name}.")


async def test_a_provider_runs_in_a_thread_and_may_say_that_it_can_never_pay(pool: Any) -> None:
    provider = NoAccount()
    async with one_leg(pool, provider) as pay:
        answer = await pay()
    assert answer == LegAnswer(status="blocked", reason="No account\\u0000 for refund.")
    assert provider.thread is not None
    assert provider.thread.startswith("call-bank")


class Forgetful(Bank):
    """A bank that can be asked what it has paid."""

    def find(self, leg: PaymentLeg) -> str | None:
        return "found" if leg.key in self.moved else None


async def test_a_provider_that_can_find_a_payment_is_asked_for_it_before_it_is_asked_to_pay_again(pool: Any) -> None:
    bank = Forgetful("before", "after")
    async with one_leg(pool, bank) as pay:
        for _ in range(2):
            with pytest.raises((ConnectionError, TimeoutError)):
                await pay()
        assert await pay() == LegAnswer(status="done", reference="found")
    assert len(bank.asked) == 2


@asynccontextmanager
async def lowered(pool: Any, provider: PaymentProvider, refund: int = 5_000) -> AsyncIterator[Written]:
    """A payout for which the provider was asked without an answer, before a ruling after completion lowered it."""
    policy = {"cases.after_completion": "7d", "money.late_refund_from": "freelancer"}
    written = await Written(pool, provider="bank", changes=policy).open()
    await written.by("freelancer", "deliver")
    await written.by("client", "complete")
    await paid(written, provider)
    assert [leg.status for leg in written.engine.order.legs] == ["waiting", "done"]
    await written.by("operator", "open_case", explanation="A complaint.")
    await written.by("operator", "rule", outcome="refund", amount=refund, explanation="So much is missing.")
    yield written


async def paid(written: Written, provider: PaymentProvider) -> None:
    """One round in which the provider is asked for all that waits."""
    answers, paying = {}, Paying(written.pool, {"bank": provider})
    for leg in written.engine.asks(NOW):
        with suppress(OSError):
            asked = LegToPay(order_id=written.order_id, leg=leg.id)
            answers[leg.id] = await ActivityEnvironment().run(paying.pay, asked)
    await record_step(written.pool, written.engine.commit(written.engine.plan_answers(answers, NOW)))


@pytest.mark.parametrize("refund", [5_000, 10_000])
async def test_a_leg_that_was_paid_before_it_was_lowered_is_not_paid_again(pool: Any, refund: int) -> None:
    bank = Forgetful("after")
    async with lowered(pool, bank, refund) as written:
        await paid(written, bank)
        order = written.engine.order
    keeps = 8_000 * refund // 10_000
    assert [(leg.id, leg.amount, leg.status, leg.key) for leg in order.legs] == [
        ("1.payout", 8_000, "done", 1),
        ("1.fee", 2_550, "done", 1),
        ("2.refund", refund * 10_550 // 10_000, "done", 1),
    ]
    assert sorted(bank.moved) == sorted(leg.key_in(order.terms.order_id) for leg in order.legs)
    assert (order.settlement, order.moved.freelancer, order.debts) == ("settled", 8_000, {"freelancer": keeps})
    assert (await read_balances(pool, order.terms.order_id))["escrow"] == 0


async def test_what_a_former_key_paid_and_comes_back_is_tried_again_under_a_key_of_its_own(pool: Any) -> None:
    bank = Forgetful("after")
    async with lowered(pool, bank) as written:
        await paid(written, bank)
        del bank.moved[f"{written.order_id}.payment.1.payout"]
        await written.by("system", "payment_event", event="returned", leg="1.payout", reference="found")
        await written.by("operator", "retry_payment", leg="1.payout")
        await paid(written, bank)
    assert {key: leg.amount for key, leg in bank.moved.items() if leg.name == "payout"} == {
        f"{written.order_id}.payment.1.payout.3": 8_000
    }


async def test_what_a_former_key_paid_is_noted_there_and_said_again_where_the_answer_was_lost(pool: Any) -> None:
    bank = Forgetful("after")
    async with lowered(pool, bank) as written:
        asked = LegToPay(order_id=written.order_id, leg="1.payout")
        first = await ActivityEnvironment().run(Paying(pool, {"bank": bank}).pay, asked)
        # By any worker: the provider need not be asked for it again.
        again = await ActivityEnvironment().run(Paying(pool, {}).pay, asked)
        noted = await keys_of(pool, asked)
        await paid(written, bank)
    assert (again, first.former_key, first.amount) == (first, 1, 8_000)
    assert noted == [(1, 8_000, "done"), (2, 4_000, "waiting")]
    assert await keys_of(pool, asked) == [(1, 8_000, "done"), (2, 4_000, "void")]


async def time_passes(pool: Any) -> None:
    """Until no call can be at work any more."""
    await pool.execute("UPDATE payments SET asked_at = asked_at - $1::interval", timedelta(seconds=paying.LATE))


async def keys_of(pool: Any, asked: LegToPay) -> list[tuple[int, int, str]]:
    """The keys that a leg has had, each with its amount and status."""
    query = "SELECT turn, amount, status FROM payments WHERE order_id = $1 AND number || '.' || leg = $2 ORDER BY turn"
    return [tuple(row) for row in await pool.fetch(query, asked.order_id, asked.leg)]


async def test_a_leg_that_was_not_paid_before_it_was_lowered_pays_what_is_left(pool: Any) -> None:
    bank = Forgetful("before")
    async with lowered(pool, bank) as written:
        # Whatever failed at our end: the provider may still be at it.
        with pytest.raises(TryLater, match="may not have ended"):
            await paid(written, bank)
        await time_passes(pool)
        await paid(written, bank)
        order = written.engine.order
    assert next((leg.id, leg.amount, leg.status, leg.key) for leg in order.legs) == ("1.payout", 4_000, "done", 2)
    assert (order.settlement, order.moved.freelancer, order.debts) == ("settled", 4_000, {})


async def test_what_nobody_can_look_up_is_for_operators_before_less_is_paid(pool: Any) -> None:
    bank = Bank("after")
    async with lowered(pool, bank) as written:
        await paid(written, bank)
        [payout] = [leg for leg in written.engine.order.legs if leg.name == "payout"]
        assert (payout.amount, payout.status) == (4_000, "blocked")
        assert "whether 80.00 USD was paid" in str(payout.reason)
        # An operator has found that it was not.
        await written.by("operator", "retry_payment", leg="1.payout")
        await paid(written, bank)
    assert [leg.status for leg in written.engine.order.legs] == ["done"] * 3


class Late(Bank):
    """A bank whose calls give no answer in time. It pays them, when `pays` is set."""

    timeout = 0.2

    def __init__(self) -> None:
        super().__init__()
        self.pays, self.paid = threading.Event(), threading.Event()

    def pay(self, leg: PaymentLeg) -> str:  # type: ignore[override]
        if leg.name == "payout":
            self.pays.wait()
        self.moved[leg.key] = leg
        self.paid.set()
        return "paid"

    def find(self, leg: PaymentLeg) -> str | None:
        return "found" if leg.key in self.moved else None


async def test_what_a_call_without_an_answer_may_yet_pay_is_not_paid_under_another_key(pool: Any) -> None:
    bank = Late()
    async with lowered(pool, bank) as written:
        asked = LegToPay(order_id=written.order_id, leg="1.payout")
        bank.timeout = 5
        bank.paid.clear()
        # Another worker knows nothing of that call.
        with pytest.raises(TryLater, match=r"1\.payout may not have ended yet"):
            await ActivityEnvironment().run(Paying(pool, {"bank": bank}).pay, asked)
        bank.pays.set()
        await asyncio.to_thread(bank.paid.wait)
        await paid(written, bank)
        order = written.engine.order
    assert [leg.amount for leg in bank.moved.values() if leg.name == "payout"] == [8_000]
    assert [(leg.amount, leg.key) for leg in order.legs if leg.name == "payout"] == [(8_000, 1)]


async def test_what_never_came_is_paid_under_the_new_key_when_its_time_is_over(pool: Any) -> None:
    never, bank = Late(), Late()
    bank.timeout = 5
    bank.pays.set()
    async with lowered(pool, never) as written:
        await time_passes(pool)
        await paid(written, bank)
    never.pays.set()
    assert [leg.amount for leg in bank.moved.values() if leg.name == "payout"] == [4_000]


async def test_an_answer_that_the_order_did_not_get_counts_when_the_leg_was_lowered(pool: Any) -> None:
    bank = Bank("before")
    async with lowered(pool, bank) as written:
        # What the worker has noted is not lost, whatever became of its report.
        [former] = [leg for leg in written.engine.order.legs if leg.name == "payout"]
        key = former.model_copy(update={"key": 1}).key_in(written.order_id)
        await pool.execute("UPDATE payments SET status = 'waiting', answered_at = NULL WHERE key = $1", key)
        await write_answer(pool, key, LegAnswer(status="done", reference="t-1"))
        await paid(written, bank)
        order = written.engine.order
    assert (order.legs[0].amount, order.legs[0].reference, order.moved.freelancer) == (8_000, "t-1", 8_000)


@pytest.mark.parametrize(("taken", "trouble"), [(4_000, "after"), (10_550, "after"), (4_000, "before")])
async def test_a_refund_that_a_chargeback_lowers_is_not_paid_twice(pool: Any, taken: int, trouble: Any) -> None:
    """The provider's first answer was lost; what it had paid beyond the client's part, the platform bears."""
    bank = Forgetful(trouble)
    written = await Written(pool, provider="bank").open()
    await written.by("client", "request", kind="cancel")
    await written.by("freelancer", "accept")
    await paid(written, bank)
    for told in ({"event": "chargeback_opened", "amount": taken}, {"event": "chargeback_closed", "outcome": "lost"}):
        await written.by("system", "payment_event", **told)
    assert [(leg.amount, leg.status, leg.key) for leg in written.engine.order.legs] == [(10_550 - taken, "waiting", 2)]
    await time_passes(pool)
    await paid(written, bank)
    order, beyond = written.engine.order, taken if trouble == "after" else 0
    assert sum(leg.amount for leg in bank.moved.values()) == order.legs[0].amount == 10_550 - taken + beyond
    assert (order.settlement, order.moved.client, order.moved.platform) == ("settled", 10_550 + beyond, -beyond)
    assert (await read_balances(pool, order.terms.order_id))["escrow"] == 0


async def test_nothing_is_paid_that_no_step_has_written(pool: Any) -> None:
    bank = Bank()
    for asked in (LegToPay(order_id="nobody", leg="1.refund"), LegToPay(order_id="nobody", leg="x' OR true --")):
        with pytest.raises(ApplicationError, match="has written the payment"):
            await ActivityEnvironment().run(Paying(pool, {"bank": bank}).pay, asked)
    assert bank.asked == []


async def test_a_key_never_stands_for_another_amount(pool: Any) -> None:
    async with one_leg(pool, Bank()) as pay:
        await pay()
    with pytest.raises(asyncpg.RaiseError, match="never stands for another payment"):
        await pool.execute("UPDATE payments SET amount = amount + 1")
    with pytest.raises(asyncpg.RaiseError, match="never changed or deleted"):
        await pool.execute("DELETE FROM payments")
