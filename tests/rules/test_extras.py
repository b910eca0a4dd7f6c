"""Extras, compensation, and partial refunds that a client asks for (rules, 16) [R36]."""

import random

import pytest

from tests.rules.given import Given
from tests.rules.invariants import check_ledger, check_money


def with_extra(given: Given, amount: int, **more: str) -> None:
    assert given.freelancer("request", kind="extra", amount=amount, **more).refused is None
    assert given.client("accept").refused is None


def test_the_ledger_gets_what_the_marketplace_collected() -> None:
    given = Given()
    with_extra(given, 2_000, extend_by="2d")

    assert [(line.account, line.amount) for line in given.steps[-1].ledger] == [("client", -2_110), ("escrow", 2_110)]
    check_ledger(given)


def test_an_extra_takes_no_counter_offer() -> None:
    given = Given()
    given.freelancer("request", kind="extra", amount=2_000)

    assert given.client("counter", amount=1_000).refused == "kind_not_offered"


def test_facts_and_lists_speak_of_the_whole_price() -> None:
    given = Given()
    with_extra(given, 2_000)
    given.freelancer("deliver")
    given.client("complete")

    step = given.steps[-1]
    assert step.facts is not None
    assert (step.facts.price, step.facts.gross) == (12_000, 12_000)
    assert (step.summary.price, step.summary.service_fee) == (12_000, 660)


@pytest.mark.parametrize("seed", range(20))
def test_no_cent_is_lost_whatever_extras_and_refunds_there_are(seed: int) -> None:
    chance = random.Random(seed)
    given = Given(
        changes={"requests.partial_refund.by": ["client", "freelancer"]}, service_fee=chance.choice((0, 1, 551))
    )
    for _ in range(30):
        before = given.money
        kind, party = chance.choice(
            (("extra", "freelancer"), ("partial_refund", "client"), ("partial_refund", "freelancer"))
        )
        given.by(party, "request", kind=kind, amount=chance.choice((1, 7, 99, 1_234, 5_000)))
        given.by("client" if party == "freelancer" else "freelancer", "accept")
        check_money(given.order)
        check_ledger(given)
        assert all(after >= was for after, was in zip(given.money[:3], before[:3], strict=True))
    given.freelancer("deliver")
    given.client("complete")
    assert given.money[3] == 0
    check_ledger(given)


def test_compensation_binds_a_client_as_long_as_its_request_lasts() -> None:
    given = Given("glimmer", {"requests.cancel.compensation.in_progress": "50%"})
    attested = ["discussed", "tried_to_resolve", "agreed_compensation"]
    given.client("request", kind="cancel", reason="other", amount=5_000, attestations=attested)
    given.freelancer("deliver")
    given.freelancer("counter", amount=9_000)

    assert given.client("counter", amount=4_999).details["at_least"] == 5_000
    given.client("counter", amount=5_500)
    assert given.freelancer("counter", amount=10).refused is None
    assert given.money[1] == 0
    assert given.resolution["how"] == "mutual"


def test_a_client_that_needs_no_approval_compensates_nobody() -> None:
    given = Given(changes={"requests.cancel.compensation.in_progress": "50%"}, delivery_time="1h")
    given.after("25h")
    given.client("request", kind="cancel")

    assert given.money == (10_550, 0, 0, 0)
