"""Looking ahead: what each role can do, with its bounds, and previews that come true (rules, 11).

That none of it is untrue in any state within reach is shown by `test_walk` and `test_machine`.
"""

from datetime import timedelta
from typing import Any

import pytest

from recourse.resolution.model.record import Reader
from recourse.resolution.shown.looking_ahead import (
    WouldBeRefused,
    available_actions,
    if_nobody_acts,
    opens_later,
    preview,
)
from tests.rules.given import ATTESTED, MONDAY, Given, hours
from tests.rules.test_cases import declined, in_mediation


def actions(given: Given, role: Reader) -> dict[str, Any]:
    return {name: action.model_dump() for name, action in available_actions(given.order, role, given.now).items()}


def ahead(given: Given, role: str, command: str, reader: Reader = "operator", **fields: Any) -> dict[str, Any]:
    party = given.order.terms.client if role == "client" else given.order.terms.freelancer
    message = given.message({"role": role, "id": party}, command, fields)
    return preview(given.order, message, given.now, reader).model_dump()


class TestActions:
    def test_each_role_has_its_own(self) -> None:
        given = Given()

        assert list(actions(given, "client")) == ["request"]
        assert list(actions(given, "freelancer")) == ["deliver", "request"]
        assert list(actions(given, "operator")) == ["hold", "open_case"]

    def test_they_say_what_the_command_takes(self) -> None:
        described = actions(Given("glimmer"), "client")["request"]

        assert described["kinds"] == ["cancel"]
        assert described["amount"] == {"at_least": 0, "at_most": 10_000}
        assert described["attestations"] == ATTESTED
        assert described["no_agreement_attestations"] == ATTESTED[:2]
        assert "no_longer_needed" in described["reasons"]
        assert "cannot_deliver" not in described["reasons"]
        assert "private_note" in described["fields"]

    def test_kinds_are_those_that_this_role_may_open_now(self) -> None:
        given = Given()

        assert actions(given, "client")["request"]["kinds"] == ["cancel", "update"]
        assert actions(given, "freelancer")["request"]["kinds"] == ["cancel", "extension", "partial_refund", "extra"]
        assert actions(given, "freelancer")["request"]["refund"] == {"at_least": 1, "at_most": 6_000}
        given.freelancer("deliver")
        assert actions(given, "client")["request"]["kinds"] == ["cancel"]
        assert actions(given, "freelancer")["request"]["kinds"] == ["cancel", "partial_refund", "extra"]

    def test_answers_come_with_their_deadline(self) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=2_000)

        answers = actions(given, "freelancer")

        assert {name: answers[name]["until"] for name in ("accept", "decline", "counter")} == dict.fromkeys(
            ("accept", "decline", "counter"), MONDAY + timedelta(days=7)
        )
        assert answers["counter"]["amount"] == {"at_least": 2_000, "at_most": 10_000}
        assert actions(given, "client")["withdraw"]["until"] == MONDAY + timedelta(days=7)

    def test_an_answer_that_is_over_is_not_offered_before_its_clock_was_worked_off(self) -> None:
        given = Given()
        given.client("request", kind="cancel", reason="no_longer_needed", comment="We stop.")
        over = given.order.request
        assert over
        assert over.answer_due_at

        late = available_actions(given.order, "freelancer", over.answer_due_at)
        refused = preview(
            given.order,
            given.message({"role": "freelancer", "id": given.order.terms.freelancer}, "accept", {}),
            over.answer_due_at,
        )

        assert {"accept", "decline", "counter"} & set(late) == set()
        assert isinstance(refused, WouldBeRefused)
        assert refused.refused == "expired"

    def test_where_counter_offers_are_used_up_only_meeting_ones_are_left(self) -> None:
        given = Given("upwork", {"requests.cancel.max_counters": 2})
        given.client("request", kind="cancel", comment="We stop.", amount=2_000)
        given.freelancer("counter", amount=8_000)
        assert actions(given, "client")["counter"]["amount"] == {"at_least": 2_000, "at_most": 10_000}
        given.client("counter", amount=3_000)

        assert actions(given, "freelancer")["counter"]["amount"] == {"at_least": 3_000, "at_most": 3_000}
        assert given.freelancer("counter", amount=3_001).refused == "too_many_counters"
        assert given.freelancer("counter", amount=3_000).refused is None

    def test_a_right_to_leave_with_nothing_offers_nothing_else(self) -> None:
        given = Given("upwork", {"requests.cancel.without_approval.freelancer": ["full_return"]})
        assert actions(given, "freelancer")["request"]["amount"] == {"at_least": 0, "at_most": 10_000}

        given.client("request", kind="cancel", comment="We stop.", amount=0)

        assert actions(given, "freelancer")["request"]["amount"] == {"at_least": 0, "at_most": 0}
        refusal = given.freelancer("request", kind="cancel", reason="other", comment="We stop.", amount=1)
        assert refusal.refused == "request_open"

    def test_a_ruling_names_its_outcomes(self) -> None:
        assert actions(in_mediation(), "operator")["rule"]["outcomes"] == ["continue", "cancel"]
        reviewed = Given("fiverr_guide", {"requests.cancel.operator_review": True})
        reviewed.client("request", kind="cancel")

        assert actions(reviewed, "operator")["rule"]["outcomes"] == ["continue", "cancel", "let_them_decide"]
        assert actions(reviewed, "operator")["rule"]["until"] == MONDAY + timedelta(days=14)

    def test_a_review_of_a_careless_client_can_only_be_a_bad_one(self) -> None:
        given = Given("upwork", {"requests.cancel.explanation_from": []})
        given.client("request", kind="cancel", amount=0)
        given.freelancer("accept")

        assert actions(given, "freelancer")["leave_feedback"]["rating"] == ["negative"]
        assert actions(given, "client")["leave_feedback"]["visibility"] == ["private"]
        assert actions(given, "client")["leave_feedback"]["rating"] == ["positive", "negative"]

    def test_undo_and_appeal_say_until_when(self) -> None:
        undone = Given("glimmer")
        undone.client("request", kind="cancel", reason="other", amount=0, attestations=ATTESTED)
        assert actions(undone, "client")["undo"]["until"] == MONDAY + hours(48)
        undone.freelancer("accept")
        assert actions(undone, "client")["undo"]["until"] == MONDAY + hours(24)

        for outcome in ("cancel", "continue"):
            ruled = in_mediation(changes={"cases.appeal_window": "3d"})
            ruled.operator("rule", outcome=outcome, amount=0, explanation="So it is.")
            assert actions(ruled, "client")["appeal"]["until"] == MONDAY + timedelta(days=3)

    def test_an_extension_says_how_long_it_may_be(self) -> None:
        given = Given(delivery_time="3660d")
        for _ in range(20):
            bounds = actions(given, "freelancer")["request"]["extend_by"]
            if given.freelancer("request", kind="extension", extend_by=bounds["at_most"]).refused:
                break
            given.client("accept")
            if "extension" not in actions(given, "freelancer")["request"]["kinds"]:
                break

        assert given.order.due_at == MONDAY + timedelta(days=2 * 3_660)
        refusal = given.freelancer("request", kind="extension", extend_by="1s")
        assert refusal.refused == "amount_out_of_range"

    def test_what_opens_later(self) -> None:
        given = declined(changes={"requests.cancel.cooldown": "24h"})

        assert opens_later(given.order, "client", given.now) == {
            "cancel_alone": MONDAY + timedelta(days=6),
            "request": MONDAY + hours(24),
        }
        assert opens_later(given.order, "freelancer", given.now) == {}
        given.after("24h")
        assert opens_later(given.order, "client", given.now) == {"cancel_alone": MONDAY + timedelta(days=6)}
        given.freelancer("deliver")
        assert opens_later(given.order, "client", given.now) == {}

    @pytest.mark.parametrize(
        "changes",
        [
            {"requests.cancel.by": ["freelancer"]},
            {"requests.kinds": ["update"]},
            {"requests.cancel.phases": ["delivered"]},
        ],
        ids=str,
    )
    def test_what_never_opens_is_not_promised(self, changes: dict[str, Any]) -> None:
        given = Given(changes=changes)

        assert opens_later(given.order, "client", given.now) == {}
        given.after("6d")
        assert given.client("request", kind="cancel", approval="skip").refused is not None


