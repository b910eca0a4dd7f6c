"""Amounts as people write them."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolution.amounts import decimals, write_amount
from resolution.clocks import Clock
from resolution.order import Terms
from workflows import page


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (10_550, "USD", "105.50 USD"),
        (7, "EUR", "0.07 EUR"),
        (0, "EUR", "0.00 EUR"),
        (10_550, "JPY", "10550 JPY"),
        (0, "KRW", "0 KRW"),
        (10_550, "KWD", "10.550 KWD"),
        (1, "CLF", "0.0001 CLF"),
        (-5, "USD", "-0.05 USD"),
        (-10_550, "JPY", "-10550 JPY"),
        (5, "ZZZ", "0.05 ZZZ"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(minor: int, currency: str, written: str) -> None:
    assert write_amount(minor, currency) == written


@given(st.integers(-(2**63), 2**63), st.sampled_from(["USD", "JPY", "BHD", "UYW"]))
def test_what_is_written_is_the_exact_amount(minor: int, currency: str) -> None:
    number, _, code = write_amount(minor, currency).partition(" ")
    assert Decimal(number).scaleb(decimals(currency)) == minor
    assert code == currency


def test_the_page_of_an_order_in_yen_shows_no_cents() -> None:
    terms = Terms.model_validate(
        {
            "order_id": "o-1",
            "client": "c-1",
            "freelancer": "f-1",
            "currency": "JPY",
            "price": 10_000,
            "ordered_at": "2025-03-03T09:00:00Z",
            "delivery_time": "5d",
        }
    )
    assert "10000 JPY" in page.summary(terms, "upwork")
    assert "fee 0 JPY" in page.details(terms, "upwork")


def test_timers_in_the_user_interface_name_the_instant_with_its_zone() -> None:
    clock = Clock.model_validate({"name": "answer_due", "at": "2025-03-06T10:00:00Z"})
    assert re.search(r"Thu 2025-03-06 10:00 UTC$", page.timer(clock))
