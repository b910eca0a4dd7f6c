"""Canceling: the rights to cancel alone, asking, answering and silence (rules, 3)."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from tests.rules.given import ATTESTED, MONDAY, Given, hours
from tests.rules.test_cases import declined
from tests.rules.test_working import in_phase

FREELANCER_SAYS: dict[str, Any] = {"kind": "cancel", "reason": "cannot_deliver", "comment": "We are closed."}


class TestWithoutApproval:
    ALONE_BEFORE = {"requests.cancel.without_approval.client": ["waiting_requirements"]}

    def test_before_the_requirements_the_client_needs_none(self) -> None:
        given = in_phase("waiting_requirements")

        then = given.client("request", kind="cancel", reason="ordered_by_mistake")

        assert then.told == {"client": ["order_canceled"], "freelancer": ["order_canceled"]}
        assert given.resolution == {
            "how": "unilateral",
            "initiator": "client",
            "reason": "ordered_by_mistake",
            "fault": "client",
            "exempt": True,
            "exempt_because": "waiting_requirements",
            "communicated": False,
            "gross": 0,
        }
        assert given.money == (10_550, 0, 0, 0)
        assert given.order.request is None

    def test_a_freelancer_has_no_such_right_there(self) -> None:
        given = in_phase("waiting_requirements")

        given.freelancer("request", **FREELANCER_SAYS)

        assert given.order.phase == "waiting_requirements"
        assert given.request["status"] == "open"

    def test_very_late_to_the_second(self) -> None:
        given = Given()
        given.after("143h59m59s")
        refusal = given.client("request", kind="cancel", approval="skip")
        assert refusal.refused == "approval_needed"
        assert refusal.details == {"available_at": "2025-03-09T09:00:00Z"}

        given.after("1s")
        given.client("request", kind="cancel")

        assert given.resolution["how"] == "forced_late"
        assert given.resolution["fault"] == "freelancer"
        assert given.resolution["exempt"] is False

    def test_a_delivery_ends_that_right_for_good(self) -> None:
        given = Given()
        given.after("6d")
        given.freelancer("deliver")
        given.client("ask_revision")
        given.after("30d")

        refusal = given.client("request", kind="cancel", approval="skip")

        assert refusal.refused == "approval_needed"
        assert refusal.details == {}

    def test_it_counts_from_the_extended_date(self) -> None:
        given = Given()
        given.freelancer("request", kind="extension", extend_by="48h")
        given.client("accept")
        given.after("7d23h59m59s")
        assert given.client("request", kind="cancel", approval="skip").refused == "approval_needed"

        given.after("1s")

        assert given.client("request", kind="cancel", approval="skip").refused is None

    def test_who_asks_although_it_need_not_is_asked_for_approval(self) -> None:
        given = in_phase("waiting_requirements")

        given.client("request", kind="cancel", approval="ask")

        assert given.order.phase == "waiting_requirements"
        assert given.request["asked"] == "freelancer"

    def test_it_closes_the_other_sides_open_request(self) -> None:
        given = Given()
        given.after("6d")
        given.freelancer("request", kind="extension", extend_by="48h")

        then = given.client("request", kind="cancel")

        assert then.told["freelancer"] == ["request_superseded", "order_canceled"]
        assert given.request["status"] == "superseded"

    def test_but_ones_own_must_be_withdrawn_first(self) -> None:
        given = Given()
        given.after("5d")
        given.client("request", kind="update")
        given.after("1d")

        refusal = given.client("request", kind="cancel")

        assert refusal.refused == "request_open"
        assert refusal.details == {"open_request": 1}
        given.client("withdraw")
        assert given.client("request", kind="cancel").refused is None

    def test_neither_cooldown_nor_limit_holds_it_back(self) -> None:
        given = Given(changes={"requests.cancel.cooldown": "60d", "requests.cancel.max_requests": 1})
        given.client("request", kind="cancel")
        given.freelancer("decline")
        given.after("6d")

        assert given.client("request", kind="cancel").refused is None
        assert given.resolution["how"] == "forced_late"

    def test_in_glimmer_there_is_no_such_right(self) -> None:
        given = Given("glimmer", requirements="awaited")

        refusal = given.client(
            "request", kind="cancel", reason="other", amount=0, attestations=ATTESTED, approval="skip"
        )

        assert refusal.refused == "approval_needed"
        assert refusal.details == {}

    def test_where_policy_has_amounts_it_ends_at_the_one_that_was_named(self) -> None:
        given = Given("glimmer", self.ALONE_BEFORE, requirements="awaited")

        given.client("request", kind="cancel", reason="other", amount=3_000, attestations=ATTESTED)

        assert given.resolution["how"] == "unilateral"
        assert given.money == (7_385, 2_400, 765, 0)

    @pytest.mark.parametrize("approval", ["if_needed", "skip", "ask"])
    def test_whoever_says_that_there_is_no_agreement_gets_an_operator_instead(self, approval: str) -> None:
        given = Given("glimmer", self.ALONE_BEFORE, requirements="awaited")
        said = {"kind": "cancel", "reason": "other", "attestations": ATTESTED[:2], "approval": approval}

        given.client("request", **said, no_agreement=True)

        assert given.case["opened_by"] == "client"
        assert given.money == (0, 0, 0, 10_550)

    @pytest.mark.parametrize("requirements", ["awaited", "received"])
    def test_or_is_refused_where_none_is_offered_and_cancels_nothing(self, requirements: str) -> None:
        given = Given(requirements=requirements)

        assert given.client("request", kind="cancel", no_agreement=True).refused == "escalation_not_offered"
        assert not given.order.closed


class TestAFreelancerAlone:
    """It takes what is released and no more; anything else must be asked for."""

    BOTH: ClassVar[dict[str, Any]] = {
        "requests.cancel.by": ["client", "freelancer"],
        "requests.cancel.amount_from": ["client", "freelancer"],
        "requests.cancel.without_approval.freelancer": ["full_return"],
    }
    SAID: ClassVar[dict[str, Any]] = {"kind": "cancel", "reason": "other", "attestations": ATTESTED}

    def test_to_name_nothing_is_not_to_take_nothing(self) -> None:
        given = Given("glimmer", self.BOTH)

        then = given.freelancer("request", **self.SAID)

        assert then.refused == "amount_required"
        assert then.details == {"at_least": 0, "at_most": 10_000}

    def test_whoever_asks_for_an_operator_and_names_nothing_gives_nothing_up(self) -> None:
        given = Given("glimmer", self.BOTH)

        given.freelancer("request", **self.SAID, no_agreement=True)

        assert given.case["opened_by"] == "freelancer"
        assert given.money == (0, 0, 0, 10_550)

    def test_what_stands_in_the_way_of_asking_comes_before_the_missing_amount(self) -> None:
        given = Given("glimmer", self.BOTH)
        assert given.freelancer("request", **self.SAID, approval="skip").refused == "approval_needed"
        given.client("request", **self.SAID, amount=5_000)
        assert given.freelancer("request", **self.SAID).refused == "request_open"
        given.client("withdraw")
        given.client("request", **self.SAID, no_agreement=True)
        assert given.freelancer("request", **self.SAID).refused == "case_open"
        assert given.freelancer("request", **self.SAID, amount=0).refused is None
        assert given.resolution["how"] == "unilateral"

    @pytest.mark.parametrize("right", ["waiting_requirements", "regret_window", "very_late"])
    def test_any_other_amount_must_be_asked_for(self, right: str) -> None:
        changes = {
            **self.BOTH,
            "requests.cancel.without_approval.freelancer": [right],
            "order.regret_window": "30m",
            "order.late_grace": "24h",
        }
        given = Given("glimmer", changes, requirements="awaited" if right == "waiting_requirements" else "received")
        given.after("6d" if right == "very_late" else "1m")

        assert given.freelancer("request", **self.SAID, amount=1, approval="skip").refused == "approval_needed"
        assert given.freelancer("request", **self.SAID, amount=1).refused is None
        assert given.request["status"] == "open"
        given.freelancer("withdraw")
        assert given.freelancer("request", **self.SAID, amount=0, approval="skip").refused is None
        assert given.money == (10_550, 0, 0, 0)

    def test_where_policy_has_it_name_no_amount_it_takes_what_is_released(self) -> None:
        changes = {"requests.cancel.without_approval.freelancer": ["waiting_requirements"]}
        given = Given(changes=changes, requirements="awaited")

        given.freelancer("request", kind="cancel", reason="unforeseen", comment="No brief.")

        assert given.resolution["how"] == "unilateral"


class TestRegret:
    CHANGES = {
        "order.regret_window": "30m",
        "requests.cancel.without_approval.client": ["regret_window"],
    }

    def test_within_the_window_to_the_second(self) -> None:
        given = Given(changes=self.CHANGES)
        given.after("29m59s")
        given.client("request", kind="cancel", approval="skip")

        assert given.resolution["how"] == "regretted"
        assert given.resolution["fault"] == "none"

    def test_at_its_end_it_is_over(self) -> None:
        given = Given(changes=self.CHANGES)
        given.after("30m")

        assert given.client("request", kind="cancel", approval="skip").refused == "approval_needed"

    def test_what_is_delivered_is_not_regretted(self) -> None:
        given = Given(changes=self.CHANGES)
        given.freelancer("deliver")

        assert given.client("request", kind="cancel", approval="skip").refused == "approval_needed"

    def test_sent_in_time_during_an_outage_it_counts(self) -> None:
        given = Given(changes=self.CHANGES)
        sent_at = (given.now + timedelta(minutes=29)).isoformat()
        given.now += hours(5)

        given.client("request", kind="cancel", approval="skip", sent_at=sent_at)

        assert given.resolution["how"] == "regretted"


class TestFullReturn:
    CHANGES = {"requests.cancel.without_approval.freelancer": ["full_return"]}

    def test_a_freelancer_who_takes_nothing_may_end_alone(self) -> None:
        given = Given("upwork", self.CHANGES)

        given.freelancer("request", **FREELANCER_SAYS, amount=0)

        assert given.resolution["how"] == "unilateral"
        assert given.money == (10_550, 0, 0, 0)

    def test_who_takes_something_asks(self) -> None:
        given = Given("upwork", self.CHANGES)
        assert given.freelancer("request", **FREELANCER_SAYS, amount=1, approval="skip").refused == "approval_needed"

        given.freelancer("request", **FREELANCER_SAYS, amount=1)

        assert given.request["status"] == "open"

    def test_so_does_who_was_paid_a_part(self) -> None:
        given = Given("upwork", self.CHANGES)
        given.client("request", kind="cancel", comment="We stop.", amount=1)
        given.client("withdraw")

        assert given.freelancer("request", **FREELANCER_SAYS, amount=1, approval="skip").refused == "approval_needed"

    def test_where_no_amount_is_named_nothing_is_taken(self) -> None:
        given = Given(changes=self.CHANGES)

        given.freelancer("request", **FREELANCER_SAYS)

        assert given.resolution["how"] == "unilateral"


class TestAsking:
    def test_the_other_side_is_asked_and_told_what_silence_means(self) -> None:
        given = Given()

        then = given.client("request", kind="cancel", comment="We stop.")

        assert then.told == {"freelancer": ["request_opened"]}
        body = then.notices[0].body
        assert body.deadline == MONDAY + hours(48)
        assert body.silence_means == "accept"
        assert body.answers == ["accept", "decline"]
        assert body.comment == "We stop."
        assert given.view("freelancer")["turn"] == {"who": "freelancer", "until": MONDAY + hours(48)}
        assert given.order.phase == "in_progress"

    def test_accepted_it_is_mutual_and_the_client_gets_everything(self) -> None:
        given = Given()
        given.client("request", kind="cancel", reason="ordered_by_mistake")

        then = given.freelancer("accept")

        assert then.told == {"client": ["order_canceled"], "freelancer": ["order_canceled"]}
        assert given.resolution["how"] == "mutual"
        assert given.resolution["initiator"] == "client"
        assert given.resolution["fault"] == "client"
        assert given.money == (10_550, 0, 0, 0)

    def test_declined_nothing_moves_and_it_can_be_asked_again_at_once(self) -> None:
        given = Given()
        given.client("request", kind="cancel")

        then = given.freelancer("decline")

        assert then.told == {"client": ["request_declined"]}
        assert given.order.phase == "in_progress"
        assert given.money == (0, 0, 0, 10_550)
        assert given.client("request", kind="cancel").refused is None
        assert (given.request["number"], given.request["version"]) == (2, 2)

    def test_withdrawn_the_other_side_is_told(self) -> None:
        given = Given()
        given.client("request", kind="cancel")
        assert given.freelancer("withdraw").refused == "not_yours_to_withdraw"

        then = given.client("withdraw")

        assert then.told == {"freelancer": ["request_withdrawn"]}
        assert given.freelancer("accept").refused == "no_open_request"

    def test_only_the_party_asked_answers(self) -> None:
        given = Given()
        given.client("request", kind="cancel")

        assert given.client("accept").refused == "not_yours_to_answer"
        assert given.client("decline").refused == "not_yours_to_answer"

    def test_an_answer_may_name_the_offer_that_it_means(self) -> None:
        given = Given()
        given.client("request", kind="cancel")
        given.client("withdraw")
        given.client("request", kind="cancel")

        refusal = given.freelancer("accept", expected_version=1)

        assert refusal.refused == "stale_version"
        assert refusal.details == {"version": 2}
        assert given.freelancer("accept", expected_version=2).refused is None

    @pytest.mark.parametrize("opener", ["client", "freelancer"])
    def test_one_open_request_at_a_time(self, opener: str) -> None:
        given = Given()
        given.client("request", kind="update")

        refusal = given.by(opener, "request", **FREELANCER_SAYS | {"reason": "other"})

        assert refusal.refused == "request_open"

    def test_who_may_start_one(self) -> None:
        assert Given("glimmer").freelancer("request", kind="cancel").refused == "role_not_allowed"

    @pytest.mark.parametrize("phase", ["waiting_requirements", "in_progress", "delivered", "in_revision"])
    def test_in_every_open_phase(self, phase: str) -> None:
        assert in_phase(phase).client("request", kind="cancel", approval="ask").refused is None

    def test_but_only_in_phases_that_policy_lists(self) -> None:
        given = Given(changes={"requests.cancel.phases": ["delivered"]})

        assert given.client("request", kind="cancel").refused == "wrong_phase"

    def test_a_cooldown_to_the_second(self) -> None:
        given = declined(changes={"requests.cancel.cooldown": "24h"})
        given.after("23h59m59s")
        refusal = given.client("request", kind="cancel")
        assert refusal.refused == "cooling_down"
        assert refusal.details == {"available_at": "2025-03-04T09:00:00Z"}
        assert given.freelancer("request", **FREELANCER_SAYS).refused is None
        given.freelancer("withdraw")

        given.after("1s")

        assert given.client("request", kind="cancel").refused is None

    def test_a_limit_does_not_count_withdrawn_ones(self) -> None:
        given = Given(changes={"requests.cancel.max_requests": 1})
        for _ in range(3):
            given.client("request", kind="cancel")
            given.client("withdraw")
        given.client("request", kind="cancel")
        given.freelancer("decline")

        refusal = given.client("request", kind="cancel")

        assert refusal.refused == "too_many_requests"
        assert refusal.details == {"at_most": 1}
        assert given.freelancer("request", **FREELANCER_SAYS).refused is None

    def test_communicated_means_a_message_before_the_request(self) -> None:
        for words, communicated in (("message", True), ("comment", False), ("other", False)):
            given = Given()
            if words == "message":
                given.client("message", comment="We may have to stop.")
            if words == "other":
                given.freelancer("message", comment="How do you like it?")
            given.client("request", kind="cancel", comment="We stop.")
            given.client("message", comment="After the request.")
            given.freelancer("accept")

            assert given.resolution["communicated"] is communicated


class TestWhatMustBeSaid:
    @pytest.mark.parametrize(
        ("policy", "party", "left_out", "code"),
        [
            ("resolution_center", "freelancer", "reason", "reason_required"),
            ("resolution_center", "freelancer", "comment", "explanation_required"),
            ("fiverr_guide", "freelancer", "comment", "explanation_required"),
            ("upwork", "freelancer", "reason", "reason_required"),
            ("upwork", "freelancer", "comment", "explanation_required"),
            ("upwork", "client", "comment", "explanation_required"),
            ("glimmer", "client", "reason", "reason_required"),
            ("glimmer", "client", "amount", "amount_required"),
            ("upwork", "freelancer", "amount", "amount_required"),
            ("glimmer", "client", "attestations", "attestation_missing"),
            ("resolution_center", "client", "reason", None),
            ("resolution_center", "client", "comment", None),
            ("upwork", "client", "reason", None),
            ("glimmer", "client", "comment", None),
        ],
    )
    def test_each_policy_asks_for_its_own(self, policy: str, party: str, left_out: str, code: str | None) -> None:
        fields: dict[str, Any] = {"kind": "cancel", "reason": "other", "comment": "We stop."}
        if policy in ("glimmer", "upwork"):
            fields |= {"amount": 0, "attestations": ATTESTED}
        del fields[left_out]

        assert Given(policy).by(party, "request", **fields).refused == code

    @pytest.mark.parametrize("comment", ["", " ", "\n\t ", "\u3000"])
    def test_a_blank_text_explains_nothing(self, comment: str) -> None:
        fields = {**FREELANCER_SAYS, "comment": comment}

        assert Given().freelancer("request", **fields).refused == "explanation_required"

    def test_a_reason_belongs_to_its_side(self) -> None:
        refusal = Given().client("request", kind="cancel", reason="cannot_deliver")

        assert refusal.refused == "unknown_reason"
        assert "no_longer_needed" in refusal.details["allowed"]
        assert Given().client("request", kind="cancel", reason="whatever").refused == "unknown_reason"

    def test_a_reason_that_blames_the_other_side_is_a_claim(self) -> None:
        given = Given()
        given.client("request", kind="cancel", reason="freelancer_unresponsive")
        given.freelancer("accept")

        assert given.resolution["fault"] == "none"

    def test_what_was_not_attested_is_named(self) -> None:
        refusal = Given("glimmer").client(
            "request", kind="cancel", reason="other", amount=0, attestations=["discussed", "something else"]
        )

        assert refusal.details == {"missing": ["tried_to_resolve", "agreed_compensation"]}

    def test_without_an_agreement_two_attestations_and_no_amount_are_enough(self) -> None:
        given = Given("glimmer")
        asked: dict[str, Any] = {"kind": "cancel", "reason": "other", "no_agreement": True}
        assert given.client("request", **asked, attestations=ATTESTED[:1]).refused == "attestation_missing"

        assert given.client("request", **asked, attestations=ATTESTED[:2]).refused is None

    def test_no_agreement_is_not_offered_everywhere(self) -> None:
        assert Given().client("request", kind="cancel", no_agreement=True).refused == "escalation_not_offered"

    @pytest.mark.parametrize(("amount", "code"), [(-1, True), (0, False), (10_000, False), (10_001, True)])
    def test_an_amount_lies_between_nothing_and_the_price(self, amount: int, code: bool) -> None:
        refusal = Given("glimmer").client(
            "request", kind="cancel", reason="other", amount=amount, attestations=ATTESTED
        )

        assert refusal.refused == ("amount_out_of_range" if code else None)

    def test_where_policy_has_no_amount_only_nothing_can_be_named(self) -> None:
        assert Given().client("request", kind="cancel", amount=1).refused == "amount_out_of_range"
        assert Given().client("request", kind="cancel", amount=0).refused is None

    def test_the_agreed_amount_is_paid(self) -> None:
        given = Given("glimmer")
        given.client("request", kind="cancel", reason="other", amount=3_000, attestations=ATTESTED)
        given.freelancer("accept")
        given.after("24h")

        assert given.money == (7_385, 2_400, 765, 0)


class TestSilence:
    @pytest.mark.parametrize(
        ("policy", "party", "phase", "means"),
        [
            ("resolution_center", "client", "in_progress", "accept"),
            ("resolution_center", "client", "delivered", "escalate"),
            ("resolution_center", "client", "in_revision", "escalate"),
            ("resolution_center", "freelancer", "in_progress", "accept"),
            ("resolution_center", "freelancer", "delivered", "accept"),
            ("fiverr_guide", "client", "delivered", "accept"),
            ("fiverr_guide", "freelancer", "in_progress", "accept"),
            ("glimmer", "client", "in_progress", "escalate"),
            ("upwork", "client", "in_progress", "accept"),
            ("upwork", "freelancer", "in_progress", "accept"),
            ("upwork", "freelancer", "waiting_requirements", "escalate"),
        ],
    )
    def test_what_it_means(self, policy: str, party: str, phase: str, means: str) -> None:
        given = Given(policy, requirements="awaited" if phase == "waiting_requirements" else "received")
        if phase in ("delivered", "in_revision"):
            given.freelancer("deliver")
        if phase == "in_revision":
            given.client("ask_revision")
        fields: dict[str, Any] = {"kind": "cancel", "reason": "other", "comment": "We stop."}
        if policy in ("glimmer", "upwork"):
            fields |= {"amount": 0, "attestations": ATTESTED}
        given.by(party, "request", **fields)
        assert given.request["silence_means"] == means
        due = given.request["answer_due_at"]
        given.until(due - timedelta(seconds=1))
        assert given.request["status"] == "open"

        given.until(due)

        if means == "accept":
            assert given.resolution["how"] == "expired_accepted"
            assert given.record[-1].content["actor"]["role"] == "system"
        else:
            assert given.case["stage"] == "mediation"
            assert given.request["status"] == "escalated"

    def test_the_phase_in_which_the_window_ends_decides(self) -> None:
        given = Given()
        given.client("request", kind="cancel")
        given.freelancer("deliver")

        given.after("48h")

        assert given.case["opened_by"] == "system"

    def test_declining_by_silence(self) -> None:
        given = Given(changes={"requests.cancel.silence.freelancer_asked": "decline"})
        given.client("request", kind="cancel")

        then = given.after("48h")

        assert then.told["client"] == ["request_declined"]
        assert given.freelancer("accept").refused == "expired"

    def test_lapsing_by_silence(self) -> None:
        given = Given(changes={"requests.cancel.silence.freelancer_asked": "lapse"})
        given.client("request", kind="cancel")

        then = given.after("48h")

        assert then.told == {
            "client": ["request_lapsed"],
            "freelancer": ["answer_reminder", "request_lapsed"],
        }
        assert given.order.phase == "in_progress"

    def test_silence_that_declines_may_open_a_case_by_itself(self) -> None:
        given = Given("fiverr_guide", {"requests.cancel.silence.freelancer_asked": "decline"})
        given.client("request", kind="cancel")
        given.after("48h")

        assert given.case["opened_by"] == "system"

    def test_the_windows_of_upwork(self) -> None:
        for party, days in (("client", 7), ("freelancer", 5)):
            given = Given("upwork")
            given.by(party, "request", kind="cancel", reason="other", comment="We stop.", amount=0)

            assert given.request["answer_due_at"] == MONDAY + timedelta(days=days)

    @pytest.mark.parametrize("command", ["accept", "decline", "counter"])
    def test_an_answer_at_the_deadline_is_expired_whatever_came_after(self, command: str) -> None:
        given = Given()
        given.client("request", kind="cancel")
        given.after("48h")

        assert given.freelancer(command).refused == "expired"
        given.after("1d")
        assert given.freelancer(command, expected_version=1).refused == "expired"

    def test_only_who_was_asked_is_too_late(self) -> None:
        given = Given()
        given.client("request", kind="cancel")
        given.after("48h")

        assert given.client("accept").refused == "order_closed"

    def test_a_reminder_after_a_day_unless_it_was_answered(self) -> None:
        given = Given()
        given.client("request", kind="cancel")
        assert given.after("23h59m59s").told == {}
        then = given.after("1s")
        assert then.told == {"freelancer": ["answer_reminder"]}
        assert then.notices[0].body.answers == ["accept", "decline"]
        given.freelancer("decline")
        given.client("request", kind="cancel")
        given.freelancer("decline")

        assert given.after("5d").told == {}


class TestCounterOffers:
    def asked(self, **changes: Any) -> Given:
        given = Given("glimmer", changes)
        given.client("request", kind="cancel", reason="other", amount=3_000, attestations=ATTESTED)
        return given

    def test_the_asked_side_its_window_and_its_reminder_change(self) -> None:
        given = self.asked()
        given.after("10h")

        then = given.freelancer("counter", amount=5_000, comment="Half is done.")

        assert then.told == {"client": ["request_countered"]}
        assert then.notices[0].body.answers == ["accept", "decline", "counter"]
        assert given.request["asked"] == "client"
        assert given.request["amount"] == 5_000
        assert given.request["version"] == 2
        assert given.request["answer_due_at"] == MONDAY + hours(58)
        assert given.after("24h").told == {"client": ["answer_reminder"]}
        assert given.client("accept").refused is None
        assert given.resolution["gross"] == 5_000
        assert given.resolution["initiator"] == "client"

    def test_a_decline_of_a_counter_is_told_to_who_made_it(self) -> None:
        given = self.asked()
        given.freelancer("counter", amount=5_000)

        assert given.client("decline").told == {"freelancer": ["request_declined"]}

    def test_its_opener_may_still_withdraw(self) -> None:
        given = self.asked()
        given.freelancer("counter", amount=5_000)

        assert given.client("withdraw").told == {"freelancer": ["request_withdrawn"]}

    @pytest.mark.parametrize("amount", [3_000, 2_999, 0])
    def test_one_that_meets_the_other_or_is_better_for_it_is_an_accept(self, amount: int) -> None:
        given = self.asked()

        then = given.freelancer("counter", amount=amount)

        assert then.events[0] == "request_ended"
        assert given.resolution["gross"] == 3_000

    def test_the_same_the_other_way_round(self) -> None:
        given = self.asked()
        given.freelancer("counter", amount=5_000)

        given.client("counter", amount=6_000)

        assert given.resolution["gross"] == 5_000

    def test_five_and_no_more_unless_it_meets(self) -> None:
        given = self.asked()
        for number in range(5):
            party = "freelancer" if number % 2 == 0 else "client"
            assert (
                given.by(party, "counter", amount=5_000 - number if party == "freelancer" else 3_001 + number).refused
                is None
            )

        assert given.client("counter", amount=3_500).refused == "too_many_counters"
        assert given.client("counter", amount=given.request["amount"]).refused is None
        assert given.order.phase == "canceled"

    @pytest.mark.parametrize("amount", [None, -1, 10_001])
    def test_bounds_come_before_what_an_amount_means(self, amount: int | None) -> None:
        code = "amount_required" if amount is None else "amount_out_of_range"

        assert self.asked().freelancer("counter", amount=amount).refused == code

    def test_where_there_is_no_amount_there_is_nothing_to_counter(self) -> None:
        given = Given()
        given.client("request", kind="cancel")

        assert given.freelancer("counter", amount=1).refused == "kind_not_offered"
        assert Given().freelancer("counter", amount=1).refused == "no_open_request"

    def test_a_proposal_cannot_be_countered(self) -> None:
        given = self.asked()
        given.after("48h")
        given.operator("propose", amount=1_000, explanation="A little is done.")

        assert given.freelancer("counter", amount=2_000).refused == "kind_not_offered"

    def test_silence_on_a_counter_is_that_of_the_side_asked_now(self) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=2_000)
        given.freelancer("counter", amount=9_000)

        given.after("5d")

        assert given.resolution["how"] == "expired_accepted"
        assert given.resolution["gross"] == 9_000


class TestPartPaidAtOnce:
    def test_what_an_ending_client_names_is_paid_when_it_asks(self) -> None:
        given = Given("upwork")

        given.client("request", kind="cancel", comment="We stop.", amount=2_000)

        assert given.money == (0, 1_600, 400, 8_550)

    def test_so_is_the_excess_of_a_higher_counter(self) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=2_000)
        given.freelancer("counter", amount=9_000)

        given.client("counter", amount=5_000)

        assert given.money == (0, 4_000, 1_000, 5_550)
        given.freelancer("accept")
        assert given.money == (5_275, 4_000, 1_275, 0)

    def test_what_is_paid_stays_paid(self) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=2_000)
        given.client("withdraw")
        assert given.money == (0, 1_600, 400, 8_550)

        assert given.client("request", kind="cancel", comment="We stop.", amount=1_999).refused == "amount_out_of_range"

    def test_a_freelancer_who_ends_is_paid_nothing_before(self) -> None:
        given = Given("upwork")

        given.freelancer("request", **FREELANCER_SAYS, amount=6_000)

        assert given.money == (0, 0, 0, 10_550)

    def test_nor_is_a_clients_counter_to_its_request(self) -> None:
        given = Given("upwork")
        given.freelancer("request", **FREELANCER_SAYS, amount=6_000)

        given.client("counter", amount=1_000)

        assert given.money == (0, 0, 0, 10_550)
