"""Feedback, review rights, scores and marks (rules, 8)."""

import json
from typing import Any

import pytest

from tests.rules.given import ATTESTED, Given
from tests.rules.test_cases import in_mediation

UPWORK_ENDS: dict[str, Any] = {"kind": "cancel", "comment": "We stop."}


def ended(policy: str, amount: int | None = None, changes: dict[str, Any] | None = None, **terms: Any) -> Given:
    """An order that the client's request ended with consent."""
    given = Given(policy, changes, **terms)
    fields: dict[str, Any] = {
        "kind": "cancel",
        "comment": "We stop.",
        "reason": "no_longer_needed",
        "attestations": ATTESTED,
    }
    given.client("request", **fields, **({} if amount is None else {"amount": amount}))
    given.freelancer("accept")
    assert given.order.phase == "canceled"
    return given


def completed(policy: str = "resolution_center", changes: dict[str, Any] | None = None, **terms: Any) -> Given:
    given = Given(policy, changes, **terms)
    given.freelancer("deliver")
    given.client("complete")
    return given


def late() -> Given:
    given = Given()
    given.after("5d")
    given.client("request", kind="cancel")
    given.freelancer("accept")
    return given


def delivered() -> Given:
    given = Given()
    given.freelancer("deliver")
    given.client("request", kind="cancel")
    given.freelancer("accept")
    return given


class TestReviewRights:
    @pytest.mark.parametrize(
        ("given", "client", "freelancer"),
        [
            (completed(), ["public", "private"], ["public"]),
            (completed("glimmer"), ["public", "private"], ["public"]),
            (ended("glimmer", 3_000), [], []),
            (ended("resolution_center"), [], []),
            (late(), ["public"], []),
            (delivered(), ["public"], []),
            (ended("upwork", 0), ["private"], ["public"]),
            (ended("upwork", 1), ["public", "private"], ["public"]),
            (ended("resolution_center", changes={"reviews.public_after_cancel": "always"}), ["public"], []),
            (Given(), [], []),
        ],
        ids=[
            "completed",
            "completed in glimmer",
            "glimmer",
            "early",
            "late",
            "delivered",
            "unpaid",
            "paid",
            "always",
            "open",
        ],
    )
    def test_who_may_leave_what(self, given: Given, client: list[str], freelancer: list[str]) -> None:
        assert given.view("operator")["reviews"] == {"client": client, "freelancer": freelancer}
        for party, rights in (("client", client), ("freelancer", freelancer)):
            for visibility in ("public", "private"):
                twin = given.fork()
                refused = twin.by(party, "leave_feedback", visibility=visibility, rating="negative").refused
                assert refused == (None if visibility in rights else "feedback_not_allowed")

    def test_each_once(self) -> None:
        given = completed()
        given.client("leave_feedback", visibility="public", rating="positive", text="Fine work.")

        assert given.client("leave_feedback", visibility="public", rating="negative").refused == "feedback_not_allowed"
        assert given.view("client")["reviews"] == {"client": ["private"]}
        assert given.client("leave_feedback", visibility="private", rating="negative").refused is None

    @pytest.mark.parametrize(
        ("message", "comment", "careless"),
        [
            (True, "We stop.", False),
            (True, None, True),
            (False, "We stop.", True),
            (False, None, True),
            (True, " ", True),
        ],
    )
    def test_a_careless_client_is_one_without_message_or_explanation(
        self, message: bool, comment: str | None, careless: bool
    ) -> None:
        given = Given("upwork", {"requests.cancel.explanation_from": []})
        if message:
            given.client("message", comment="We may have to stop.")
        given.client("request", kind="cancel", comment=comment, amount=0)
        given.freelancer("accept")

        refusal = given.freelancer("leave_feedback", visibility="public", rating="negative", text="Not a word.")

        assert refusal.refused == (None if careless else "feedback_not_allowed")

    def test_about_one_only_a_negative_review(self) -> None:
        given = ended("upwork", 0)

        assert (
            given.freelancer("leave_feedback", visibility="public", rating="positive").refused == "feedback_not_allowed"
        )

    def test_a_freelancer_that_ended_it_itself_has_no_careless_client(self) -> None:
        given = Given("upwork")
        given.freelancer("request", kind="cancel", reason="other", comment="We are closed.", amount=0)
        given.client("accept")

        assert given.view("freelancer")["reviews"] == {"freelancer": []}

    def test_public_feedback_is_told_and_private_is_not(self) -> None:
        given = completed()

        assert given.client("leave_feedback", visibility="private", rating="negative", text="Slow.").told == {}
        then = given.client("leave_feedback", visibility="public", rating="positive", text="Fine work.")
        assert then.told == {"freelancer": ["feedback_received"]}
        assert then.notices[0].body.text == "Fine work."

    def test_an_undo_or_later_money_takes_no_feedback_back(self) -> None:
        given = ended("glimmer", 0, {"reviews.private_after_cancel": True, "scores.calculator": "job_success"})
        given.client("leave_feedback", visibility="private", rating="negative", text="Slow.")
        given.client("undo")
        given.freelancer("deliver")
        given.client("complete")

        assert given.view("operator")["reviews"]["client"] == ["public"]
        assert given.view("operator")["scores"] == {"freelancer": {"job_success": 0.0}}


