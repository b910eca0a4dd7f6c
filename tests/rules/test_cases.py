"""Cases: how they open, mediation, and the parties' own ways out (rules, 6)."""

from datetime import timedelta
from typing import Any

import pytest

from recourse.policies import load_policy
from recourse.resolution.model.case_events import CaseOpened
from tests.rules.given import ATTESTED, MONDAY, Given, hours

GLIMMER_ASKS: dict[str, Any] = {"kind": "cancel", "reason": "other", "amount": 3_000, "attestations": ATTESTED}


def declined(policy: str = "resolution_center", changes: dict[str, Any] | None = None, **terms: Any) -> Given:
    given = Given(policy, changes, **terms)
    amount = {"amount": 4_000} if policy == "upwork" else {}
    given.client("request", kind="cancel", comment="We stop.", reason="no_longer_needed", **amount)
    given.freelancer("decline", comment="It is nearly done.")
    return given


def in_mediation(policy: str = "resolution_center", changes: dict[str, Any] | None = None, **terms: Any) -> Given:
    given = declined(policy, changes, **terms)
    given.client("escalate")
    return given


class TestOpening:
    def test_a_declined_request_can_be_taken_to_an_operator(self) -> None:
        given = declined()

        then = given.client("escalate")

        assert then.told == {"client": ["case_opened"], "freelancer": ["case_opened"], "operator": ["case_opened"]}
        assert given.case | {"offers": {}} == {
            "stage": "mediation",
            "opened_by": "client",
            "opened_at": MONDAY,
            "due_at": MONDAY + hours(14 * 24),
            "appeals": 0,
            "offers": {},
            "proposal": None,
            "ruling": None,
            "handled": False,
            "taken_by": None,
        }
        assert given.request["status"] == "declined"
        assert given.view("client")["turn"] == {"who": "operator", "until": MONDAY + hours(14 * 24)}

    def test_operators_hear_of_nothing_before_that(self) -> None:
        given = declined()

        assert [notice for step in given.steps for notice in step.notices if notice.to == "operator"] == []

    def test_one_decline_is_escalated_once_by_each_side(self) -> None:
        given = in_mediation()
        given.client("withdraw")

        assert given.client("escalate").refused == "escalation_not_offered"
        assert given.freelancer("escalate").refused is None
        given.freelancer("withdraw")
        assert given.freelancer("escalate").refused == "escalation_not_offered"

    def test_no_more_once_it_was_ruled_on(self) -> None:
        given = in_mediation()
        given.operator("rule", outcome="continue", explanation="It is nearly done.")

        assert given.freelancer("escalate").refused == "escalation_not_offered"

    def test_a_fallback_is_no_ruling_on_it(self) -> None:
        given = in_mediation(changes={"cases.fallback": "continue"})
        given.after("14d")

        assert given.client("escalate").refused == "escalation_not_offered"
        assert given.freelancer("escalate").refused is None

    def test_a_new_decline_can_be_escalated_anew(self) -> None:
        given = in_mediation()
        given.client("withdraw")
        given.client("request", kind="cancel")
        given.freelancer("decline")

        assert given.client("escalate").refused is None

    @pytest.mark.parametrize("ending", ["decline", "withdraw", "lapse", "accept"])
    def test_a_later_request_does_not_take_the_escalation_away(self, ending: str) -> None:
        given = declined()
        given.freelancer("request", kind="extension", extend_by="24h")
        assert given.client("escalate").refused == "escalation_not_offered"
        if ending == "lapse":
            given.after("48h")
        else:
            (given.freelancer if ending == "withdraw" else given.client)(ending)

        then = given.client("escalate")

        assert then.refused is None
        opened = [event for event in then.happened if isinstance(event, CaseOpened)]
        assert [(event.request, event.initiator, event.reason) for event in opened] == [
            (1, "client", "no_longer_needed")
        ]
        given.client("withdraw")
        assert given.client("escalate").refused == "escalation_not_offered"

    def test_nor_does_a_request_that_was_ruled_on_become_another_one(self) -> None:
        given = declined()
        given.client("request", kind="update")
        given.client("withdraw")
        given.client("escalate")
        given.operator("rule", outcome="continue", explanation="It is nearly done.")

        assert given.freelancer("escalate").refused == "escalation_not_offered"

    @pytest.mark.parametrize("status", ["none", "open", "withdrawn", "accepted update", "declined update"])
    def test_only_a_declined_cancel_request_can_be_escalated(self, status: str) -> None:
        given = Given()
        match status:
            case "open":
                given.client("request", kind="cancel")
            case "withdrawn":
                given.client("request", kind="cancel")
                given.client("withdraw")
            case "accepted update":
                given.client("request", kind="update")
                given.freelancer("accept", comment="Half done.")
            case "declined update":
                given.client("request", kind="update")
                given.freelancer("decline")

        assert given.client("escalate").refused == "escalation_not_offered"

    def test_who_may_not_escalate(self) -> None:
        assert declined("glimmer").client("escalate").refused == "escalation_not_offered"
        given = declined(changes={"cases.escalate_by": ["freelancer"]})
        assert given.client("escalate").refused == "escalation_not_offered"
        assert given.freelancer("escalate").refused is None

    def test_no_second_case_beside_an_open_one(self) -> None:
        assert in_mediation().freelancer("escalate").refused == "case_open"

    @pytest.mark.parametrize("kind", ["cancel", "update"])
    def test_no_request_while_a_case_is_open(self, kind: str) -> None:
        assert in_mediation().client("request", kind=kind).refused == "case_open"

    def test_silence_opens_one_where_policy_says_so(self) -> None:
        given = Given("glimmer")
        given.client("request", **GLIMMER_ASKS)

        then = given.after("48h")

        assert given.request["status"] == "escalated"
        assert then.told["operator"] == ["case_opened"]
        assert given.case["opened_by"] == "system"

    def test_a_decline_opens_one_where_policy_says_so(self) -> None:
        given = Given("fiverr_guide")
        given.client("request", kind="cancel")

        then = given.freelancer("decline")

        assert then.told == {
            "client": ["request_declined", "case_opened"],
            "freelancer": ["case_opened"],
            "operator": ["case_opened"],
        }
        assert given.request["status"] == "declined"
        assert given.case["opened_by"] == "system"

    def test_no_agreement_opens_one_and_the_freelancer_is_not_asked(self) -> None:
        given = Given("glimmer")

        then = given.client("request", kind="cancel", reason="other", no_agreement=True, attestations=ATTESTED[:2])

        assert then.told == {"client": ["case_opened"], "freelancer": ["case_opened"], "operator": ["case_opened"]}
        assert given.request["status"] == "escalated"
        assert given.freelancer("accept").refused == "no_open_request"


