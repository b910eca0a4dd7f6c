"""Amounts by ISO 4217 and as Stripe counts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.ports import CannotPay
from recourse.providers.stripe.amounts import from_stripe, to_stripe
from recourse.resolution.model.amounts import LARGEST


@pytest.mark.parametrize(
    ("ours", "currency", "theirs"),
    [
        (10_550, "USD", 10_550),
        (500, "JPY", 500),
        (500, "XOF", 500),
        # Whole in ISO 4217; Stripe writes them with two decimals.
        (5, "ISK", 500),
        (5, "UGX", 500),
        # Two decimals in ISO 4217; Stripe writes it whole.
        (500, "MGA", 5),
        (5_120, "KWD", 5_120),
        # Only payouts to banks are whole in these; transfers and refunds are not.
        (1_045, "HUF", 1_045),
        (80_045, "TWD", 80_045),
    ],
)
def test_amounts_are_written_as_stripe_counts_them(ours: int, currency: str, theirs: int) -> None:
    assert to_stripe(ours, currency) == theirs
    assert from_stripe(theirs, currency.lower()) == ours


@pytest.mark.parametrize(
    ("ours", "currency", "says"),
    [
        (5_124, "KWD", "Stripe moves KWD in steps of 0.010 KWD; 5.124 KWD is between two of them."),
        (550, "MGA", "Stripe moves MGA in steps of 1.00 MGA; 5.50 MGA is between two of them."),
    ],
)
def test_an_amount_that_stripe_cannot_move_is_not_rounded(ours: int, currency: str, says: str) -> None:
    with pytest.raises(CannotPay) as cannot:
        to_stripe(ours, currency)
    assert cannot.value.reason == says


@given(st.integers(0, LARGEST), st.sampled_from(["USD", "JPY", "ISK", "UGX", "MGA", "KWD", "BHD", "HUF", "CLP"]))
def test_no_cent_is_lost_on_the_way_and_back(ours: int, currency: str) -> None:
    try:
        theirs = to_stripe(ours, currency)
    except CannotPay:
        return
    assert from_stripe(theirs, currency) == ours
