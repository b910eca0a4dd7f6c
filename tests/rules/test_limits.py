"""What one party may send to one order within an hour."""

from datetime import timedelta

import pytest

from recourse.resolution import limits
from recourse.resolution.model.step import Adopted, Answered
from tests.outcomes import refused
from tests.rules.given import Given


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_HOUR", 3)


def talked() -> Given:
    given = Given()
    for _ in range(3):
        assert given.client("message", comment="And another thing.").refused is None
    return given


def test_what_is_too_much_is_recorded_once_and_says_until_when() -> None:
    given = talked()
    began = given.now

    first, second = given.client("message", comment="And?"), given.client("message", comment="Well?")
    assert [len(then.steps) for then in (first, second)] == [1, 0]
    assert refused(second.answer).entry is None
    assert refused(first.answer).details == refused(second.answer).details
    assert refused(first.answer).details["at_most"] == 3
    assert refused(first.answer).details["available_at"].startswith(f"{began + timedelta(hours=1):%Y-%m-%dT%H:%M}")


def test_after_an_hour_a_party_is_heard_again() -> None:
    given = talked()
    assert given.client("message", comment="And?").refused
    given.after("1h")
    assert given.client("message", comment="Good morning.").refused is None


def test_everything_that_is_recorded_counts_and_nobody_else_is_held_back() -> None:
    given = Given()
    for _ in range(3):
        assert given.client("accept").refused == "no_open_request"
    assert given.client("message", comment="Hello").refused == "too_many_messages"
    assert given.freelancer("message", comment="Hello").refused is None
    for _ in range(5):
        given.operator("message", comment="I am nobody's party.")
        given.says({"role": "client", "id": "stranger"}, "message", {"comment": "Nor am I."})
    assert len(given.steps) == 1 + 3 + 1 + 1 + 10


def test_a_repetition_counts_for_nothing_and_gets_the_first_answer() -> None:
    given = Given()
    first = given.client("message", comment="Hello", command_id="once")
    for _ in range(5):
        again = given.client("message", comment="Hello", command_id="once")
        assert (again.refused, again.steps) == (first.refused, ())
    for _ in range(3):
        given.client("message", comment="And another thing.")
    assert given.client("message", comment="Hello", command_id="once").refused is None


def test_what_waited_through_an_outage_counts_when_it_was_sent() -> None:
    given = Given()
    given.now += timedelta(hours=3)
    said = [
        given.message({"role": "client", "id": given.order.terms.client}, "message", {"comment": "?", "sent_at": at})
        for at in ((given.now - timedelta(hours=hours)).isoformat() for hours in (2, 2, 2, 0, 0, 0))
    ]
    assert given.take(*said).refused is None


@pytest.mark.parametrize("handed_over", [True, False])
def test_what_a_lost_run_had_recorded_counts_too(*, handed_over: bool) -> None:
    given = Given()
    lost = given.fork()
    answers, step = [], None
    for number in range(3):
        [step] = lost.client("message", comment=f"{number}", command_id=f"m-{number}").steps
        assert step.answer is not None
        answers.append(Answered(**step.answer.model_dump()))
    assert step is not None
    whole = {**step.order, "opening": given.order.opening.model_dump(mode="json")}
    # Too many answers are not handed over, but their number is.
    many = {"answers": None, "counted": {f"client:{given.order.terms.client}": 3, "client:stranger": 9}}
    given.engine.adopt(Adopted(step=step.number, order=whole, **({"answers": tuple(answers)} if handed_over else many)))

    first, second = given.client("message", comment="And?"), given.client("message", comment="Well?")
    assert (first.refused, second.refused) == ("too_many_messages", "too_many_messages")
    assert [len(then.steps) for then in (first, second)] == [1, 0]
    assert given.freelancer("message", comment="Hello").refused is None
