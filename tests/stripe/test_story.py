"""A whole order that is paid through Stripe: collected, refunded in part, canceled, charged back, won.

docs/payments.md tells it step by step; each line of its table is held against what happened.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from recourse.activities.reconciling import Comparison
from recourse.database.orders import read_balances
from recourse.providers.stripe.adapter import Stripe
from recourse.resolution.model.amounts import write_amount
from recourse.starter.client import Recourse
from recourse.starter.reporting import take_report
from recourse.worker import make_worker
from tests.outcomes import applied
from tests.process.conftest import Marketplace
from tests.stripe.fake import FakeStripe
from tests.stripe.market import market
from tests.stripe.shop import account, collected

PAGE = Path(__file__).resolve().parents[2] / "docs" / "payments.md"
# Nothing waits, so that the story is over in a moment.
AT_ONCE = {"undo": {"by": [], "window": "0h"}}
WHY = {"reason": "other", "comment": "We agreed on it."}


@pytest.fixture
async def shop(client: Client, pool: Any, provider: Stripe) -> AsyncIterator[Marketplace]:
    """A marketplace whose worker pays through the fake."""
    async with paying_through(client, pool, provider, checks=True) as shop:
        yield shop


@asynccontextmanager
async def paying_through(client: Client, pool: Any, provider: Stripe, *, checks: bool) -> AsyncIterator[Marketplace]:
    queue, providers = f"stripe-{secrets.token_hex(4)}", {"stripe": provider}
    async with make_worker(client, pool, task_queue=queue, providers=providers):
        asks = Recourse(client, pool, task_queue=queue, providers=providers if checks else {})
        yield Marketplace(asks, queue)


async def refunded_in_part(shop: Marketplace, order_id: str) -> None:
    assert applied(await shop.by("freelancer", order_id, "request", kind="partial_refund", amount=2_000, **WHY))
    assert applied(await shop.by("client", order_id, "accept", expected_version=1))


async def canceled(shop: Marketplace, order_id: str) -> None:
    assert applied(await shop.by("freelancer", order_id, "request", kind="cancel", amount=3_000, **WHY))
    assert applied(await shop.by("client", order_id, "accept", expected_version=2))


async def line(shop: Marketplace, fake: FakeStripe, order_id: str, step: str) -> str:
    """How the table tells a step: what our ledger holds, what Stripe has moved and what the platform has there."""
    ledger = await read_balances(shop.recourse.pool, order_id)
    names = ("client", "freelancer", "platform", "contested", "escrow")
    ours = ", ".join(f"{name} {money(ledger[name])}" for name in names if ledger[name])
    refunds, transfers = (sum(made["amount"] for made in fake.all(kind)) for kind in ("refund", "transfer"))
    theirs = f"refunded {money(refunds)}, transferred {money(transfers)}, balance {money(fake.available['usd'])}"
    return f"| {step} | {ours} | {theirs} |"


def money(amount: int) -> str:
    return write_amount(amount, "USD").removesuffix(" USD")


async def test_the_whole_story(shop: Marketplace, fake: FakeStripe, provider: Stripe) -> None:
    intent, freelancer = collected(fake), account(fake)
    order_id = await shop.order("fair", AT_ONCE, provider="stripe", payment=intent, destination=freelancer)
    assert (await shop.by("client", order_id, "message", comment="Here is my brief.")).applied
    told = [await line(shop, fake, order_id, "started")]

    await refunded_in_part(shop, order_id)
    told.append(await line(shop, fake, order_id, "refunded in part"))
    await canceled(shop, order_id)
    told.append(await line(shop, fake, order_id, "canceled"))
    dispute = fake.dispute(intent, 3_165)
    assert await reported(shop, fake, provider) == ["taken", "repeated"]
    told.append(await line(shop, fake, order_id, "charged back"))
    fake.set_dispute(dispute, "won")
    assert await reported(shop, fake, provider) == ["repeated", "taken"]
    told.append(await line(shop, fake, order_id, "won"))

    page = PAGE.read_text(encoding="utf-8")
    assert [each for each in told if each not in page] == []
    state = await shop.recourse.order(order_id).state()
    assert (state.phase, state.settlement) == ("canceled", "settled")
    assert await differences(shop, provider) == []

    by_hand = fake.post_refunds({"payment_intent": intent, "amount": "100"})["id"]
    fake.fail_refund(str(state.legs[0].reference))
    assert await differences(shop, provider) == [
        ("returned_there", order_id, [state.legs[0].reference]),
        ("not_here", order_id, [by_hand]),
    ]


async def differences(shop: Marketplace, provider: Stripe) -> list[tuple[str, str | None, list[str]]]:
    """Where Stripe's books and ours differ, once nothing is on its way any more."""
    now = datetime.now(UTC)
    books = Comparison(shop.recourse.pool, "stripe", provider, now - timedelta(days=1), now + timedelta(hours=1))
    return [(each.kind, each.order_id, each.references) async for each in books.differences()]


async def reported(shop: Marketplace, fake: FakeStripe, provider: Stripe) -> list[str]:
    """Stripe posts its new events, and the order takes them."""
    events, fake.events = fake.events, []
    reports = [report for event in events for report in provider.read_event(*fake.signed(event))]
    return [await take_report(shop.recourse, "stripe", report) for report in reports]


async def test_as_far_as_stripes_own_mock_goes(client: Client, pool: Any) -> None:
    with market("stripe-mock") as there:
        # Its payments have never succeeded.
        async with paying_through(client, pool, there.provider, checks=False) as shop:
            terms = {"payment": there.collect(), "destination": there.account}
            order_id = await shop.order("fair", AT_ONCE, provider="stripe", **terms)
            await refunded_in_part(shop, order_id)
            await canceled(shop, order_id)
            state = await shop.recourse.order(order_id).state()

    assert (state.phase, state.settlement) == ("canceled", "settled")
    assert [(leg.id, (leg.reference or "")[:3]) for leg in state.legs] == [
        ("1.refund", "re_"),
        ("2.refund", "re_"),
        ("2.payout", "tr_"),
        ("2.fee", "pi_"),
    ]
