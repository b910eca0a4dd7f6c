"""The same calls to the fake, to Stripe's official mock, and to its test mode, for those who have a key.

The mock checks every call against Stripe's own description of its API, and remembers nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recourse.ports import CannotPay, PaymentLeg
from tests.stripe.market import Market, market
from tests.stripe.shop import leg, to_check


@pytest.fixture(scope="module", params=["fake", "stripe-mock", "test mode"])
def shop(request: pytest.FixtureRequest) -> Iterator[Market]:
    with market(request.param) as there:
        yield there


def of(order: str, name: str, amount: int, **given: Any) -> PaymentLeg:
    """A leg of an order that nobody else has."""
    return leg(name, amount, order_id=order, key=f"{order}.payment.1.{name}", **given)


def test_a_payment_goes_to_both_sides(shop: Market) -> None:
    provider, order, intent, begin = shop.provider, shop.order(), shop.collect(), datetime.now(UTC)
    refund = of(order, "refund", 4_000, payment=intent)
    payout = of(order, "payout", 5_000, payment=intent, destination=shop.account)

    if shop.remembers:
        provider.check(to_check(intent, shop.account, order_id=order))
    references = [provider.pay(refund), provider.pay(payout), provider.pay(of(order, "fee", 1_550, payment=intent))]

    assert [str(reference)[:3] for reference in references] == ["re_", "tr_", "pi_"]
    # The same call under the same key moves nothing more.
    assert [provider.pay(each) for each in (refund, payout)] == references[:2] or not shop.remembers
    found = [provider.find(each) for each in (refund, payout)]
    moves = {each.reference: each for each in provider.movements(begin - timedelta(minutes=5))}
    if shop.remembers:
        assert found == references[:2]
        moved = [moves[str(reference)] for reference in found]
        assert [(each.order_id, each.leg, each.amount, each.status) for each in moved] == [
            (order, "1.refund", 4_000, "paid"),
            (order, "1.payout", 5_000, "paid"),
        ]


def test_a_payment_that_has_not_succeeded_is_none(shop: Market) -> None:
    intent = shop.client.v1.payment_intents.create({"amount": 10_550, "currency": "usd"}).id

    with pytest.raises(CannotPay, match="has not succeeded at Stripe: it is requires_payment_method"):
        shop.provider.check(to_check(intent, shop.account))


def test_a_payout_without_a_payment_comes_out_of_the_balance(shop: Market) -> None:
    shop.collect()

    assert str(shop.provider.pay(of(shop.order(), "payout", 100, destination=shop.account))).startswith("tr_")


def test_what_stripe_never_does_is_no_matter_of_time(shop: Market) -> None:
    if not shop.remembers:
        pytest.skip("stripe-mock knows every payment and every account")
    provider, order, intent = shop.provider, shop.order(), shop.collect()

    for refused, says in (
        (of(shop.order(), "refund", 10_551, payment=intent), "is more than is left of the payment"),
        (of(order, "refund", 100, payment="pi_none"), "Stripe knows no payment pi_none"),
        (of(order, "payout", 100, payment=intent, destination="acct_none"), "Stripe knows no account acct_none"),
    ):
        with pytest.raises(CannotPay, match=says):
            provider.pay(refused)


def test_a_debt_is_collected_by_a_reversal(shop: Market) -> None:
    order = shop.order()
    payout = of(order, "payout", 5_000, payment=shop.collect(), destination=shop.account)
    reference = str(shop.provider.pay(payout))

    shop.client.v1.transfers.reversals.create(reference, {"amount": 1_000, "metadata": {"recourse_debt": order}})

    assert shop.provider.find(payout) == reference or not shop.remembers
