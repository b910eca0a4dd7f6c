"""Each error of Stripe's is never or not yet: one table, which docs/payments.md shows."""

from itertools import chain

import pytest

from recourse.ports import CannotPay, TryLater
from recourse.providers.stripe.adapter import Stripe
from recourse.providers.stripe.errors import MEANINGS, Meaning
from tests.stripe.books import Refusal
from tests.stripe.fake import FakeStripe
from tests.stripe.shop import account, collected, leg


def answers(meaning: Meaning) -> list[Refusal]:
    """One answer of Stripe's for each code and each status that a line of the table names."""
    coded = [Refusal(400, "It says why.", code) for code in meaning.codes if code != "idempotency_error"]
    kinds = [Refusal(400, "It says why.", kind=kind) for kind in meaning.codes if kind == "idempotency_error"]
    by_status = [
        Refusal(status, "It says why.", param=param, kind="api_error")
        for status in meaning.statuses[:4]
        for param in (meaning.params or (None,))
    ]
    said = [Refusal(404, f"No such thing; {meaning.message} live mode.", "resource_missing")] if meaning.message else []
    return [*coded, *kinds, *by_status, *said]


@pytest.mark.parametrize(
    ("meaning", "answer"),
    [*chain.from_iterable(((meaning, answer) for answer in answers(meaning)) for meaning in MEANINGS)],
    ids=lambda value: f"{value.status}-{value.code or value.param}" if isinstance(value, Refusal) else value.verdict,
)
def test_an_error_is_never_or_not_yet_and_says_why(
    fake: FakeStripe, provider: Stripe, meaning: Meaning, answer: Refusal
) -> None:
    asked = leg("payout", 4_000, payment=collected(fake), destination=account(fake))
    fake.troubles.append(answer)

    with pytest.raises((CannotPay, TryLater)) as failed:
        provider.pay(asked)

    names = {"payment": asked.payment, "destination": asked.destination, "amount": "40.00 USD", "key": asked.key}
    assert isinstance(failed.value, CannotPay) == (meaning.verdict == "never")
    assert str(failed.value) == f"{meaning.says.format(**names)} It says: {answer.message}"
    assert fake.all("transfer") == []


def test_an_answer_that_nobody_foresaw_is_not_yet(fake: FakeStripe, provider: Stripe) -> None:
    fake.troubles.append(Refusal(418, "I am a teapot."))

    with pytest.raises(TryLater, match="I am a teapot"):
        provider.pay(leg("refund", 4_000, payment=collected(fake)))
