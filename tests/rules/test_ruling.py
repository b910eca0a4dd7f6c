"""Rulings, appeals, and operators who are silent (rules, 6)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.rules.given import MONDAY, Given, hours
from tests.rules.test_cases import in_mediation

APPEALS = {"cases.appeal_window": "3d"}
CANCEL: dict[str, Any] = {"outcome": "cancel", "amount": 5_000, "explanation": "Half of it is done."}
CONTINUE: dict[str, Any] = {"outcome": "continue", "explanation": "It is nearly done."}


def ruled(ruling: dict[str, Any] = CANCEL, changes: dict[str, Any] | None = None, **terms: Any) -> Given:
    given = in_mediation(changes={**APPEALS, **(changes or {})}, **terms)
    given.operator("rule", **ruling)
    return given


class TestRuling:
    def test_a_ruling_to_cancel_is_told_with_its_words_and_moves_the_money(self) -> None:
        given = in_mediation()

        then = given.operator("rule", **CANCEL, fault="freelancer", exempt=True)

        assert then.told == {
            "client": ["ruling_made", "order_canceled"],
            "freelancer": ["ruling_made", "order_canceled"],
        }
        assert then.notices[0].body.explanation == "Half of it is done."
        assert given.case["stage"] == "closed"
        assert given.case["ruling"] == {"outcome": "cancel", "amount": 5_000, "explanation": "Half of it is done."}
        assert given.resolution["how"] == "ruling"
        assert given.resolution["fault"] == "freelancer"
        assert given.resolution["exempt_because"] == "operator"
        assert given.money == (5_275, 4_000, 1_275, 0)

    def test_fault_and_exemption_are_optional(self) -> None:
        given = in_mediation()
        given.operator("rule", **CANCEL)

        assert (given.resolution["fault"], given.resolution["exempt"]) == ("none", False)

    def test_after_continue_the_order_goes_on_as_it_was(self) -> None:
        given = in_mediation()

        then = given.operator("rule", **CONTINUE)

        assert then.told == {"client": ["ruling_made"], "freelancer": ["ruling_made"]}
        assert given.order.phase == "in_progress"
        assert given.case["stage"] == "closed"
        assert given.client("request", kind="cancel").refused is None

    @pytest.mark.parametrize("stage", ["mediation", "proposal", "ruling"])
    def test_it_is_allowed_at_every_stage_before_one(self, stage: str) -> None:
        given = in_mediation()
        if stage != "mediation":
            given.operator("propose", amount=1, explanation="Nearly nothing.")
        if stage == "ruling":
            given.client("decline")

        assert given.operator("rule", **CANCEL).refused is None

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"outcome": "cancel", "amount": 1}, "explanation_required"),
            ({"outcome": "cancel", "amount": 1, "explanation": "\t"}, "explanation_required"),
            ({"outcome": "continue"}, "explanation_required"),
            ({"outcome": "cancel", "explanation": "So it is."}, "amount_required"),
            ({"outcome": "cancel", "amount": -1, "explanation": "So it is."}, "amount_out_of_range"),
            ({"outcome": "cancel", "amount": 10_001, "explanation": "So it is."}, "amount_out_of_range"),
            ({"outcome": "let_them_decide", "explanation": "So it is."}, "wrong_phase"),
            ({"outcome": "perhaps", "explanation": "So it is."}, "malformed"),
        ],
    )
    def test_what_a_ruling_must_say(self, fields: dict[str, Any], code: str) -> None:
        assert in_mediation().operator("rule", **fields).refused == code

    def test_its_amount_lies_between_what_is_released_and_what_is_not_refunded(self) -> None:
        given = in_mediation("upwork", {"requests.kinds": ["cancel", "partial_refund"]})
        assert given.operator("rule", outcome="cancel", amount=3_999, explanation="Less.").details == {
            "at_least": 4_000,
            "at_most": 10_000,
        }
        given.operator("rule", **CONTINUE)
        given.freelancer("request", kind="partial_refund", amount=1_000)
        given.client("accept")
        given.client("request", kind="cancel", comment="We stop.", amount=4_000)
        given.freelancer("decline", comment="No.")
        given.client("escalate")

        assert given.operator("rule", outcome="cancel", amount=9_001, explanation="More.").details == {
            "at_least": 4_000,
            "at_most": 9_000,
        }

    def test_no_second_ruling_while_the_window_runs(self) -> None:
        assert ruled(CONTINUE).operator("rule", name="operator-2", **CONTINUE).refused == "wrong_phase"
        assert ruled(CANCEL).operator("rule", name="operator-2", **CANCEL).refused == "order_closed"

    def test_none_without_a_case(self) -> None:
        assert Given().operator("rule", **CANCEL).refused == "no_open_case"

    def test_only_operators_rule(self) -> None:
        assert in_mediation().client("rule", **CANCEL).refused == "role_not_allowed"


class TestOperatorReview:
    REVIEW = {"requests.cancel.operator_review": True}

    def reviewed(self) -> Given:
        given = Given("fiverr_guide", self.REVIEW, delivery_time="60d")
        given.client("request", kind="cancel")
        return given

    def test_every_cancel_request_goes_to_an_operator_first(self) -> None:
        given = self.reviewed()

        assert given.request["status"] == "escalated"
        assert given.freelancer("accept").refused == "no_open_request"
        assert given.view("client")["turn"]["who"] == "operator"

    def test_who_may_hand_the_same_request_back_to_the_parties(self) -> None:
        given = self.reviewed()
        given.after("24h")

        then = given.operator("rule", outcome="let_them_decide", explanation="It is between you two.")

        assert then.told == {"client": ["ruling_made"], "freelancer": ["ruling_made", "request_opened"]}
        assert given.request["status"] == "open"
        assert (given.request["number"], given.request["version"]) == (1, 1)
        assert given.request["answer_due_at"] == MONDAY + hours(72)
        assert given.after("24h").told == {"freelancer": ["answer_reminder"]}
        assert given.freelancer("accept").refused is None
        assert given.resolution["how"] == "mutual"

    def test_an_appealed_ruling_cannot_be_handed_back(self) -> None:
        given = Given(changes={"requests.cancel.operator_review": True, **APPEALS})
        given.client("request", kind="cancel")
        given.operator("rule", **CANCEL)
        given.freelancer("appeal", comment="More than half is done.")

        then = given.operator("rule", name="operator-2", outcome="let_them_decide", explanation="You two decide.")

        assert (then.refused, then.details) == ("wrong_phase", {"stage": "appeal"})
        assert given.order.phase == "canceled"

    def test_silent_reviewers_do_the_same(self) -> None:
        given = self.reviewed()

        then = given.after("14d")

        assert then.told["operator"] == ["case_reminder", "case_reminder", "case_overdue"]
        assert then.told["freelancer"] == ["ruling_made", "request_opened"]
        assert given.request["status"] == "open"

    def test_a_reviewer_may_decide_it_too(self) -> None:
        given = self.reviewed()

        given.operator("rule", **CANCEL)

        assert given.resolution["how"] == "ruling"

    def test_its_opener_may_take_it_back(self) -> None:
        assert self.reviewed().client("withdraw").refused is None


class TestFallback:
    def test_operators_are_reminded_and_then_it_is_split(self) -> None:
        given = in_mediation(price=9_999)

        assert given.after("3d").told == {"operator": ["case_reminder"]}
        assert given.after("4d").told == {"operator": ["case_reminder"]}
        assert given.after("6d23h59m59s").told == {}
        then = given.after("1s")

        assert then.told == {
            "client": ["ruling_made", "order_canceled"],
            "freelancer": ["ruling_made", "order_canceled"],
            "operator": ["case_overdue"],
        }
        assert given.resolution["how"] == "fallback"
        assert given.resolution["gross"] == 4_999
        assert given.order.settlement == "settled"

    def test_a_full_refund(self) -> None:
        given = in_mediation(changes={"cases.fallback": "cancel_full_refund"})
        given.after("14d")

        assert given.money == (10_550, 0, 0, 0)

    def test_going_on(self) -> None:
        given = in_mediation(changes={"cases.fallback": "continue"})

        assert given.after("14d").told["client"] == ["ruling_made"]
        assert given.order.phase == "in_progress"

    def test_half_of_what_is_still_held_goes_on_top_of_what_is_released(self) -> None:
        given = in_mediation("upwork", {"requests.kinds": ["cancel", "partial_refund"]})
        given.after("14d")

        assert given.resolution["gross"] == 4_000 + 3_000

    def test_it_cannot_be_appealed(self) -> None:
        given = in_mediation(changes=APPEALS)
        given.after("14d")

        assert given.client("appeal", comment="No!").refused == "appeal_not_offered"
        assert given.order.settlement == "settled"

    def test_the_fault_that_the_reason_admits_stays(self) -> None:
        given = Given()
        given.freelancer("request", kind="cancel", reason="cannot_deliver", comment="We are closed.")
        given.client("decline")
        given.client("escalate")
        given.after("14d")

        assert given.resolution["fault"] == "freelancer"

    def test_a_reason_that_is_a_claim_makes_it_nobodys_fault(self) -> None:
        given = Given()
        given.client("request", kind="cancel", reason="freelancer_unresponsive")
        given.freelancer("decline")
        given.client("escalate")
        given.after("14d")

        assert given.resolution["how"] == "fallback"
        assert given.resolution["fault"] == "none"

    @pytest.mark.parametrize("fallback", ["cancel_split", "continue"])
    def test_nothing_is_split_where_nothing_was_begun(self, fallback: str) -> None:
        given = Given(changes={"cases.fallback": fallback}, requirements="awaited")

        then = given.after("104d")

        assert given.money == (10_550, 0, 0, 0)
        [said] = [event for event in then.happened if event.event == "ruling_made"]
        assert "what is held goes to the client" in said.explanation

    def test_what_was_released_before_the_start_stays_where_it_is(self) -> None:
        changes = {"cases.dialogue_required": False}
        given = Given("upwork", changes, requirements="awaited")
        given.client("request", kind="cancel", comment="One call.", amount=2_000)
        given.freelancer("decline")
        given.client("escalate")
        given.after("14d")

        assert given.resolution["how"] == "fallback"
        assert given.money == (8_440, 1_600, 510, 0)


class TestAppeal:
    def test_once_it_is_used_a_later_ruling_is_final_at_once(self) -> None:
        given = ruled()
        given.client("appeal", comment="Nothing has come.")
        given.operator("rule", name="op-2", **CONTINUE)
        given.client("request", kind="cancel")
        given.freelancer("decline")
        given.client("escalate")

        given.operator("rule", **CANCEL)

        assert given.case["stage"] == "closed"
        assert given.order.settlement == "settled"
        assert given.freelancer("appeal", comment="Half of it is there.").refused == "appeal_used"

    def test_a_review_that_was_ruled_on_is_not_handed_back(self) -> None:
        given = Given(changes={"requests.cancel.operator_review": True, "cases.appeal_window": "3d"})
        given.client("request", kind="cancel")
        given.operator("rule", **CONTINUE)
        assert given.operator("rule", outcome="let_them_decide", explanation="-").refused == "wrong_phase"
        given.client("appeal", comment="There is no campaign any more.")

        then = given.operator("rule", name="op-2", outcome="let_them_decide", explanation="-")

        assert then.refused == "wrong_phase"

    def test_a_ruling_cancels_at_once_and_the_money_waits_for_the_window(self) -> None:
        given = ruled()

        assert given.order.phase == "canceled"
        assert given.case["stage"] == "ruling"
        assert given.order.settlement == "held"
        assert given.view("client")["settles_at"] == MONDAY + hours(72)
        assert given.after("71h59m59s").steps == ()
        then = given.after("1s")
        assert then.fired == ["appeal_window_ends"]
        assert then.told == {"client": ["money_settled"], "freelancer": ["money_settled"]}
        assert given.case["stage"] == "closed"
        assert given.money == (5_275, 4_000, 1_275, 0)

    @pytest.mark.parametrize("party", ["client", "freelancer"])
    def test_either_side_may_appeal_until_the_last_second(self, party: str) -> None:
        given = ruled()
        given.after("71h59m59s")

        then = given.by(party, "appeal", comment="You left out page four.")

        other = "freelancer" if party == "client" else "client"
        assert then.told == {other: ["appeal_opened"], "operator": ["appeal_opened"]}
        assert given.case["stage"] == "appeal"
        assert given.case["due_at"] == given.now + timedelta(days=14)
        assert given.view("client")["turn"] == {"who": "operator", "until": given.case["due_at"]}

    def test_at_the_end_of_the_window_it_is_over(self) -> None:
        given = ruled()
        given.after("72h")

        assert given.client("appeal", comment="Too late.").refused == "appeal_closed"

    def test_it_needs_words(self) -> None:
        assert ruled().client("appeal").refused == "explanation_required"
        assert ruled().client("appeal", comment=" ").refused == "explanation_required"

    def test_only_a_ruling_can_be_appealed(self) -> None:
        assert Given().client("appeal", comment="Why?").refused == "appeal_not_offered"
        assert in_mediation(changes=APPEALS).client("appeal", comment="Why?").refused == "appeal_not_offered"
        final = in_mediation()
        final.operator("rule", **CANCEL)
        assert final.client("appeal", comment="Why?").refused == "appeal_not_offered"

    def test_another_operator_decides_it(self) -> None:
        given = ruled()
        given.client("appeal", comment="You left out page four.")

        assert given.operator("rule", **CANCEL).refused == "same_operator"
        assert given.operator("rule", name="operator-2", **CANCEL).refused is None

    def test_a_second_ruling_replaces_amount_fault_and_exemption(self) -> None:
        given = ruled({**CANCEL, "fault": "freelancer", "exempt": True})
        given.client("appeal", comment="You left out page four.")

        then = given.operator("rule", name="operator-2", **{**CANCEL, "amount": 7_000}, fault="client")

        assert then.told == {"client": ["ruling_made", "money_settled"], "freelancer": ["ruling_made", "money_settled"]}
        assert given.resolution["gross"] == 7_000
        assert given.resolution["fault"] == "client"
        assert given.resolution["exempt"] is False
        assert given.order.settlement == "settled"
        assert given.case["stage"] == "closed"

    @pytest.mark.parametrize("exempt", [True, False])
    def test_what_was_exempt_by_the_rules_stays_exempt(self, exempt: bool) -> None:
        unstarted, again, spared = ruled(requirements="awaited"), ruled(), ruled({**CANCEL, "exempt": True})
        again.by("system", "order_again")
        spared.by("system", "order_again")
        for given, because in ((unstarted, "waiting_requirements"), (again, "new_order"), (spared, "new_order")):
            given.client("appeal", comment="You left out page four.")
            given.operator("rule", name="operator-2", **CANCEL, exempt=exempt)

            assert given.resolution["exempt_because"] == because

    def test_a_second_ruling_may_bring_the_order_back(self) -> None:
        given = ruled()
        given.after("24h")
        given.client("appeal", comment="It is nearly done.")
        given.after("24h")

        then = given.operator("rule", name="operator-2", **CONTINUE)

        assert then.told == {"client": ["ruling_made"], "freelancer": ["ruling_made"]}
        assert given.order.phase == "in_progress"
        assert given.order.due_at == MONDAY + timedelta(days=5) + hours(48)
        assert given.order.resolution is None
        assert given.order.settlement == "none"
        assert given.money == (0, 0, 0, 10_550)

    def test_a_ruling_to_go_on_can_be_appealed_too(self) -> None:
        given = ruled(CONTINUE)
        assert given.case["stage"] == "ruling"
        given.client("appeal", comment="It is not done at all.")

        given.operator("rule", name="operator-2", **CANCEL)

        assert given.resolution["how"] == "ruling"
        assert given.order.settlement == "settled"

    def test_and_to_go_on_once_more(self) -> None:
        given = ruled(CONTINUE)
        given.client("appeal", comment="It is not done at all.")

        given.operator("rule", name="operator-2", **CONTINUE)

        assert given.order.phase == "in_progress"
        assert given.case["stage"] == "closed"

    def test_there_is_one_appeal(self) -> None:
        given = ruled()
        given.client("appeal", comment="You left out page four.")
        assert given.freelancer("appeal", comment="And page five.").refused == "appeal_used"
        given.operator("rule", name="operator-2", **CANCEL)

        assert given.freelancer("appeal", comment="And page five.").refused == "appeal_used"

    def test_there_is_one_for_the_whole_order(self) -> None:
        given = ruled(CONTINUE)
        given.client("appeal", comment="It is not done at all.")
        given.operator("rule", name="operator-2", **CONTINUE)
        given.client("request", kind="cancel")
        given.freelancer("decline")
        given.client("escalate")
        given.operator("rule", **CANCEL)

        assert given.client("appeal", comment="Not again.").refused == "appeal_used"
        assert given.freelancer("appeal", comment="Not again.").refused == "appeal_used"

    def test_undecided_the_first_ruling_stands(self) -> None:
        given = ruled()
        given.client("appeal", comment="You left out page four.")

        assert given.after("7d").told == {"operator": ["case_reminder", "case_reminder"]}
        then = given.after("7d")

        assert then.fired == ["appeal_due"]
        assert then.told == {
            "client": ["money_settled"],
            "freelancer": ["money_settled"],
            "operator": ["case_overdue"],
        }
        assert given.resolution["gross"] == 5_000

    def test_undecided_to_go_on_it_goes_on(self) -> None:
        given = ruled(CONTINUE)
        given.client("appeal", comment="It is not done at all.")

        given.after("14d")

        assert given.order.phase == "in_progress"
        assert given.case["stage"] == "closed"

    def test_a_client_that_completes_meanwhile_has_nothing_left_to_appeal(self) -> None:
        given = ruled(CONTINUE)
        given.freelancer("deliver")
        given.client("complete")

        assert given.client("appeal", comment="After all?").refused == "appeal_closed"

    def test_completing_over_an_appeal_ends_it_for_the_operators(self) -> None:
        given = ruled(CONTINUE)
        given.freelancer("deliver")
        given.client("appeal", comment="It is not done at all.")

        then = given.client("complete")

        assert then.told["operator"] == ["case_closed"]
        assert given.client("appeal", comment="After all?").refused == "appeal_used"

    def test_a_ruling_cannot_be_undone(self) -> None:
        given = Given("glimmer", APPEALS)
        given.client(
            "request", kind="cancel", reason="other", no_agreement=True, attestations=["discussed", "tried_to_resolve"]
        )
        given.operator("rule", **CANCEL)

        assert given.client("undo").refused == "undo_not_offered"
