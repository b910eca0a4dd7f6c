"""Where each cent goes (rules, 7)."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from recourse.resolution.model.money import (
    at_the_end,
    commission,
    fee_returned,
    gross_bounds,
    refund_bounds,
    round_half_up,
    while_open,
)
from recourse.resolution.model.order import Order, open_order
from recourse.resolution.model.payments import Sums
from tests.rules.given import ATTESTED, Given, opening

PRICES = st.integers(1, 10**15) | st.integers(1, 200)
FEES = st.integers(0, 10**15) | st.integers(0, 30)
RATES = st.integers(0, 10**11).map(lambda billionths: f"{billionths // 10**9}.{billionths % 10**9:09d}%")


def order_of(price: int, fee: int, rate: str = "20%", fee_back: str = "pro_rata") -> Order:
    changes = {"money.commission": rate, "money.fee_back": fee_back}
    return open_order(opening("upwork", changes, price=price, service_fee=fee))


@examples(PRICES, FEES, RATES, st.sampled_from(["pro_rata", "full", "none"]), st.data())
def test_an_ending_gives_away_exactly_what_was_paid(
    price: int, fee: int, rate: str, back: str, data: st.DataObject
) -> None:
    order = order_of(price, fee, rate, back)
    gross = data.draw(st.integers(0, price))

    ends = at_the_end(order, gross, "canceled")

    assert ends.total == price + fee
    assert min(ends.client, ends.freelancer, ends.platform) >= 0
    share = order.policy.money.commission
    assert ends.freelancer == gross - (gross * share).__floor__()
    if back == "full":
        assert ends.client == price - gross + fee
    if back == "none":
        assert ends.client == price - gross
    if back == "pro_rata":
        exact = Fraction(fee * (price - gross), price)
        assert ends.client == price - gross + (exact + Fraction(1, 2)).__floor__()


@examples(PRICES, FEES, RATES, st.sampled_from(["pro_rata", "full", "none"]), st.data())
def test_splitting_a_payout_makes_and_loses_no_cent(
    price: int, fee: int, rate: str, back: str, data: st.DataObject
) -> None:
    order, moved = order_of(price, fee, rate, back), Sums()
    for _ in range(data.draw(st.integers(0, 6))):
        least, most = gross_bounds(order)
        if data.draw(st.booleans()):
            order = order.model_copy(update={"released": data.draw(st.integers(least, most))})
        else:
            more = data.draw(st.integers(0, most - least))
            order = order.model_copy(update={"refunded": order.refunded + more})
        now = while_open(order)
        step = now.minus(moved)
        assert min(step.client, step.freelancer, step.platform) >= 0
        assert now.total <= price + fee
        moved = moved.plus(step)
    gross = data.draw(st.integers(*gross_bounds(order)))
    for ending in ("canceled", "completed"):
        if ending == "completed":
            gross = price - order.refunded
        ends = at_the_end(order, gross, "canceled" if ending == "canceled" else "completed")
        last = ends.minus(moved)
        assert min(last.client, last.freelancer, last.platform) >= 0
        assert moved.plus(last).total == price + fee
        if back == "pro_rata" or ending == "completed":
            assert moved.plus(last) == at_the_end(order_of(price, fee, rate), gross, "canceled")


@examples(st.integers(0, 10**18), st.integers(1, 10**9))
def test_half_a_unit_is_rounded_up(numerator: int, denominator: int) -> None:
    rounded = round_half_up(numerator, denominator)

    assert -Fraction(1, 2) < rounded - Fraction(numerator, denominator) <= Fraction(1, 2)


@pytest.mark.parametrize(("refunded", "back"), [(0, 0), (1, 0), (9, 0), (10, 1), (5_000, 275), (10_000, 550)])
def test_the_fee_goes_back_with_its_share_of_the_price(refunded: int, back: int) -> None:
    assert fee_returned(order_of(10_000, 550), refunded) == back


@pytest.mark.parametrize(("gross", "taken"), [(0, 0), (4, 0), (5, 1), (9, 1), (10_000, 2_000)])
def test_the_commission_is_rounded_down(gross: int, taken: int) -> None:
    assert commission(order_of(10_000, 0), gross) == taken


def test_a_percentage_is_read_exactly() -> None:
    order = order_of(10**15, 0, "33.333333333%")

    assert commission(order, 10**15) == 333_333_333_330_000


def test_a_refund_can_not_take_what_is_released() -> None:
    order = order_of(10_000, 550).model_copy(update={"released": 7_000})

    assert refund_bounds(order) == (1, 3_000)


@pytest.mark.parametrize(
    ("fee_back", "money"),
    [("pro_rata", (7_385, 2_400, 765, 0)), ("full", (7_550, 2_400, 600, 0)), ("none", (7_000, 2_400, 1_150, 0))],
)
def test_how_much_of_the_fee_goes_back_is_a_choice(fee_back: str, money: tuple[int, ...]) -> None:
    given = Given("glimmer", {"money.fee_back": fee_back})
    given.client("request", kind="cancel", reason="other", amount=3_000, attestations=ATTESTED)
    given.freelancer("accept")
    given.after("24h")

    assert given.money == money


@pytest.mark.parametrize(("fee_back", "client"), [("pro_rata", 10_550), ("full", 10_550), ("none", 10_000 + 138)])
def test_of_a_refunded_part_it_goes_back_in_any_case(fee_back: str, client: int) -> None:
    given = Given(changes={"money.fee_back": fee_back})
    given.freelancer("request", kind="partial_refund", amount=2_500)
    given.client("accept")
    assert given.money[0] == 2_638
    given.client("request", kind="cancel")
    given.freelancer("accept")

    assert given.money[0] == client


@pytest.mark.parametrize("fee_back", ["full", "none"])
def test_a_completed_order_keeps_its_fee_but_for_what_was_refunded(fee_back: str) -> None:
    given = Given(changes={"money.fee_back": fee_back})
    given.freelancer("request", kind="partial_refund", amount=2_500)
    given.client("accept")
    given.freelancer("deliver")
    given.client("complete")

    assert given.money == (2_638, 6_000, 1_912, 0)


def test_every_movement_is_a_double_entry_in_the_step_that_causes_it() -> None:
    given = Given()
    given.client("request", kind="cancel")

    step = given.freelancer("accept").steps[-1]

    assert [(line.account, line.amount) for line in step.ledger] == [("escrow", -10_550), ("client", 10_550)]


def test_the_largest_order_there_is() -> None:
    given = Given(price=10**15, service_fee=10**15)
    given.freelancer("deliver")
    given.client("complete")

    assert given.money == (0, 8 * 10**14, 2 * 10**14 + 10**15, 0)


@pytest.mark.parametrize("change", [{"price": 1, "service_fee": 0}, {"price": 1, "service_fee": 1}])
def test_the_smallest(change: dict[str, Any]) -> None:
    given = Given(**change)
    given.client("request", kind="cancel")
    given.freelancer("decline")
    given.client("escalate")
    given.after("14d")

    assert given.order.settlement == "settled"
    assert given.money[0] == 1 + change["service_fee"]