class TestDialogue:
    def test_each_side_must_have_said_something_since_the_request(self) -> None:
        given = Given("upwork")
        given.client("message", comment="Before the request.")
        given.freelancer("message", comment="Before it too.")
        given.client("request", kind="cancel", comment="We stop.", amount=0)
        given.freelancer("decline", comment="   ")

        refusal = given.client("escalate")

        assert refusal.refused == "dialogue_required"
        assert refusal.details == {"missing": ["freelancer"]}
        given.freelancer("message", comment="Why?")
        assert given.client("escalate").refused is None

    @pytest.mark.parametrize("word", ["decline", "counter", "message"])
    def test_each_kind_of_word_counts(self, word: str) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=0)
        if word == "counter":
            given.freelancer("counter", amount=9_000, comment="Nearly done.")
            given.client("decline")
        else:
            if word == "message":
                given.freelancer("message", comment="Nearly done.")
            given.freelancer("decline", comment="Nearly done." if word == "decline" else None)

        assert given.client("escalate").refused is None

    def test_a_comment_with_any_applied_command_counts(self) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=0)
        given.freelancer("decline")
        # Neither one that is refused, nor that of the escalation itself.
        assert given.freelancer("complete", comment="It is done.").refused == "role_not_allowed"
        assert given.freelancer("escalate", comment="We do not agree.").refused == "dialogue_required"

        given.freelancer("deliver", comment="Here is all of it.")

        assert given.client("escalate").refused is None

    def test_words_after_a_later_request_count_too(self) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=0)
        given.freelancer("decline")
        given.freelancer("request", kind="extension", extend_by="24h", comment="Nearly done.")
        given.client("decline")

        assert given.client("escalate").refused is None


