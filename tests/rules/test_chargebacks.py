"""Chargebacks: the client's bank takes money back, for a time or for good (rules, 13)."""

from datetime import timedelta
from typing import Any

import pytest

from recourse.resolution.model.payments import LegAnswer
from recourse.resolution.shown.looking_ahead import available_actions
from tests.rules.given import Given, Then, completed

ALL = 10_550


def reported(given: Given, event: str, **fields: Any) -> Then:
    return given.by("system", "payment_event", event=event, **fields)


def charged_back(given: Given, amount: int = ALL, outcome: str | None = "lost", **fields: Any) -> Given:
    """The given order after a chargeback; `outcome` None: it is still open."""
    reported(given, "chargeback_opened", amount=amount, **fields)
    if outcome:
        reported(given, "chargeback_closed", outcome=outcome)
    return given


def balances(given: Given) -> dict[str, int]:
    money: dict[str, int] = given.view("operator")["money"]
    assert sum(money.values()) == given.order.price + given.order.service_fee
    return money


class TestOneThatIsOpen:
    @pytest.mark.parametrize("amount", [1, 5_000, ALL])
    def test_what_it_takes_from_escrow_and_the_platform_goes_back_where_it_came_from(self, amount: int) -> None:
        for given in (Given(), completed()):
            before = balances(given)
            charged_back(given, amount, None)
            open_now = balances(given)
            assert open_now["contested"] == amount
            assert open_now["held"] == max(before["held"] - amount, 0)
            assert open_now["platform"] == before["platform"] - max(amount - before["held"], 0)
            reported(given, "chargeback_closed", outcome="won")
            assert balances(given) == before

    def test_a_report_that_comes_twice_or_out_of_order_changes_nothing(self) -> None:
        given = Given()
        assert reported(given, "chargeback_closed", outcome="lost").refused == "no_chargeback"
        charged_back(given, 1_000, None, reference="dp_1")
        assert reported(given, "chargeback_opened", amount=1_000, reference="dp_1").refused == "chargeback_open"
        assert reported(given, "chargeback_closed", outcome="lost", reference="dp_0").refused == "no_chargeback"
        reported(given, "chargeback_closed", outcome="won", reference="dp_1")
        assert reported(given, "chargeback_closed", outcome="lost", reference="dp_1").refused == "no_chargeback"
        assert reported(given, "chargeback_opened", amount=1_000, reference="dp_1").refused == "chargeback_known"
        assert balances(given) == balances(Given())
        assert [entry.content["outcome"] for entry in given.record].count("refused") == 5

    def test_the_reference_is_for_operators(self) -> None:
        given = charged_back(Given(), 1_000, None, reference="dp_1", respond_by="2025-03-20T00:00:00Z")
        [entry] = given.record
        assert entry.content["private"] == {"reference": "dp_1"}
        assert "dp_1" not in str({**entry.content, "private": None})
        assert given.view("client")["chargeback"]["status"] == "open"
        assert "dp_1" not in str(given.view("client"))

    @pytest.mark.parametrize("fields", [{"event": "returned"}, {"event": "chargeback_closed"}])
    def test_what_a_report_needs_is_named(self, fields: dict[str, str]) -> None:
        then = Given().by("system", "payment_event", **fields)
        assert then.refused == "malformed"

    def test_a_payout_may_come_back_meanwhile(self) -> None:
        given = charged_back(completed(), outcome=None)
        reported(given, "returned", leg="1.payout")
        assert balances(given) == {"client": 0, "freelancer": 0, "platform": -8_000, "contested": ALL, "held": 8_000}
        assert given.order.settlement == "blocked"
        reported(given, "chargeback_closed", outcome="lost")
        assert given.operator("retry_payment", leg="1.payout").refused is None
        assert balances(given) == {"client": ALL, "freelancer": 8_000, "platform": -8_000, "contested": 0, "held": 0}

    def test_it_counts_as_lost_on_a_hold_too(self) -> None:
        given = charged_back(Given(changes={"money.chargeback_lost_after": "10d"}), 2_000, None)
        given.after("9d")
        given.operator("hold", explanation="We call the bank.")
        given.after("24h")
        assert given.resolution["how"] == "charged_back"
        assert given.order.settlement == "held"


