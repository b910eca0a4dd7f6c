"""Cases after completion: what a late ruling moves, who bears it, and who learns of it (rules, 14)."""

from datetime import timedelta
from typing import Any

import pytest

from recourse.resolution.model.facts import facts
from recourse.resolution.model.money import held
from recourse.resolution.model.record import export, verify
from recourse.resolution.shown.looking_ahead import available_actions
from tests.rules.given import Given

LATE = {"cases.after_completion": "7d", "money.late_refund_from": "freelancer"}


def completed(changes: dict[str, Any] | None = None, **how: Any) -> Given:
    given = Given(changes={**LATE, **(changes or {})}, **how)
    given.freelancer("deliver")
    given.client("complete")
    return given


def complained(changes: dict[str, Any] | None = None, **how: Any) -> Given:
    given = completed(changes, **how)
    given.client("escalate", comment="Two of five pages are copied.")
    return given


def legs(given: Given) -> list[tuple[str, int, str, int]]:
    return [(leg.id, leg.amount, leg.status, leg.key) for leg in given.order.legs]


def refunded(given: Given, amount: int) -> Any:
    return given.operator("rule", outcome="refund", amount=amount, explanation="So much is copied.")


def test_two_refunds_add_up_to_one_of_the_sum() -> None:
    twice, once = complained(), complained()
    refunded(twice, 1_001)
    twice.freelancer("escalate", comment="That was unfair.")
    refunded(twice, 2_332)
    refunded(once, 3_333)

    assert twice.money == once.money
    assert twice.order.debts == once.order.debts
    assert twice.order.debts == {"freelancer": 8_000 - (6_667 - 1_333)}


@pytest.mark.parametrize("provider", ["ledger", "bank"])
def test_a_refund_of_everything_leaves_nothing_in_escrow(provider: str) -> None:
    given = complained(provider=provider)
    then = refunded(given, 10_000)

    assert given.money == (10_550, 8_000, -8_000, 0)
    assert given.order.settlement == "settled"
    # What is paid at once needs no notice of its own.
    assert then.told["client"] == ["ruling_made"]
    assert given.order.debts == {"freelancer": 8_000}


def test_a_payout_that_came_back_is_lowered_before_it_is_tried_again() -> None:
    given = completed(provider="bank")
    given.by("system", "payment_event", event="returned", leg="1.payout")
    given.operator("open_case", explanation="A complaint by phone.")
    refunded(given, 5_000)

    assert legs(given)[0] == ("1.payout", 4_000, "returned", 2)
    assert (given.order.settlement, held(given.order), given.order.debts) == ("blocked", 4_000, {})
    given.operator("retry_payment", leg="1.payout")
    assert given.money == (5_275, 4_000, 1_275, 0)
    assert legs(given)[0] == ("1.payout", 4_000, "done", 3)


def test_a_late_report_about_a_former_payment_takes_nothing_back() -> None:
    given = completed(provider="bank")
    assert given.by("system", "payment_event", event="returned", leg="1.payout", reference="before").refused == (
        "no_such_payment"
    )
    assert (
        given.by("system", "payment_event", event="returned", leg="1.payout", reference="ref-1.payout").refused is None
    )
    assert legs(given)[0] == ("1.payout", 8_000, "returned", 1)


def test_a_payout_that_is_lowered_to_nothing_is_void() -> None:
    given = completed(provider="bank")
    given.by("system", "payment_event", event="returned", leg="1.payout")
    given.operator("open_case", explanation="A complaint by phone.")
    refunded(given, 10_000)

    assert legs(given) == [("1.payout", 0, "void", 2), ("1.fee", 2_550, "done", 1), ("2.refund", 10_550, "done", 1)]
    assert (given.order.settlement, given.order.debts) == ("settled", {})


def test_a_provider_that_fails_is_asked_again_and_that_is_told() -> None:
    given = complained(provider="bank")
    given.provider_works = False
    refunded(given, 4_000)
    assert (given.order.settlement, held(given.order)) == ("retrying", 4_220)
    given.provider_works = True
    then = given.after("1h")

    assert given.money == (4_220, 8_000, -1_670, 0)
    assert then.told == {"client": ["money_settled"], "freelancer": ["money_settled"]}


def test_the_client_learns_nothing_of_a_debt() -> None:
    given = complained()
    then = refunded(given, 4_000)

    assert then.told["freelancer"] == ["ruling_made", "debt_recorded"]
    assert then.told["operator"] == ["debt_recorded"]
    assert given.view("operator")["debts"] == given.view("freelancer")["debts"] == {"freelancer": 3_200}
    assert "debts" not in given.view("client")
    exported = export(given.order.opening, given.record, "client", at=given.now)
    assert verify(exported) == []
    assert "3200" not in str(exported)
    assert "'debt': 3200" in str(export(given.order.opening, given.record, "operator", at=given.now))


def test_each_side_and_the_operators_have_one_case_each() -> None:
    given = complained()
    assert given.operator("open_case", explanation="-").refused == "case_open"
    given.client("withdraw")
    assert given.client("escalate", comment="Once more.").refused == "escalation_not_offered"
    assert given.operator("open_case", explanation="A complaint by phone.").refused is None
    given.operator("rule", outcome="continue", explanation="It is as agreed.")
    assert given.operator("open_case", explanation="Another.").refused == "escalation_not_offered"


def test_a_case_that_an_operator_opened_before_leaves_the_one_after_completion() -> None:
    given = Given(changes=LATE)
    given.operator("open_case", explanation="Both complain.")
    given.operator("rule", outcome="continue", explanation="Go on.")
    given.freelancer("deliver")
    given.client("complete")
    assert given.operator("open_case", explanation="A complaint by phone.").refused is None


def test_who_may_not_escalate_may_not_after_completion() -> None:
    given = completed({"cases.escalate_by": ["client"]})
    assert given.freelancer("escalate", comment="-").refused == "escalation_not_offered"
    assert "escalate" not in available_actions(given.order, "freelancer", given.now)
    action = available_actions(given.order, "client", given.now)["escalate"]
    assert action.until == given.order.cases_until == given.now + timedelta(days=7)


def test_a_canceled_order_knows_no_such_case() -> None:
    given = Given(changes=LATE, requirements="awaited")
    given.client("request", kind="cancel")
    assert given.client("escalate", comment="-").refused == "order_closed"
    assert given.operator("open_case", explanation="-").refused == "order_closed"


def test_a_ruling_after_completion_cannot_be_appealed() -> None:
    given = complained({"cases.appeal_window": "3d"})
    refunded(given, 1_000)
    assert given.freelancer("appeal", comment="No.").refused == "appeal_not_offered"


def test_the_time_for_a_case_stands_still_with_the_order() -> None:
    given = Given(changes=LATE, provider="bank")
    given.freelancer("deliver")
    given.provider_works = False
    given.client("complete")
    given.operator("hold", explanation="The bank asks.")
    given.after("10d")
    given.operator("lift_hold")
    assert given.order.cases_until == given.now + timedelta(days=7)
    assert given.client("escalate", comment="Late, and in time.").refused is None


def test_the_facts_say_the_debt_and_the_reduced_gross() -> None:
    given = complained()
    before = facts(given.order)
    refunded(given, 4_000)
    after = facts(given.order)
    assert before
    assert after
    assert (before.gross, before.debt, after.gross, after.debt) == (10_000, 0, 6_000, 3_200)
