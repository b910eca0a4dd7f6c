"""What a closed order leaves behind, and when it changes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recourse.resolution.model.facts import Facts, facts
from recourse.resolution.model.order import Order
from tests.facts.lives import live
from tests.facts.stories import played


def of(order: Order) -> Facts:
    found = facts(order)
    assert found is not None
    return found


async def test_an_order_that_a_client_ended_late_says_so() -> None:
    fact = of((await played("s06-very-late-exact-boundary")).order)
    assert (fact.ending, fact.how, fact.initiator, fact.fault) == ("canceled", "forced_late", "client", "freelancer")
    assert (fact.lateness, fact.delivered, fact.gross, fact.paid) == ("very_late", False, 0, False)
    assert (fact.policy, fact.calculator) == ("resolution_center", "completion_rate")
    assert fact.counts_against("freelancer") is False
    assert fact.counts_against("client") is False


async def test_a_completed_order_says_that_all_of_it_was_paid() -> None:
    fact = of((await played("s12a-completed-order-is-closed")).order)
    assert (fact.ending, fact.how, fact.initiator, fact.reason, fact.fault) == ("completed", None, None, None, "none")
    assert (fact.gross, fact.paid, fact.delivered, fact.exempt) == (fact.price, True, True, False)


async def test_an_order_that_is_open_has_none() -> None:
    assert facts((await played("s02a-declined-order-goes-on")).order) is None
    assert facts((await played("s18a-undo-inside-the-window")).order) is None


async def test_a_new_order_between_the_two_changes_them() -> None:
    """[R40]"""
    life = await played("s104a-ordered-again-soon")
    told = [step.facts for step in life.steps if step.facts]
    assert [(fact.exempt, fact.exempt_because) for fact in told] == [(False, None), (True, "new_order")]


async def test_an_undo_takes_them_back() -> None:
    """[R18]"""
    life = await played("s18a-undo-inside-the-window")
    changes = ["closed" if step.facts else "reopened" if step.reopened else "" for step in life.steps]
    assert [change for change in changes if change] == ["closed", "reopened"]


async def test_private_feedback_is_among_them_and_says_nothing_but_the_rating() -> None:
    """[R72, R73]"""
    life = await played("s24b-unpaid-exit-bad-private-feedback")
    fact = of(life.order)
    assert (fact.client_private, fact.client_public, fact.freelancer_public) == ("negative", None, None)
    assert "He left us alone." not in fact.model_dump_json()


@settings(max_examples=80)
@given(st.integers(0, 2**32).map(Random))
def test_no_refund_undo_or_later_money_ever_removes_private_feedback(random: Random) -> None:
    """[R74]"""
    life = live(random, moves=14)
    said = None
    for step in life.steps:
        order = Order.model_validate(life.whole(step.number))
        private = [one.rating for one in order.feedback if (one.by, one.visibility) == ("client", "private")]
        assert said is None or private == [said]
        said = private[0] if private else None
        if order.closed:
            assert of(order).client_private == said


@settings(max_examples=80)
@given(st.integers(0, 2**32).map(Random))
def test_steps_carry_them_exactly_where_they_change(random: Random) -> None:
    life, stood = live(random), None
    for step in life.steps:
        if step.reopened:
            assert stood is not None
            assert step.facts is None
            stood = None
        if step.facts:
            assert step.facts != stood
            stood = step.facts
        assert facts(Order.model_validate(life.whole(step.number))) == stood


@pytest.mark.parametrize(
    ("changes", "client", "freelancer"),
    [
        ({}, True, False),
        ({"initiator": "freelancer"}, False, True),
        ({"initiator": "system"}, False, False),
        ({"how": "mutual"}, False, False),
        ({"how": "expired_accepted"}, True, False),
        ({"fault": "client"}, True, False),
        ({"fault": "freelancer"}, False, False),
        ({"initiator": "freelancer", "fault": "client"}, False, False),
        ({"ending": "completed", "how": None, "initiator": None}, False, False),
    ],
)
async def test_whose_mark_a_cancellation_counts_towards(
    changes: dict[str, str], client: bool, freelancer: bool
) -> None:
    """[R60, R62]"""
    fact = of((await played("s26b-third-careless-cancellation")).order).model_copy(update=changes)
    assert (fact.counts_against("client"), fact.counts_against("freelancer")) == (client, freelancer)