class TestAnOrderThatAnswersNoMore:
    def test_it_offers_nothing(self) -> None:
        given = Given()
        given.freelancer("deliver")
        given.client("complete")
        given.after("13d23h59m59s")
        assert list(actions(given, "client")) == ["leave_feedback"]
        assert given.view("operator")["reviews"] == {"client": ["public", "private"], "freelancer": ["public"]}

        given.after("1s")

        assert {role: actions(given, role) for role in ("client", "freelancer", "operator")} == {
            "client": {},
            "freelancer": {},
            "operator": {},
        }
        assert given.view("operator")["reviews"] == {"client": [], "freelancer": []}
        assert given.view("client")["reviews"] == {"client": []}
        said = ahead(given, "client", "leave_feedback", visibility="public", rating="positive")
        assert said["refused"] == "order_closed"

    def test_a_preview_knows_that_nothing_may_be_left_then(self) -> None:
        given = Given(changes={"order.reachable_after": "0h"})
        given.freelancer("deliver")

        assert ahead(given, "client", "complete")["reviews"] == {"client": [], "freelancer": []}


class TestPreview:
    def test_a_request_tells_what_acceptance_and_silence_would_mean(self) -> None:
        given = Given()

        said = ahead(given, "client", "request", kind="cancel")

        assert said["phase"] == "in_progress"
        assert said["money"] == {"client": 0, "freelancer": 0, "platform": 0, "contested": 0, "held": 10_550}
        assert said["if_accepted"]["phase"] == "canceled"
        assert said["if_accepted"]["how"] == "mutual"
        assert said["if_accepted"]["money"] == {
            "client": 10_550,
            "freelancer": 0,
            "platform": 0,
            "contested": 0,
            "held": 0,
        }
        assert said["if_nobody_acts"]["at"] == MONDAY + hours(48)
        assert said["if_nobody_acts"]["how"] == "expired_accepted"
        assert given.order.request is None
        assert given.order.record_length == 0

    def test_a_refusal_comes_with_its_details(self) -> None:
        said = ahead(Given(), "client", "request", kind="cancel", approval="skip")

        assert said["refused"] == "approval_needed"
        assert said["available_at"] == MONDAY + timedelta(days=6)

    def test_scores_before_and_after(self) -> None:
        given = Given(history={"freelancer": {"completed": 9}})

        said = ahead(given, "client", "request", kind="cancel")

        assert said["scores"] == {"freelancer": {"completion_rate": {"before": 100.0, "after": 100.0}}}
        assert said["if_accepted"]["scores"] == {"freelancer": {"completion_rate": {"before": 100.0, "after": 90.0}}}

    def test_a_party_reads_no_confidential_score_and_only_its_own_reviews(self) -> None:
        given = Given("upwork")
        given.client("request", kind="cancel", comment="We stop.", amount=0)

        said = ahead(given, "freelancer", "accept", reader="freelancer")

        assert said["scores"] == {}
        assert set(said["reviews"]) == {"freelancer"}

    def test_what_falls_due_at_once_is_part_of_it(self) -> None:
        given = Given("glimmer", {"undo.consent": True})
        given.client("request", kind="cancel", reason="other", amount=0, attestations=ATTESTED)
        given.freelancer("accept")
        given.client("undo")
        given.after("30h")

        said = ahead(given, "freelancer", "decline")

        assert said["settlement"] == "settled"
        given.freelancer("decline")
        assert given.order.settlement == "settled"

    def test_a_dormant_order_is_no_secret(self) -> None:
        said = ahead(Given(), "client", "message", comment="Hello.")

        assert said["if_nobody_acts"]["at"] == MONDAY + timedelta(days=95)
        assert said["if_nobody_acts"]["case"] == {"stage": "mediation"}

    def test_completing_by_the_clock(self) -> None:
        said = ahead(Given(), "freelancer", "deliver")

        assert said["if_nobody_acts"]["at"] == MONDAY + hours(72)
        assert said["if_nobody_acts"]["phase"] == "completed"
        assert said["if_nobody_acts"]["money"] == {
            "client": 0,
            "freelancer": 8_000,
            "platform": 2_550,
            "contested": 0,
            "held": 0,
        }

    def test_a_provider_that_fails_now_is_not_said_to_pay(self) -> None:
        given = Given(provider="bank")
        given.freelancer("request", kind="partial_refund", amount=1_000)
        given.provider_works = False
        given.client("accept")
        given.freelancer("deliver")

        said = ahead(given, "client", "complete")

        assert said["settlement"] == "retrying"
        given.client("complete")
        assert given.order.settlement == "retrying"

    def test_an_unreadable_command_is_malformed(self) -> None:
        assert ahead(Given(), "client", "request", kind="dance")["refused"] == "malformed"


class TestIfNobodyActs:
    def test_it_says_what_the_preview_said_before(self) -> None:
        given = Given()
        said = ahead(given, "client", "request", kind="cancel", comment="We stopped.")["if_nobody_acts"]
        given.client("request", kind="cancel", comment="We stopped.")

        silent = if_nobody_acts(given.order, "operator")
        assert silent
        assert silent.model_dump() == said

    def test_where_time_decides_nothing_there_is_nothing(self) -> None:
        given = Given()
        given.client("request", kind="cancel", comment="We stopped.")
        given.freelancer("accept")

        assert if_nobody_acts(given.order, "client") is None
