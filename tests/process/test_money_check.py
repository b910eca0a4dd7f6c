"""The check at the start: an order starts where its money is there, and nothing starts where it is not."""

from contextlib import suppress
from typing import Any

import httpx2
import pytest
from temporalio.service import RPCError

from recourse.activities.providers import CannotPay, PaymentToCheck, TryLater
from recourse.errors import PaymentMissing, ProviderUnreachable
from recourse.policies import load_policy
from recourse.resolution.model.opening_state import OpeningState
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from tests.activities.bank import Bank
from tests.http.conftest import KEYS, Caller, token
from tests.process.conftest import Marketplace

POLICY = load_policy("resolution_center")


class Collected(Bank):
    """A bank that has collected some payments, each of 105.50 USD."""

    def __init__(self, *payments: str) -> None:
        super().__init__()
        self.payments = payments
        self.checked: list[PaymentToCheck] = []
        self.fails: Exception | None = None

    def check(self, payment: PaymentToCheck) -> None:
        self.checked.append(payment)
        if self.fails:
            raise self.fails
        if payment.payment not in self.payments or (payment.amount, payment.currency) != (10_550, "USD"):
            raise CannotPay(f"No payment {payment.payment} of {payment.amount} {payment.currency}.")


def checking(marketplace: Marketplace, bank: Any) -> Recourse:
    return Recourse(
        marketplace.client, marketplace.recourse.pool, task_queue=marketplace.queue, providers={"bank": bank}
    )


async def has_started(marketplace: Marketplace, order_id: str) -> bool:
    with suppress(RPCError):
        await marketplace.handle(order_id).describe()
        return True
    return False


async def test_an_order_starts_where_its_money_is_there_and_is_checked_once(marketplace: Marketplace) -> None:
    bank, terms = Collected("pi_1"), marketplace.terms(payment="pi_1", destination="acct_1")
    recourse = checking(marketplace, bank)
    await recourse.start(terms, POLICY, provider="bank")
    assert await recourse.order(terms.order_id).soon_written()
    asked = {"payment": "pi_1", "destination": "acct_1", "amount": 10_550, "currency": "USD"}
    assert [one.model_dump() for one in bank.checked] == [{"order_id": terms.order_id, **asked}]
    # To start it again changes nothing, wherever its money is by now.
    bank.payments = ()
    await recourse.start(terms, POLICY, provider="bank")
    assert len(bank.checked) == 1


async def test_nothing_starts_where_it_is_not(marketplace: Marketplace) -> None:
    bank, terms = Collected("pi_1"), marketplace.terms(payment="pi_2")
    recourse = checking(marketplace, bank)
    with pytest.raises(PaymentMissing) as refused:
        await recourse.start_and_send(
            terms, POLICY, "message", {"actor": {"role": "client", "id": "c-1"}}, provider="bank"
        )
    assert str(refused.value) == (
        f"Order {terms.order_id} cannot start: its money is not there. bank: No payment pi_2 of 10550 USD."
    )
    assert not await has_started(marketplace, terms.order_id)
    bank.payments = ("pi_2",)
    await recourse.start(terms, POLICY, provider="bank")
    assert await has_started(marketplace, terms.order_id)


@pytest.mark.parametrize("fails", [ConnectionError("secret"), TryLater("secret", after=60)])
async def test_a_provider_that_is_away_has_the_start_tried_again(marketplace: Marketplace, fails: Exception) -> None:
    bank, terms = Collected("pi_1"), marketplace.terms(payment="pi_1")
    recourse, bank.fails = checking(marketplace, bank), fails
    with pytest.raises(ProviderUnreachable, match="Start it again later") as refused:
        await recourse.start(terms, POLICY, provider="bank")
    assert "secret" not in str(refused.value)
    assert not await has_started(marketplace, terms.order_id)


async def test_who_cannot_ask_starts_it_unasked(marketplace: Marketplace) -> None:
    bank = Collected()
    recourse = checking(marketplace, bank)
    began = marketplace.terms()
    came = OpeningState(phase="in_progress", since=began.ordered_at, due_at=began.ordered_at + began.delivery_time)
    await recourse.start(marketplace.terms(), POLICY)
    await recourse.start(marketplace.terms(), POLICY, provider="of another process")
    await checking(marketplace, Bank()).start(marketplace.terms(), POLICY, provider="bank")
    # Of an order that began elsewhere, some of the money may have gone where it belongs.
    await recourse.start(began, POLICY, provider="bank", state=came)
    assert bank.checked == []


async def test_the_http_api_says_so(marketplace: Marketplace) -> None:
    bank = Collected("pi_1")
    transport = httpx2.ASGITransport(make_app(checking(marketplace, bank), KEYS))
    async with httpx2.AsyncClient(transport=transport, base_url="http://recourse.test") as http:
        shop = Caller(http, token("service"))
        terms = marketplace.terms(payment="pi_2").model_dump(mode="json", exclude={"history"})
        missing = await shop.post("/orders", {"terms": terms, "provider": "bank"})
        bank.fails = ConnectionError("secret")
        away = await shop.post("/orders", {"terms": terms, "provider": "bank"})
    assert (missing.status_code, missing.json()["code"]) == (409, "payment_missing")
    assert "No payment pi_2" in missing.json()["detail"]
    assert (away.status_code, away.json()["code"], away.headers["retry-after"]) == (503, "provider_unreachable", "5")
    assert "secret" not in away.text