class TestProposals:
    def test_both_parties_are_asked_for_two_days(self) -> None:
        given = in_mediation()

        then = given.operator("propose", amount=5_000, explanation="Half is done.")

        assert then.told == {"client": ["proposal_made"], "freelancer": ["proposal_made"]}
        assert given.view("client")["turn"] == {"who": "both", "until": MONDAY + hours(48)}
        assert [notice.body.answers for notice in then.notices] == [["accept", "decline"]] * 2
        assert given.view("freelancer")["case"]["proposal"]["amount"] == 5_000

    def test_when_both_accept_the_order_is_canceled_at_that_amount(self) -> None:
        given = in_mediation()
        given.operator("propose", amount=5_000, explanation="Half is done.")

        assert given.client("accept").events == ["proposal_accepted"]
        assert given.view("client")["turn"]["who"] == "freelancer"
        assert given.client("accept").refused == "not_yours_to_answer"
        then = given.freelancer("accept")

        assert then.told == {"client": ["order_canceled"], "freelancer": ["order_canceled"]}
        assert given.resolution["how"] == "mediated"
        assert given.resolution["initiator"] == "client"
        assert given.resolution["reason"] == "no_longer_needed"
        assert given.money == (5_275, 4_000, 1_275, 0)

    @pytest.mark.parametrize("first", ["client", "freelancer"])
    def test_one_decline_leads_to_a_ruling_at_once(self, first: str) -> None:
        given = in_mediation()
        given.operator("propose", amount=5_000, explanation="Half is done.")

        then = given.by(first, "decline")

        assert then.told == {"operator": ["ruling_needed"]}
        assert given.case["stage"] == "ruling"
        assert given.operator("propose", amount=1, explanation="Again.").refused == "wrong_phase"
        assert given.client("accept").refused == "no_open_request"

    def test_silence_of_one_leads_to_a_ruling_at_the_deadline(self) -> None:
        given = in_mediation()
        given.operator("propose", amount=5_000, explanation="Half is done.")
        given.client("accept")
        given.after("47h59m59s")
        assert given.case["stage"] == "mediation"

        then = given.after("1s")

        assert then.told == {"operator": ["ruling_needed"]}
        assert given.case["stage"] == "ruling"
        assert given.freelancer("accept").refused == "expired"
        assert given.client("decline").refused == "expired"

    def test_a_later_proposal_replaces_it_and_asks_both_anew(self) -> None:
        given = in_mediation()
        given.operator("propose", amount=5_000, explanation="Half is done.")
        given.client("accept")
        given.after("24h")
        given.operator("propose", amount=4_000, explanation="Less than half.")

        assert given.view("client")["turn"] == {"who": "both", "until": MONDAY + hours(72)}
        assert given.client("accept", expected_version=2).refused == "stale_version"
        assert given.client("accept", expected_version=3).refused is None
        assert given.freelancer("accept").refused is None
        assert given.money[1] == 3_200

    def test_none_that_would_outlast_the_case(self) -> None:
        given = in_mediation()
        given.after("12d")
        assert given.operator("propose", amount=1, explanation="Just in time.").refused is None

        given.after("1s")

        assert given.operator("propose", amount=1, explanation="Too late.").refused == "proposal_too_late"

    def test_one_that_ends_with_the_case_is_decided_before_it(self) -> None:
        given = in_mediation()
        given.after("12d")
        given.operator("propose", amount=1, explanation="Just in time.")

        assert given.after("2d").fired == ["proposal_due", "case_due"]

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"amount": 5_000}, "explanation_required"),
            ({"amount": 5_000, "explanation": " \n"}, "explanation_required"),
            ({"explanation": "Half is done."}, "amount_required"),
            ({"explanation": "Half is done.", "amount": 10_001}, "amount_out_of_range"),
            ({"explanation": "Half is done.", "amount": -1}, "amount_out_of_range"),
        ],
    )
    def test_what_a_proposal_must_say(self, fields: dict[str, Any], code: str) -> None:
        assert in_mediation().operator("propose", **fields).refused == code

    def test_none_without_a_case(self) -> None:
        assert Given().operator("propose", amount=1, explanation="Why not?").refused == "no_open_case"

    def test_a_party_may_not_propose_nor_an_operator_settle(self) -> None:
        assert in_mediation().client("propose", amount=1, explanation="Mine.").refused == "role_not_allowed"
        assert in_mediation().operator("settle", amount=1).refused == "role_not_allowed"

    def test_an_operator_who_is_a_party_may_not_act(self) -> None:
        for name in ("c-1", "f-1"):
            given = in_mediation()
            assert given.operator("propose", name=name, amount=1, explanation="Mine.").refused == "conflict_of_interest"


