"""Refunds and transfers through Stripe Connect, against a fake that remembers what it was asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recourse.ports import CannotPay, Movement, TryLater
from recourse.providers.stripe import adapter
from recourse.providers.stripe.adapter import Stripe
from tests.stripe.books import KEPT
from tests.stripe.fake import AWAY, BROKEN, BUSY, DROPPED, IN_USE, KEY, LOST, FakeStripe, fake_stripe
from tests.stripe.shop import ORDER, account, collected, leg, to_check

SLOW = "pm_card_visa"  # its money is on its way for days


def moved(fake: FakeStripe, kind: str) -> list[int]:
    return [made["amount"] for made in fake.all(kind)]


def test_a_refund_takes_a_part_of_the_payment_and_names_its_order(fake: FakeStripe, provider: Stripe) -> None:
    intent = collected(fake)

    reference = provider.pay(leg("refund", 4_000, payment=intent))

    made = fake.things[str(reference)]
    assert (made["object"], made["amount"], made["payment_intent"]) == ("refund", 4_000, intent)
    assert made["metadata"] == {
        "recourse_order": ORDER,
        "recourse_leg": "1.refund",
        "recourse_key": f"{ORDER}.payment.1.refund",
    }


def test_a_payout_is_a_transfer_out_of_the_payment_before_its_money_is_in_the_balance(
    fake: FakeStripe, provider: Stripe
) -> None:
    intent, freelancer = collected(fake, card=SLOW, transfer_group="contract-7"), account(fake)

    reference = provider.pay(leg("payout", 8_000, payment=intent, destination=freelancer))

    made = fake.things[str(reference)]
    assert (made["object"], made["amount"], made["currency"]) == ("transfer", 8_000, "usd")
    assert (made["destination"], made["transfer_group"]) == (freelancer, "contract-7")
    assert made["source_transaction"] == fake.things[intent]["latest_charge"]
    assert made["metadata"]["recourse_key"] == f"{ORDER}.payment.1.payout"


def test_what_is_more_than_the_payment_comes_out_of_the_balance(fake: FakeStripe, provider: Stripe) -> None:
    intent, freelancer = collected(fake, 5_000), account(fake)
    collected(fake, 20_000)
    first = leg("payout", 4_000, payment=intent, destination=freelancer)
    second = leg(
        "payout", 2_000, payment=intent, destination=freelancer, leg="2.payout", key=f"{ORDER}.payment.2.payout"
    )

    made = [fake.things[str(provider.pay(each))] for each in (first, second)]

    assert [each["source_transaction"] is not None for each in made] == [True, False]
    assert [provider.find(each) for each in (first, second)] == [each["id"] for each in made]


def test_the_fee_stays_with_the_platform(fake: FakeStripe, provider: Stripe) -> None:
    intent = collected(fake)

    assert provider.pay(leg("fee", 1_500, payment=intent)) == intent
    assert provider.find(leg("fee", 1_500, payment=intent)) is None
    assert [method for method, *_ in fake.calls if method == "POST"] == []


@pytest.mark.parametrize("name", ["refund", "payout"])
@pytest.mark.parametrize("trouble", [LOST, DROPPED, BUSY, IN_USE, BROKEN, AWAY])
def test_a_call_that_fails_is_asked_again_and_moves_the_money_once(
    fake: FakeStripe, provider: Stripe, name: str, trouble: Any
) -> None:
    asked = leg(name, 4_000, payment=collected(fake), destination=account(fake))
    fake.troubles.append(trouble)
    with pytest.raises((TryLater, TimeoutError)) as failed:
        provider.pay(asked)
    assert getattr(failed.value, "after", None) == (7.0 if trouble is BUSY else None)
    # Without an answer, Stripe may still be at work on it.
    assert isinstance(failed.value, TimeoutError) == isinstance(trouble, str)

    found = provider.find(asked)
    assert (found is not None) == (trouble == LOST)
    again = provider.pay(asked)

    assert moved(fake, "refund" if name == "refund" else "transfer") == [4_000]
    assert provider.find(asked) == again
    assert found in (None, again)


@pytest.mark.parametrize("name", ["refund", "payout"])
def test_what_was_moved_is_found_after_stripe_has_forgotten_the_key(
    fake: FakeStripe, provider: Stripe, name: str
) -> None:
    asked = leg(name, 4_000, payment=collected(fake), destination=account(fake))
    reference = provider.pay(asked)
    fake.later += KEPT + 1

    assert provider.find(asked) == reference
    assert provider.find(asked.model_copy(update={"key": f"{asked.key}.2"})) is None
    with pytest.raises(CannotPay, match=r"Under the key \S+ Stripe has moved 40.00 USD \(\w+\), not 30.00 USD"):
        provider.find(asked.model_copy(update={"amount": 3_000}))


def test_a_key_never_stands_for_another_amount(fake: FakeStripe, provider: Stripe) -> None:
    intent = collected(fake)
    provider.pay(leg("refund", 4_000, payment=intent))

    for ask in (provider.pay, provider.find):
        with pytest.raises(CannotPay, match=r"Under the key \S+ Stripe has moved 40\.00 USD \(\w+\), not 30\.00 USD"):
            ask(leg("refund", 3_000, payment=intent))
    assert moved(fake, "refund") == [4_000]


def test_a_key_that_stood_for_what_was_refused_is_no_verdict(fake: FakeStripe, provider: Stripe) -> None:
    with pytest.raises(CannotPay):
        provider.pay(leg("refund", 4_000, payment="pi_none"))

    with pytest.raises(TryLater, match="has stood for something else at Stripe within a day"):
        provider.pay(leg("refund", 4_000, payment=collected(fake)))


def test_what_was_refunded_cannot_be_transferred_out_of_the_payment(fake: FakeStripe, provider: Stripe) -> None:
    intent, freelancer = collected(fake), account(fake)
    collected(fake)
    provider.pay(leg("refund", 6_000, payment=intent))

    made = fake.things[str(provider.pay(leg("payout", 5_000, payment=intent, destination=freelancer)))]
    assert made["source_transaction"] is None


@pytest.mark.parametrize("at_first", [None, "contract-7"])
def test_a_transfer_is_found_whatever_becomes_of_the_group_of_its_payment(
    fake: FakeStripe, provider: Stripe, at_first: str | None
) -> None:
    intent = collected(fake, transfer_group=at_first)
    asked = leg("payout", 4_000, payment=intent, destination=account(fake))
    reference = provider.pay(asked)
    fake.things[fake.things[intent]["latest_charge"]]["transfer_group"] = at_first or "group-of-stripe"

    assert provider.find(asked) == reference


def test_a_transfer_that_is_asked_for_twice_at_once_is_one(fake: FakeStripe, provider: Stripe) -> None:
    # Each takes more than half of the payment, so the second, by itself, would come out of the balance.
    asked = leg("payout", 8_000, payment=collected(fake), destination=account(fake))

    assert provider.pay(asked) == provider.pay(asked)
    assert moved(fake, "transfer") == [8_000]


@pytest.mark.parametrize("late", [0, KEPT + 1])
def test_a_refund_that_failed_is_not_paid(fake: FakeStripe, provider: Stripe, late: int) -> None:
    asked = leg("refund", 4_000, payment=collected(fake))
    fake.troubles.append(LOST)
    with pytest.raises(TimeoutError):
        provider.pay(asked)
    [made] = fake.all("refund")
    fake.fail_refund(made["id"])
    fake.later += late

    assert provider.find(asked) is None
    # Within a day Stripe would repeat its answer of then, which said that it had succeeded.
    with pytest.raises(CannotPay, match=f"The refund {made['id']} has failed at Stripe: expired_or_canceled_card"):
        provider.pay(asked)


def test_a_refund_that_was_canceled_is_not_paid(fake: FakeStripe, provider: Stripe) -> None:
    asked, begin = leg("refund", 4_000, payment=collected(fake)), datetime.fromtimestamp(0, UTC)
    made = fake.things[str(provider.pay(asked))]
    made["status"] = "canceled"

    assert provider.find(asked) is None
    assert [(each.status, each.amount) for each in provider.movements(begin)] == [("failed", 4_000)]


def test_a_transfer_that_was_reversed_is_not_paid(fake: FakeStripe, provider: Stripe) -> None:
    asked = leg("payout", 4_000, payment=collected(fake), destination=account(fake))
    reference = str(provider.pay(asked))
    fake.post_reversals(reference, {"amount": "1000"})
    assert provider.find(asked) == reference
    fake.post_reversals(reference, {})

    assert provider.find(asked) is None
    with pytest.raises(CannotPay, match=f"The transfer {reference} has failed at Stripe: reversed"):
        provider.pay(asked)


def test_a_balance_that_is_too_low_is_asked_again_though_stripe_repeats_its_answer(
    fake: FakeStripe, provider: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, clock = leg("payout", 4_000, destination=account(fake)), [1_000_000.0]
    monkeypatch.setattr("recourse.providers.stripe.adapter.time.time", lambda: clock[0])
    for _ in range(4):
        with pytest.raises(TryLater, match=r"balance at Stripe does not cover 40\.00 USD"):
            provider.pay(asked)
        clock[0] += 300
    collected(fake)
    clock[0] += 600

    reference = provider.pay(asked)
    # Two calls at once, around the end of a period, of which the second cannot see the first one's transfer yet.
    monkeypatch.setattr(Stripe, "_transfers", lambda *_: iter(()))
    for later in (1, 599):
        clock[0] += later
        assert provider.pay(asked) == reference
    assert moved(fake, "transfer") == [4_000]


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("refund", {"payment": None}, "The terms name no payment"),
        ("refund", {"payment": "pi_none"}, "Stripe knows no payment pi_none"),
        ("payout", {"payment": "pi_none"}, "Stripe knows no payment pi_none"),
        ("refund", {"amount": 10_551}, "105.51 USD is more than is left of the payment pi_"),
        ("payout", {"destination": None}, "The terms name no destination"),
        ("payout", {"destination": "acct_none"}, "Stripe knows no account acct_none"),
    ],
)
def test_what_can_never_be_paid_says_why(
    fake: FakeStripe, provider: Stripe, name: str, given: dict[str, Any], says: str
) -> None:
    known: dict[str, Any] = {"amount": 4_000, "payment": collected(fake), "destination": account(fake), **given}

    with pytest.raises(CannotPay, match=says):
        provider.pay(leg(name, **known))
    assert moved(fake, "refund") + moved(fake, "transfer") == []


def test_a_closed_account_gets_nothing(fake: FakeStripe, provider: Stripe) -> None:
    freelancer = account(fake)
    fake.reject(freelancer)

    with pytest.raises(CannotPay, match=f"The account {freelancer} at Stripe is closed, or may not receive transfers"):
        provider.pay(leg("payout", 4_000, payment=collected(fake), destination=freelancer))


def test_a_payment_that_is_refunded_or_disputed_has_nothing_left(fake: FakeStripe, provider: Stripe) -> None:
    refunded, disputed = collected(fake), collected(fake)
    provider.pay(leg("refund", 10_550, payment=refunded))
    fake.dispute(disputed)

    with pytest.raises(CannotPay, match="is more than is left of the payment"):
        provider.pay(leg("refund", 1, payment=refunded, turn=2))
    with pytest.raises(CannotPay, match="The client's bank disputes the payment"):
        provider.pay(leg("refund", 1, payment=disputed, turn=3))


def test_a_wrong_key_blocks_nothing(fake: FakeStripe) -> None:
    with pytest.raises(TryLater, match="Stripe refuses the key in RECOURSE_STRIPE_KEY"):
        Stripe("sk_test_old", url=fake.url).pay(leg("refund", 4_000, payment=collected(fake)))


def test_a_server_that_is_not_there_is_tried_later() -> None:
    with pytest.raises(TimeoutError, match=r"Stripe did not answer\. It says: [^\n]+\Z"):
        Stripe("sk_test_1", url="http://127.0.0.1:9").pay(leg("refund", 4_000, payment="pi_1"))


def test_an_answer_that_takes_too_long_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_ANSWERS_WITHIN", 0.05)
    # A fake of its own: it may still be at work when the test is over.
    with fake_stripe() as slow:
        asked, provider = leg("refund", 4_000, payment=collected(slow)), Stripe(KEY, url=slow.url)
        with slow.lock, pytest.raises(TimeoutError, match="Stripe did not answer"):
            provider.pay(asked)


def test_the_check_notes_the_order_in_the_payment(fake: FakeStripe, provider: Stripe) -> None:
    intent, freelancer = collected(fake), account(fake)

    provider.check(to_check(intent, freelancer))
    provider.check(to_check(intent, freelancer))

    assert fake.things[intent]["metadata"] == {"recourse_order": ORDER}
    with pytest.raises(CannotPay, match=f"The payment {intent} is for the order {ORDER}"):
        provider.check(to_check(intent, freelancer, order_id="1002"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"payment": None}, "The terms name no payment, the payment intent at Stripe"),
        ({"destination": None}, "The terms name no destination, the connected account at Stripe"),
        ({"payment": "pi_none"}, "Stripe knows no payment pi_none"),
        ({"destination": "acct_none"}, "Stripe knows no account acct_none"),
        ({"currency": "EUR"}, r"The payment pi_\d+ is in USD, the order in EUR"),
        ({"amount": 10_551}, r"The payment pi_\d+ has 105.50 USD left; the order needs 105.51 USD"),
    ],
)
def test_the_check_refuses_what_is_not_there(
    fake: FakeStripe, provider: Stripe, given: dict[str, Any], says: str
) -> None:
    known = {"payment": collected(fake), "destination": account(fake), **given}

    with pytest.raises(CannotPay, match=says):
        provider.check(to_check(**known))


def test_the_check_refuses_money_that_is_gone_or_not_collected(fake: FakeStripe, provider: Stripe) -> None:
    freelancer, refunded, disputed, turned = account(fake), collected(fake), collected(fake), collected(fake)
    open_ = str(fake.post_payment_intents({"amount": "10550", "currency": "usd"})["id"])
    provider.pay(leg("refund", 1, payment=refunded))
    fake.dispute(disputed)
    fake.things[fake.things[turned]["latest_charge"]]["balance_transaction"]["currency"] = "eur"

    for intent, says in (
        (open_, "has not succeeded at Stripe: it is requires_payment_method"),
        (refunded, "has 105.49 USD left"),
        (disputed, "The client's bank disputes"),
        (turned, "came into the balance at Stripe as EUR, so no USD of it can be transferred"),
    ):
        with pytest.raises(CannotPay, match=says):
            provider.check(to_check(intent, freelancer))
    fake.reject(freelancer)
    with pytest.raises(CannotPay, match=r"is closed: rejected\.fraud"):
        provider.check(to_check(collected(fake), freelancer))


def test_movements_are_what_stripe_has_moved_for_orders(fake: FakeStripe, provider: Stripe) -> None:
    intent, freelancer, begin = collected(fake), account(fake), datetime.now(UTC) - timedelta(seconds=1)
    provider.check(to_check(intent, freelancer))
    refunds = [str(provider.pay(leg("refund", amount, payment=intent, turn=amount))) for amount in (2, 3)]
    payouts = [
        str(provider.pay(leg("payout", amount, payment=intent, destination=freelancer, turn=amount)))
        for amount in (20, 30, 40, 50)
    ]
    by_hand = fake.post_refunds({"payment_intent": intent, "amount": "100"})["id"]
    fake.post_refunds({"payment_intent": collected(fake)})
    fake.fail_refund(refunds[1])
    fake.post_reversals(payouts[1], {})
    fake.post_reversals(payouts[2], {"amount": "10"})
    fake.post_reversals(payouts[3], {"metadata": {"recourse_debt": ORDER}})

    found = {each.reference: each for each in provider.movements(begin)}

    assert {reference: (each.status, each.amount) for reference, each in found.items()} == {
        refunds[0]: ("paid", 2),
        refunds[1]: ("returned", 3),
        by_hand: ("paid", 100),
        payouts[0]: ("paid", 20),
        payouts[1]: ("returned", 30),
        payouts[2]: ("paid", 30),
        payouts[3]: ("paid", 50),
    }
    assert (found[by_hand].order_id, found[by_hand].leg, found[by_hand].key) == (ORDER, None, None)
    assert found[payouts[0]] == Movement(
        key=f"{ORDER}.payment.1.payout.20",
        order_id=ORDER,
        leg="1.payout",
        amount=20,
        currency="USD",
        status="paid",
        reference=payouts[0],
        at=found[payouts[0]].at,
    )
    assert [*provider.movements(begin + timedelta(days=1))] == []


def test_movements_are_read_page_by_page(fake: FakeStripe, provider: Stripe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_PAGE", 2)
    intent = collected(fake)
    for turn in range(1, 6):
        provider.pay(leg("refund", turn, payment=intent, turn=turn))

    assert sorted(each.amount for each in provider.movements(datetime.fromtimestamp(0, UTC))) == [1, 2, 3, 4, 5]