class TestCompletionRate:
    def rate(self, given: Given) -> Any:
        return given.view("client")["scores"]["freelancer"]["completion_rate"]

    def test_it_is_completed_of_completed_and_canceled(self) -> None:
        history = {"freelancer": {"completed": 2, "canceled": 0}}

        assert self.rate(Given(history=history)) == 100.0
        assert self.rate(completed(history=history)) == 100.0
        assert self.rate(ended("resolution_center", history=history)) == 66.67

    def test_without_any_order_there_is_none(self) -> None:
        assert self.rate(Given()) is None
        assert self.rate(ended("resolution_center")) == 0.0

    @pytest.mark.parametrize(
        ("done", "canceled", "rate"), [(1, 7, 12.5), (1, 2, 33.33), (2, 1, 66.67), (799, 1, 99.88)]
    )
    def test_it_is_rounded_half_up_to_two_decimals(self, done: int, canceled: int, rate: float) -> None:
        assert self.rate(Given(history={"freelancer": {"completed": done, "canceled": canceled}})) == rate

    def test_what_was_canceled_before_the_requirements_is_exempt(self) -> None:
        given = Given(requirements="awaited", history={"freelancer": {"completed": 1}})
        given.client("request", kind="cancel")

        assert given.resolution["exempt_because"] == "waiting_requirements"
        assert self.rate(given) == 100.0

    def test_so_is_what_an_operator_exempts(self) -> None:
        given = in_mediation(history={"freelancer": {"completed": 1}})
        given.operator("rule", outcome="cancel", amount=0, explanation="A storm.", exempt=True)

        assert self.rate(given) == 100.0

    @pytest.mark.parametrize(("after", "exempt"), [("13d23h59m59s", True), ("14d", False)])
    def test_so_is_what_a_new_order_soon_follows(self, after: str, exempt: bool) -> None:
        given = ended("resolution_center", history={"freelancer": {"completed": 1}})
        given.after(after)

        given.by("system", "order_again")

        assert given.resolution["exempt"] is exempt
        assert given.resolution["exempt_because"] == ("new_order" if exempt else None)
        assert self.rate(given) == (100.0 if exempt else 50.0)

    def test_a_new_order_says_nothing_of_an_open_or_a_completed_one(self) -> None:
        for given in (Given(), completed()):
            before = given.order.resolution
            assert given.by("system", "order_again").refused is None
            assert given.order.resolution == before

    def test_only_the_system_knows_of_new_orders(self) -> None:
        assert ended("resolution_center").client("order_again").refused == "role_not_allowed"


