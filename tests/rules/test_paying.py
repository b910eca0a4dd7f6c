"""Payments out of escrow, and a payment provider that fails for a while (rules, 7)."""

from datetime import timedelta

from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.order import read_state, write_opening
from tests.rules.given import Given


def canceled_while_the_provider_fails() -> Given:
    given = Given(provider="bank")
    given.client("request", kind="cancel")
    given.provider_works = False
    given.freelancer("accept")
    return given


def refunded_while_the_provider_fails(changes: dict[str, object] | None = None) -> Given:
    given = Given(changes=changes, provider="bank")
    given.freelancer("request", kind="partial_refund", amount=1_000)
    given.provider_works = False
    given.client("accept")
    return given


def test_the_order_is_canceled_whether_or_not_the_provider_pays() -> None:
    given = canceled_while_the_provider_fails()

    assert given.order.phase == "canceled"
    assert given.order.settlement == "retrying"
    assert given.money == (0, 0, 0, 10_550)


def test_each_retry_waits_twice_as_long_up_to_an_hour_and_leaves_no_entry() -> None:
    given = canceled_while_the_provider_fails()
    waits = []
    for _ in range(8):
        assert given.order.retry_at is not None
        waits.append(given.order.retry_at - given.now)
        then = given.until(given.order.retry_at)
        # The next try's instant is written, so that readers see it; nothing is recorded or told.
        assert [(step.entry, step.notices, step.ledger) for step in then.steps] == [(None, (), ())]

    assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32, 60, 60)]
    assert given.order.record_length == 2


def test_a_provider_that_is_away_for_a_month_wedges_nothing() -> None:
    given = canceled_while_the_provider_fails()
    given.after("30d")
    given.provider_works = True

    then = given.after("1h")

    assert given.order.settlement == "settled"
    assert given.money == (10_550, 0, 0, 0)
    assert then.told == {"client": ["money_settled"], "freelancer": ["money_settled"]}


def test_an_order_whose_payment_is_retried_stays_reachable() -> None:
    given = canceled_while_the_provider_fails()
    given.after("30d")
    assert not given.engine.is_over(given.now)

    given.provider_works = True
    given.after("1h")
    assert not given.engine.is_over(given.now)
    given.after("14d")
    assert given.engine.is_over(given.now)


def test_every_attempt_at_a_leg_has_the_same_key_and_the_same_amount() -> None:
    given = refunded_while_the_provider_fails()
    given.client("request", kind="cancel")
    given.freelancer("accept")
    given.provider_works = True

    then = given.after("2h")

    # What waited before is tried again with what is paid now.
    refund, rest = ("o-1.payment.1.refund", 1_055), ("o-1.payment.2.refund", 9_495)
    assert given.attempts == [refund, refund, rest, refund, rest]
    assert given.order.settlement == "settled"
    assert given.money == (10_550, 0, 0, 0)
    assert then.told == {"client": ["money_settled"], "freelancer": ["money_settled"]}


def test_an_order_is_settled_with_the_last_of_its_legs_and_not_before() -> None:
    given = Given(provider="bank")
    given.freelancer("deliver")
    given.never_paid = {"payout"}

    given.client("complete")

    assert (given.order.settlement, given.money) == ("blocked", (0, 0, 2_550, 8_000))
    assert [(leg.id, leg.status) for leg in given.order.legs] == [("1.payout", "blocked"), ("1.fee", "done")]


def test_what_is_to_be_paid_is_written_before_the_provider_is_asked() -> None:
    given = canceled_while_the_provider_fails()
    decided, answered = given.steps[-2:]

    assert [(row.key, row.amount, row.status) for row in decided.payments] == [
        ("o-1.payment.1.refund", 10_550, "waiting")
    ]
    assert decided.entry is not None
    assert (answered.entry, answered.payments, answered.ledger) == (None, (), ())


def test_a_revived_order_first_asks_for_what_was_written() -> None:
    given = canceled_while_the_provider_fails()
    opening = write_opening(given.engine.order.opening)
    again = OrderEngine.of(read_state({**given.steps[-2].order, "opening": opening}), 3)

    assert [leg.id for leg in again.asks(given.now)] == ["1.refund"]
    clock = again.due(given.now)
    assert clock is not None
    assert clock.name == "settlement_retry"


def test_an_order_that_closes_while_the_provider_fails_is_retrying_at_once() -> None:
    given = refunded_while_the_provider_fails()
    given.freelancer("deliver")

    given.client("complete")

    assert given.order.settlement == "retrying"


def test_a_failing_part_payment_does_not_end_the_time_in_which_money_is_held() -> None:
    given = refunded_while_the_provider_fails({"cases.appeal_window": "3d"})
    given.client("request", kind="cancel")
    given.freelancer("decline")
    given.client("escalate")
    given.operator("rule", outcome="cancel", amount=0, explanation="Nothing was done.")
    given.after("2d")
    assert given.order.settlement == "held"

    given.provider_works = True
    given.after("1h")
    assert given.order.settlement == "held"
    assert given.money == (1_055, 0, 0, 9_495)

    given.freelancer("appeal", comment="Half of it is done.")
    given.operator("rule", name="operator-2", outcome="cancel", amount=4_500, explanation="So it is.")
    assert given.money == (5_803, 3_600, 1_147, 0)


def test_a_payment_of_nothing_asks_no_provider() -> None:
    given = Given("upwork", service_fee=0, provider="bank")
    given.client("request", kind="cancel", comment="All of it is done.", amount=10_000)
    assert given.money == (0, 8_000, 2_000, 0)
    given.provider_works = False

    given.freelancer("accept")

    assert given.order.settlement == "settled"
