"""Whose turn it is, and until when (rules, 11)."""

from datetime import timedelta

from tests.rules.given import MONDAY, Given, hours
from tests.rules.test_cases import in_mediation
from tests.rules.test_working import in_phase


def turn(given: Given) -> tuple[object, object]:
    told = given.view("client")["turn"]
    return told["who"], told["until"]


def test_in_each_phase_it_is_whose_work_the_order_waits_for() -> None:
    assert turn(in_phase("waiting_requirements")) == ("client", None)
    assert turn(in_phase("in_progress")) == ("freelancer", MONDAY + timedelta(days=5))
    assert turn(in_phase("delivered")) == ("client", MONDAY + hours(72))
    assert turn(in_phase("in_revision")) == ("freelancer", MONDAY + timedelta(days=5))
    assert turn(in_phase("completed")) == ("nobody", None)
    assert turn(in_phase("canceled")) == ("nobody", None)


def test_without_auto_complete_a_delivery_waits_without_an_end() -> None:
    given = Given(changes={"order.auto_complete": "never"})
    given.freelancer("deliver")

    assert turn(given) == ("client", None)


def test_an_open_request_comes_first() -> None:
    given = in_phase("delivered")
    given.freelancer("request", kind="partial_refund", amount=100)
    assert turn(given) == ("client", MONDAY + hours(48))
    given.after("1h")
    given.client("counter", amount=200)

    assert turn(given) == ("freelancer", MONDAY + hours(49))


def test_then_a_proposal_of_whoever_was_silent_so_far() -> None:
    given = in_mediation()
    given.operator("propose", amount=1, explanation="Nearly nothing.")
    assert turn(given) == ("both", MONDAY + hours(48))
    given.freelancer("accept")

    assert turn(given) == ("client", MONDAY + hours(48))


def test_then_a_case() -> None:
    given = in_mediation()
    assert turn(given) == ("operator", MONDAY + timedelta(days=14))
    given.operator("propose", amount=1, explanation="Nearly nothing.")
    given.client("decline")

    assert turn(given) == ("operator", MONDAY + timedelta(days=14))


def test_an_order_that_was_ruled_to_go_on_waits_for_its_work_again() -> None:
    given = in_mediation(changes={"cases.appeal_window": "3d"})
    given.operator("rule", outcome="continue", explanation="Go on.")
    assert turn(given) == ("freelancer", MONDAY + timedelta(days=5))
    given.client("appeal", comment="It is not done.")

    assert turn(given) == ("operator", MONDAY + timedelta(days=14))
