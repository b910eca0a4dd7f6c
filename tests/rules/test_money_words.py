"""What each reader is told of the money: what was paid, who gets what and when, and how far each payment has come."""

from datetime import timedelta
from typing import Any

import pytest

from recourse.resolution.model.record import Reader
from recourse.resolution.shown.groups import group_view
from recourse.resolution.shown.money_words import leg_named, leg_said, money_said
from recourse.resolution.shown.stuck_money import stuck_money
from recourse.resolution.shown.views import payments, view
from tests.rules.given import Given, completed, reported


def canceled(policy: str = "glimmer", amount: int = 3_000, **how: Any) -> Given:
    """Canceled by agreement. Glimmer holds the money for a day; at once under any other policy."""
    given = Given(policy, **how)
    agreed = {"attestations": ["discussed", "tried_to_resolve", "agreed_compensation"], "amount": amount}
    more = agreed if policy == "glimmer" else {"comment": "-"}
    assert given.client("request", kind="cancel", reason="other", **more).refused is None
    assert given.freelancer("accept").refused is None
    return given


def stuck(policy: str, leg: str) -> Given:
    given = Given(policy, provider="bank")
    given.never_paid = {leg}
    if policy == "resolution_center":
        assert given.client("request", kind="cancel", reason="other", comment="-").refused is None
        assert given.freelancer("accept").refused is None
        return given
    agreed = ["discussed", "tried_to_resolve", "agreed_compensation"]
    given.client("request", kind="cancel", reason="other", amount=3_000, attestations=agreed)
    given.freelancer("accept")
    given.after("24h")
    return given


def said(given: Given, reader: Reader) -> list[str]:
    """The sentences, with the hours that are left where one ends with an instant."""

    def when(text: str, at: Any) -> str:
        return text.replace("on {instant}", f"in {(at - given.now) / timedelta(hours=1):g} h") if at else text

    return [when(one.text, one.at) for one in money_said(given.order, reader)]


def legs(given: Given, reader: Reader) -> list[str]:
    still = given.order.still is not None
    return [leg_said(leg, "USD", still=still) for leg in payments(given.order, reader)]


def test_what_is_held_says_who_gets_what_and_when() -> None:
    given = canceled()
    assert said(given, "client") == ["You paid 105.50 USD; you get back 73.85 USD in 24 h"]
    assert said(given, "freelancer") == ["You get 24.00 USD in 24 h"]
    assert said(given, "operator") == [
        "Of 105.50 USD, the client gets back 73.85 USD and the freelancer gets 24.00 USD in 24 h"
    ]
    given.after("24h")
    assert said(given, "client") == ["You paid 105.50 USD and got 73.85 USD back"]
    assert said(given, "freelancer") == ["You got 24.00 USD"]
    assert said(given, "operator") == [
        "The client paid 105.50 USD and got 73.85 USD back; the freelancer got 24.00 USD"
    ]


def test_a_ruling_that_can_be_appealed_says_when_the_money_comes() -> None:
    given = Given(changes={"cases.appeal_window": "3d"})
    given.client("request", kind="cancel", reason="other", comment="We stop.")
    given.freelancer("decline", comment="I go on.")
    given.client("escalate", comment="Please look.")
    ruling: dict[str, Any] = {"outcome": "cancel", "amount": 4_000, "explanation": "Half is done."}
    assert given.operator("rule", **ruling).refused is None
    assert said(given, "client") == ["You paid 105.50 USD; you get back 63.30 USD in 72 h"]


def test_an_open_order_says_what_is_held_and_what_came_back() -> None:
    given = Given()
    assert said(given, "client") == ["You paid 105.50 USD; the marketplace holds 105.50 USD"]
    given.freelancer("request", kind="partial_refund", amount=1_000, comment="A part is late.")
    given.client("accept")
    assert said(given, "client") == ["You paid 105.50 USD and got 10.55 USD back; the marketplace holds 94.95 USD"]
    assert said(given, "freelancer") == ["The client paid 105.50 USD; the marketplace holds 94.95 USD"]


def test_what_had_come_before_is_told_apart_from_what_is_still_to_come() -> None:
    given = Given(provider="bank")
    given.freelancer("request", kind="partial_refund", amount=1_000, comment="A part is late.")
    given.client("accept")
    given.provider_works = False
    given.client("request", kind="cancel", reason="other", comment="-")
    given.freelancer("accept")
    assert said(given, "client") == ["You paid 105.50 USD and got 10.55 USD back; you are to get back 94.95 USD more"]


def test_nothing_is_said_to_be_nothing() -> None:
    given = canceled("resolution_center")
    assert said(given, "freelancer") == ["You get nothing for this order"]
    assert said(canceled(amount=10_000), "client") == ["You paid 105.50 USD; nothing of it comes back"]
    assert said(completed(), "client") == ["You paid 105.50 USD"]