class TestSettling:
    def test_an_offer_stands_and_is_seen_by_all(self) -> None:
        given = in_mediation()

        then = given.client("settle", amount=2_000)

        assert then.told == {"freelancer": ["settlement_offered"]}
        assert given.view("freelancer")["case"]["offers"] == {"client": 2_000}
        assert given.client("settle", amount=2_500).refused is None
        assert given.case["offers"] == {"client": 2_500}

    @pytest.mark.parametrize(
        ("first", "stands", "second", "gives"),
        [
            ("client", 2_000, "freelancer", 2_000),
            ("client", 2_000, "freelancer", 1_999),
            ("freelancer", 2_000, "client", 2_000),
            ("freelancer", 2_000, "client", 9_000),
        ],
    )
    def test_one_that_meets_the_other_or_is_better_ends_it_at_what_stood_first(
        self, first: str, stands: int, second: str, gives: int
    ) -> None:
        given = in_mediation()
        given.by(first, "settle", amount=stands)

        then = given.by(second, "settle", amount=gives)

        assert then.told["operator"] == ["case_closed"]
        assert given.resolution["how"] == "mutual"
        assert given.resolution["gross"] == stands
        assert given.order.settlement == "settled"

    @pytest.mark.parametrize(
        ("first", "second", "gives"), [("client", "freelancer", 2_001), ("freelancer", "client", 1_999)]
    )
    def test_one_that_is_worse_stands_beside_it(self, first: str, second: str, gives: int) -> None:
        given = in_mediation()
        given.by(first, "settle", amount=2_000)

        assert given.by(second, "settle", amount=gives).events == ["settlement_offered"]
        assert given.order.phase == "in_progress"

    def test_a_settled_ending_cannot_be_undone_and_is_not_held(self) -> None:
        given = Given("glimmer")
        given.client("request", **GLIMMER_ASKS)
        given.after("48h")
        given.client("settle", amount=1_000)
        given.freelancer("settle", amount=1_000)

        assert given.order.settlement == "settled"
        assert given.client("undo").refused == "undo_not_offered"

    def test_also_while_a_ruling_is_awaited_but_not_after_one(self) -> None:
        given = in_mediation(changes={"cases.appeal_window": "3d"})
        given.operator("propose", amount=1, explanation="Nearly nothing.")
        given.client("decline")
        assert given.client("settle", amount=2_000).refused is None

        given.operator("rule", outcome="continue", explanation="Go on.")

        assert given.freelancer("settle", amount=2_000).refused == "wrong_phase"

    @pytest.mark.parametrize(
        ("amount", "code"), [(None, "amount_required"), (-1, "amount_out_of_range"), (10_001, "amount_out_of_range")]
    )
    def test_its_bounds_are_those_of_a_ruling(self, amount: int | None, code: str) -> None:
        refusal = in_mediation().client("settle", amount=amount)

        assert refusal.refused == code
        assert refusal.details == {"at_least": 0, "at_most": 10_000}

    def test_without_a_case_there_is_nothing_to_settle(self) -> None:
        assert declined().client("settle", amount=1).refused == "no_open_case"


class TestTakingBack:
    def test_who_escalated_may_withdraw_it(self) -> None:
        given = in_mediation()

        assert given.freelancer("withdraw").refused == "not_yours_to_withdraw"
        then = given.client("withdraw")

        assert then.told == {"freelancer": ["case_withdrawn"], "operator": ["case_closed"]}
        assert given.order.phase == "in_progress"
        assert given.client("request", kind="cancel").refused is None

    def test_so_may_the_one_whose_open_request_became_the_case(self) -> None:
        given = Given("glimmer")
        given.client("request", **GLIMMER_ASKS)
        given.after("48h")

        assert given.freelancer("withdraw").refused == "not_yours_to_withdraw"
        assert given.client("withdraw").refused is None

    def test_a_case_that_the_policy_opened_after_a_decline_is_nobodys(self) -> None:
        given = Given("fiverr_guide")
        given.client("request", kind="cancel")
        given.freelancer("decline")

        assert given.client("withdraw").refused == "not_yours_to_withdraw"
        assert given.freelancer("withdraw").refused == "not_yours_to_withdraw"

    def test_not_after_a_ruling(self) -> None:
        given = in_mediation(changes={"cases.appeal_window": "3d"})
        given.operator("rule", outcome="continue", explanation="Go on.")

        assert given.client("withdraw").refused == "not_yours_to_withdraw"

    def test_completing_closes_the_case(self) -> None:
        given = in_mediation()
        given.freelancer("deliver")

        then = given.client("complete")

        assert then.told == {
            "client": ["order_completed"],
            "freelancer": ["order_completed"],
            "operator": ["case_closed"],
        }
        assert given.money == (0, 8_000, 2_550, 0)

    def test_a_case_that_was_ruled_on_closes_with_the_order_unheard(self) -> None:
        given = in_mediation(changes={"cases.appeal_window": "3d"})
        given.operator("rule", outcome="continue", explanation="Go on.")
        given.freelancer("deliver")

        then = given.client("complete")

        assert "operator" not in then.told
        assert given.case["stage"] == "closed"

    def test_a_cancellation_without_approval_closes_the_case(self) -> None:
        given = in_mediation()
        given.after("6d")

        then = given.client("request", kind="cancel", approval="skip")

        assert given.resolution["how"] == "forced_late"
        assert then.told["operator"] == ["case_closed"]

    def test_but_not_after_a_ruling(self) -> None:
        given = in_mediation(changes={"cases.appeal_window": "9d"})
        given.operator("rule", outcome="continue", explanation="Go on.")
        given.after("6d")

        assert given.client("request", kind="cancel", approval="skip").refused == "case_open"