class TestOneThatIsLost:
    def test_two_take_no_more_than_was_paid(self) -> None:
        given = charged_back(charged_back(completed(), 6_000), 4_550)
        then = reported(given, "chargeback_opened", amount=1)
        assert then.refused == "amount_out_of_range"
        assert balances(given) == {"client": ALL, "freelancer": 8_000, "platform": -8_000, "contested": 0, "held": 0}

    def test_debts_are_no_more_than_what_the_freelancer_received(self) -> None:
        given = completed({"money.chargeback_loss": "freelancer"})
        charged_back(charged_back(given, 6_000), 4_550)
        assert given.view("freelancer")["debts"] == {"freelancer": 8_000}
        assert "debts" not in given.view("client")

    def test_a_payout_that_came_back_still_covers_what_the_freelancer_owes(self) -> None:
        given = charged_back(completed({"money.chargeback_loss": "freelancer"}), 2)
        reported(given, "returned", leg="1.payout")
        charged_back(given, ALL - 2)
        assert given.operator("retry_payment", leg="1.payout").refused is None
        assert given.view("freelancer")["debts"] == {"freelancer": 2}
        assert balances(given) == {"client": ALL, "freelancer": 2, "platform": -2, "contested": 0, "held": 0}

    def test_open_legs_that_escrow_can_no_longer_pay_the_platform_pays(self) -> None:
        given = Given(provider="bank")
        given.provider_works = False
        given.freelancer("deliver")
        given.client("complete")
        charged_back(given)
        assert balances(given)["held"] == sum(leg.amount for leg in given.order.open_legs)
        given.provider_works = True
        given.after("24h")
        assert balances(given) == {"client": ALL, "freelancer": 8_000, "platform": -8_000, "contested": 0, "held": 0}
        assert given.order.settlement == "settled"

    def test_what_ended_stays_ended(self) -> None:
        given = Given("glimmer", changes={"undo.by": ["client", "freelancer"]})
        attested = ["discussed", "tried_to_resolve", "agreed_compensation"]
        given.client("request", kind="cancel", reason="other", amount=2_000, attestations=attested)
        given.freelancer("accept")
        charged_back(given, 1_000)
        assert given.client("undo").refused == "undo_closed"
        assert given.freelancer("undo").refused == "undo_closed"
        assert "undo" not in available_actions(given.order, "freelancer", given.now)

    def test_the_order_is_reachable_for_as_long_after_it(self) -> None:
        given = completed()
        given.after("13d")
        charged_back(given, outcome=None)
        given.after("20d")
        reported(given, "chargeback_closed", outcome="lost")
        over = given.engine.over_at()
        assert over == given.now + timedelta(days=14)


def test_a_refund_that_was_paid_before_it_was_lowered_is_a_loss() -> None:
    """The provider had paid the refund, and its answer was lost; the bank then gave a part of it too."""
    given = Given(provider="bank")
    given.provider_works = False
    given.client("request", kind="cancel")
    given.freelancer("accept")
    charged_back(given, 4_000)
    [leg] = given.order.legs
    assert (leg.amount, leg.key, leg.status) == (6_550, 2, "waiting")
    retry_at = given.order.retry_at
    assert retry_at is not None
    answer = LegAnswer(status="done", former_key=1, amount=ALL)
    given.engine.commit(given.engine.plan_answers({leg.id: answer}, retry_at))
    assert balances(given) == {"client": ALL + 4_000, "freelancer": 0, "platform": -4_000, "contested": 0, "held": 0}
    assert given.order.settlement == "settled"