def test_a_payment_that_is_blocked_says_why_and_to_whom_it_belongs() -> None:
    given = stuck("resolution_center", "refund")
    assert said(given, "client") == ["You paid 105.50 USD; you are to get back 105.50 USD"]
    assert legs(given, "client") == [
        "105.50 USD could not be paid to you (no such account); the marketplace is looking at it"
    ]
    assert legs(given, "freelancer") == []
    given = stuck("glimmer", "payout")
    assert legs(given, "client") == ["73.85 USD was paid to you"]
    assert legs(given, "freelancer") == [
        "24.00 USD could not be paid to you (no such account); the marketplace is looking at it"
    ]
    assert [leg_named(leg, "USD") for leg in payments(given.order, "operator")] == [
        "73.85 USD to the client: done",
        "24.00 USD to the freelancer: blocked (no such account)",
        "7.65 USD to the marketplace: done",
    ]
    [one] = stuck_money(given.order)
    assert (one.leg, one.status, one.amount, one.reason) == ("1.payout", "blocked", 2_400, "no such account")
    given.never_paid = set()
    given.operator("retry_payment", leg="1.payout")
    assert legs(given, "freelancer") == ["24.00 USD was paid to you"]
    assert stuck_money(given.order) == []


def test_a_payment_that_waits_is_on_its_way_unless_the_order_stands_still() -> None:
    given = Given(provider="bank")
    given.provider_works = False
    given.client("request", kind="cancel", reason="other", comment="-")
    given.freelancer("accept")
    assert legs(given, "client") == ["105.50 USD is on its way to you"]
    given.operator("hold", explanation="We call the bank.")
    assert legs(given, "client") == ["105.50 USD waits to be paid to you"]


def test_a_payment_that_came_back_says_so() -> None:
    given = reported(completed(provider="bank"), "returned", leg="1.payout")
    assert said(given, "freelancer") == ["You are to get 80.00 USD"]
    assert legs(given, "freelancer") == ["80.00 USD came back from your bank; the marketplace is looking at it"]
    assert [one.status for one in stuck_money(given.order)] == ["returned"]


def test_a_chargeback_says_what_the_bank_took_until_it_decides_and_afterwards() -> None:
    given = reported(Given(), "chargeback_opened", amount=4_000, reference="dp_1", respond_by="2025-04-01T00:00:00Z")
    held = "paid 105.50 USD; the marketplace holds 65.50 USD"
    assert said(given, "client") == [f"You {held}", "Your bank took 40.00 USD and has not decided yet"]
    taken = "The client's bank took 40.00 USD and has not decided yet"
    assert said(given, "freelancer") == [f"The client {held}", taken]
    [one] = stuck_money(given.order)
    assert (one.status, one.leg, one.amount, one.reference) == ("contested", None, 4_000, "dp_1")
    assert one.respond_by is not None
    reported(given, "chargeback_closed", outcome="won")
    assert said(given, "client")[1] == "Your bank took 40.00 USD, and gave it back to the marketplace"
    assert stuck_money(given.order) == []


def test_a_refund_that_the_bank_has_paid_already_is_no_longer_due() -> None:
    given = Given(provider="bank")
    given.provider_works = False
    given.client("request", kind="cancel", reason="other", comment="-")
    given.freelancer("accept")
    reported(given, "chargeback_opened", amount=10_550)
    reported(given, "chargeback_closed", outcome="lost")
    assert legs(given, "client") == ["A payment to you is no longer due"]
    [leg] = payments(given.order, "operator")
    assert leg_named(leg, "USD") == "Nothing to the client: no longer due"


def test_a_debt_is_for_the_freelancer_and_operators() -> None:
    given = completed(changes={"money.chargeback_loss": "freelancer"})
    reported(given, "chargeback_opened", amount=10_550)
    reported(given, "chargeback_closed", outcome="lost")
    assert said(given, "freelancer")[-1] == "You owe the marketplace 80.00 USD"
    assert said(given, "operator")[-1] == "The freelancer owes the marketplace 80.00 USD"
    assert not [one for one in said(given, "client") if "owe" in one]


@pytest.mark.parametrize("disputed", [0, 1])
def test_a_group_adds_up_what_a_bank_disputes_in_some_of_its_orders(disputed: int) -> None:
    orders = [Given(), Given()]
    reported(orders[disputed], "chargeback_opened", amount=4_000)
    views = [view(given.order, "operator", given.now) for given in orders]
    together = group_view("g-1", ("c-1", "f-1"), views).money["USD"]
    assert (together.contested, together.held) == (4_000, 2 * 10_550 - 4_000)