class TestJobSuccess:
    def score(self, given: Given) -> Any:
        return given.view("operator")["scores"]["freelancer"]["job_success"]

    def leave(self, given: Given, rating: str | None) -> Given:
        if rating:
            given.client("leave_feedback", visibility="private", rating=rating)
        return given

    @pytest.mark.parametrize(
        ("amount", "rating", "score"),
        [
            (0, None, 85.7),
            (0, "positive", 100.0),
            (0, "negative", 71.4),
            (5_000, None, 85.7),
            (5_000, "positive", 100.0),
            (5_000, "negative", 71.4),
        ],
    )
    def test_a_canceled_job(self, amount: int, rating: str | None, score: float) -> None:
        given = ended("upwork", amount, history={"freelancer": {"completed": 6}})

        assert self.score(self.leave(given, rating)) == score

    @pytest.mark.parametrize(("rating", "score"), [(None, 100.0), ("positive", 100.0), ("negative", 71.4)])
    def test_a_completed_job(self, rating: str | None, score: float) -> None:
        given = completed("upwork", history={"freelancer": {"completed": 6}})

        assert self.score(self.leave(given, rating)) == score

    def test_the_public_review_does_not_count(self) -> None:
        given = completed("upwork", history={"freelancer": {"completed": 6}})
        given.client("leave_feedback", visibility="public", rating="negative")

        assert self.score(given) == 100.0

    def test_an_unpaid_silent_job_may_be_left_out(self) -> None:
        excluded = {"scores.unpaid_silent": "excluded"}
        history = {"freelancer": {"completed": 6}}

        assert self.score(ended("upwork", 0, excluded, history=history)) == 100.0
        assert self.score(self.leave(ended("upwork", 0, excluded, history=history), "negative")) == 71.4
        assert self.score(ended("upwork", 1, excluded, history=history)) == 85.7

    def test_the_effect_is_larger_with_fewer_contracts(self) -> None:
        few = self.leave(ended("upwork", 0, history={"freelancer": {"completed": 7}}), "negative")
        many = self.leave(ended("upwork", 0, history={"freelancer": {"completed": 56}}), "negative")

        assert (self.score(few), self.score(many)) == (75.0, 96.5)

    def test_it_is_never_below_zero(self) -> None:
        assert self.score(Given("upwork", history={"freelancer": {"bad": 3}})) == 0.0

    def test_no_party_sees_it_since_it_would_betray_what_is_private(self) -> None:
        given = self.leave(ended("upwork", 0), "negative")

        for party in ("client", "freelancer"):
            assert "job_success" not in json.dumps(
                given.view("client" if party == "client" else "freelancer"), default=str
            )


class TestMarks:
    TWICE = {"client": {"canceled_recently": 2}, "freelancer": {"canceled_recently": 2}}

    def marked(self, given: Given) -> Any:
        return {party for party, marks in given.view("operator")["flags"].items() if marks == ["repeat_canceler"]}

    def test_the_third_cancellation_by_one_party_marks_it(self) -> None:
        given = Given(history=self.TWICE)
        assert self.marked(given) == set()
        given.client("request", kind="cancel")
        given.after("48h")

        assert self.marked(given) == {"client"}

    def test_a_freelancer_too(self) -> None:
        given = Given(history=self.TWICE)
        given.freelancer("request", kind="cancel", reason="cannot_deliver", comment="We are closed.")
        given.after("48h")

        assert self.marked(given) == {"freelancer"}

    def test_a_mutual_one_does_not_count(self) -> None:
        assert self.marked(ended("resolution_center", history=self.TWICE)) == set()

    def test_nor_one_that_was_the_others_fault(self) -> None:
        given = Given(history=self.TWICE)
        given.after("6d")
        given.client("request", kind="cancel")

        assert given.resolution["fault"] == "freelancer"
        assert self.marked(given) == set()

    def test_nor_a_second_one(self) -> None:
        given = Given(history={"client": {"canceled_recently": 1}})
        given.client("request", kind="cancel")
        given.after("48h")

        assert self.marked(given) == set()

    def test_who_was_marked_before_is_still_marked(self) -> None:
        assert self.marked(Given(history={"client": {"canceled_recently": 3}})) == {"client"}

    def test_it_can_be_turned_off(self) -> None:
        given = Given(changes={"flags.repeat_canceler.count": 0}, history={"client": {"canceled_recently": 9}})

        assert self.marked(given) == set()
