"""Amounts as people write them."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from recourse.resolution.model.amounts import decimals, read_amount, write_amount
from recourse.resolution.model.terms import Terms
from recourse.resolution.rules.clocks import Clock
from recourse.runtime.currencies import check_currency
from recourse.workflows import page


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


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("30.50", "USD", 3050),
        ("30.5", "USD", 3050),
        ("30.50 USD", "USD", 3050),
        ("30.50USD", "USD", 3050),
        ("100", "USD", 10_000),
        ("0", "USD", 0),
        ("007", "USD", 700),
        ("10550", "JPY", 10_550),
        ("10550 JPY", "JPY", 10_550),
        ("1.234", "BHD", 1234),
        ("0.0001", "CLF", 1),
        ("10000000000000", "USD", 10**15),
    ],
)
def test_an_amount_is_typed_as_money(text: str, currency: str, minor: int) -> None:
    assert read_amount(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    ["1,5", "1e3", "+5", "-5", ".5", "5.", " ", "", "NaN", "inf", "٣", "1٫5", "1_000", "0x10", "1 000", "$5", "5 usd"],
)
def test_what_is_not_money_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape("such as 123.45 or 123.45 USD.")):
        read_amount(text, "USD")


@pytest.mark.parametrize(
    ("text", "currency", "says"),
    [
        ("1.005", "USD", "2 decimals at most"),
        ("1.500", "USD", "2 decimals at most"),
        ("1.5", "JPY", "no decimals"),
        ("1.2345", "BHD", "3 decimals at most"),
        ("30.50 EUR", "USD", "must be in USD, not in EUR"),
        ("10000000000000.01", "USD", "at most 10000000000000.00 USD"),
        ("99999999999999999999", "USD", "at most 10000000000000.00 USD"),
        ("9" * 5000, "JPY", "at most 1000000000000000 JPY"),
    ],
)
def test_an_amount_that_the_order_cannot_have_is_refused(text: str, currency: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_amount(text, currency)


@given(st.integers(0, 10**15), st.sampled_from(["USD", "JPY", "BHD", "UYW"]))
def test_what_is_written_is_read_again(minor: int, currency: str) -> None:
    assert read_amount(write_amount(minor, currency), currency) == minor


def test_the_decimals_are_those_of_the_list_by_which_orders_start() -> None:
    listed = {one.code: one.exponent for one in Currency if one.exponent is not None}
    assert {code: decimals(code) for code in listed} == listed


@pytest.mark.parametrize("code", ["USD", "EUR", "JPY", "BHD", "CLF", "XOF", "XCG"])
def test_a_currency_of_today_is_taken(code: str) -> None:
    check_currency(code)


@pytest.mark.parametrize("code", ["UDS", "XXX", "XTS", "XAU", "XDR", "DEM", "HRK", "usd", "US", "", "EURO", "840"])
def test_what_money_cannot_be_counted_in_today_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="is not a currency that ISO 4217 has today"):
        check_currency(code)