class TestDormancy:
    def test_ninety_days_of_nobody_open_a_case(self) -> None:
        given = Given()
        # Before its due date nobody has to move it.
        given.after("94d23h59m59s")
        assert not given.case

        then = given.after("1s")

        assert then.told == {"client": ["case_opened"], "freelancer": ["case_opened"], "operator": ["case_opened"]}
        assert given.case["opened_by"] == "system"
        assert given.client("withdraw").refused == "not_yours_to_withdraw"

    @pytest.mark.parametrize("fallback", ["cancel_split", "continue"])
    def test_nobody_ruling_either_the_money_is_split(self, fallback: str) -> None:
        given = Given(changes={"cases.fallback": fallback})

        given.after("109d")

        assert given.resolution["how"] == "fallback"
        assert given.resolution["initiator"] == "system"
        assert given.money == (5_275, 4_000, 1_275, 0)

    def test_what_was_refunded_before_is_not_split_again(self) -> None:
        given = Given(changes={"cases.fallback": "cancel_split"})
        given.freelancer("request", kind="partial_refund", amount=2_000)
        given.client("accept")

        given.after("109d")

        assert given.resolution["how"] == "fallback"
        assert given.resolution["gross"] == 4_000

    def test_it_counts_from_the_last_applied_command_of_a_party(self) -> None:
        given = Given()
        given.after("50d")
        given.client("request", kind="update")
        given.client("withdraw")
        given.after("10d")
        assert given.client("accept").refused == "no_open_request"
        given.by("system", "order_again")

        given.after("79d23h59m59s")
        assert not given.case
        given.after("1s")
        assert given.case

    def test_and_from_the_end_of_the_last_case(self) -> None:
        given = in_mediation(changes={"cases.fallback": "continue"})
        given.after("14d")
        assert given.case["stage"] == "closed"

        given.after("89d23h59m59s")
        assert given.case["stage"] == "closed"
        given.after("1s")
        assert given.case["stage"] == "mediation"

    def test_an_open_request_holds_it_off(self) -> None:
        # The lint refuses a clock that can be over when it starts; the rules must bear it all the same.
        policy = load_policy("resolution_center")
        forgetful = policy.order.model_copy(update={"dormant_after": timedelta(hours=1)})
        given = Given(policy.model_copy(update={"order": forgetful}), delivery_time="1h")
        given.client("request", kind="update")

        given.after("47h59m59s")
        assert not given.case
        assert given.after("1s").fired == ["answer_due", "dormancy"]

    @pytest.mark.parametrize("writing", ["message", "evidence"])
    def test_one_that_only_writes_does_not_keep_it_awake_and_two_that_write_do(self, writing: str) -> None:
        evidence = {"title": "Chat", "kind": "text", "sha256": "0" * 64, "address": "https://files.example/1"}
        command, fields = ("add_evidence", evidence) if writing == "evidence" else ("message", {"comment": "Hello?"})
        given = Given()
        given.after("50d")
        given.client(command, **fields)
        alone = given.fork()
        given.after("10d")
        given.freelancer(command, **fields)

        assert alone.after("44d23h59m59s").fired == []
        assert alone.after("1s").fired == ["dormancy"]
        assert given.after("79d23h59m59s").fired == []
        assert given.after("1s").fired == ["dormancy"]

    @pytest.mark.parametrize("revision", [False, True])
    def test_while_the_work_is_in_progress_it_counts_from_the_due_date(self, revision: bool) -> None:
        given = Given(delivery_time="200d")
        if revision:
            given.freelancer("deliver")
            given.client("ask_revision")

        assert given.after("289d23h59m59s").fired == []
        assert given.after("1s").fired == ["dormancy"]

    def test_while_requirements_are_awaited_there_is_no_due_date(self) -> None:
        given = Given(delivery_time="200d", requirements="awaited")

        assert given.after("90d").fired == ["dormancy"]

    def test_never_means_never(self) -> None:
        given = Given(changes={"order.dormant_after": "never"})

        assert given.after("3660d").fired == []
