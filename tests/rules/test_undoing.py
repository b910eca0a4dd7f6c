"""Undo: inside its window, once, and never to dodge anything (rules, 5)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.rules.given import ATTESTED, MONDAY, Given, hours

ASKS: dict[str, Any] = {"kind": "cancel", "reason": "other", "amount": 3_000, "attestations": ATTESTED}
CONSENT = {"undo.consent": True}


def canceled(changes: dict[str, Any] | None = None, phase: str = "in_progress") -> Given:
    given = Given("glimmer", changes)
    if phase != "in_progress":
        given.freelancer("deliver")
    given.client("request", **ASKS)
    given.freelancer("accept")
    return given


class TestBeforeTheAnswer:
    def test_it_is_the_same_as_to_withdraw(self) -> None:
        given = Given("glimmer")
        given.client("request", **ASKS)

        then = given.client("undo")

        assert then.told == {"freelancer": ["request_withdrawn"]}
        assert given.request["status"] == "withdrawn"
        assert given.order.undo_used is False

    def test_the_other_side_may_not(self) -> None:
        given = Given("glimmer", {"undo.by": ["client", "freelancer"]})
        given.client("request", **ASKS)

        assert given.freelancer("undo").refused == "not_yours_to_withdraw"


class TestAfterTheCancellation:
    def test_the_money_is_held_for_the_window(self) -> None:
        given = canceled()

        assert given.order.settlement == "held"
        assert given.view("client")["settles_at"] == MONDAY + hours(24)
        assert given.after("23h59m59s").steps == ()
        then = given.after("1s")
        assert then.fired == ["settlement"]
        assert then.told == {"client": ["money_settled"], "freelancer": ["money_settled"]}

    def test_inside_it_the_order_comes_back(self) -> None:
        given = canceled()
        given.after("23h59m59s")

        then = given.client("undo")

        assert then.told == {"client": ["cancellation_undone"], "freelancer": ["cancellation_undone"]}
        assert given.order.phase == "in_progress"
        assert given.order.due_at == MONDAY + timedelta(days=5) + hours(24) - timedelta(seconds=1)
        assert given.order.resolution is None
        assert given.order.settlement == "none"
        assert given.money == (0, 0, 0, 10_550)
        assert given.after("60d").told == {}

    def test_at_its_end_it_is_closed(self) -> None:
        given = canceled()
        given.after("24h")

        assert given.client("undo").refused == "undo_closed"

    def test_sent_in_time_during_an_outage_it_counts(self) -> None:
        given = canceled()
        sent_at = (given.now + hours(23)).isoformat()
        given.now += hours(30)

        assert given.client("undo", sent_at=sent_at).refused is None
        assert given.order.phase == "in_progress"

    def test_there_is_one(self) -> None:
        given = canceled()
        given.client("undo")
        given.client("request", **ASKS)
        given.freelancer("accept")

        assert given.order.settlement == "held"
        assert given.client("undo").refused == "undo_used"
        given.after("24h")
        assert given.view("client")["settlement"] == "settled"

    def test_silence_that_accepts_can_be_undone_too(self) -> None:
        given = Given("glimmer", {"requests.cancel.silence.freelancer_asked": "accept"})
        given.client("request", **ASKS)
        given.after("48h")
        assert given.resolution["how"] == "expired_accepted"

        assert given.client("undo").refused is None

    def test_who_may_undo(self) -> None:
        assert canceled().freelancer("undo").refused == "role_not_allowed"
        assert canceled({"undo.by": ["freelancer"]}).freelancer("undo").refused is None

    def test_policies_without_undo(self) -> None:
        given = Given()
        given.client("request", kind="cancel")
        assert given.client("undo").refused == "undo_not_offered"
        given.freelancer("accept")
        assert given.client("undo").refused == "undo_not_offered"
        assert given.order.settlement == "settled"

    def test_nothing_to_undo(self) -> None:
        given = Given("glimmer")
        assert given.client("undo").refused == "no_open_request"
        given.freelancer("deliver")
        given.client("complete")
        assert given.client("undo").refused == "no_open_request"

    @pytest.mark.parametrize("how", ["unilateral", "mediated", "ruling", "fallback"])
    def test_other_endings_can_not_be_undone_and_are_not_held(self, how: str) -> None:
        without = {"requests.cancel.without_approval.client": ["waiting_requirements"]}
        given = Given("glimmer", without, requirements="awaited" if how == "unilateral" else "received")
        given.client("request", **ASKS)
        if how != "unilateral":
            given.after("48h")
        if how == "mediated":
            given.operator("propose", amount=1, explanation="Nearly nothing.")
            given.client("accept")
            given.freelancer("accept")
        if how == "ruling":
            given.operator("rule", outcome="cancel", amount=1, explanation="Nearly nothing.")
        if how == "fallback":
            given.after("14d")

        assert given.resolution["how"] == how
        assert given.order.settlement == "settled"
        assert given.client("undo").refused == "undo_not_offered"

    def test_a_case_cannot_be_undone(self) -> None:
        given = Given("glimmer")
        given.client("request", **ASKS)
        given.after("48h")

        assert given.client("undo").refused == "case_open"

    def test_no_clock_is_reset(self) -> None:
        given = Given("glimmer")
        given.freelancer("deliver")
        given.after("70h")
        given.client("request", **ASKS)
        given.after("20h")
        given.freelancer("accept")
        given.after("20h")

        given.client("undo")

        assert given.view("client")["completes_at"] == given.now + hours(2)

    def test_the_follow_up_of_an_undone_cancellation_does_not_come(self) -> None:
        given = canceled({"notices.follow_up": "12h"})
        given.client("undo")

        assert given.after("72h").told == {}


class TestConsent:
    def test_the_other_side_is_asked(self) -> None:
        given = canceled(CONSENT)

        then = given.client("undo", comment="Let us go on.")

        assert then.told == {"freelancer": ["request_opened"]}
        assert then.notices[0].body.answers == ["accept", "decline"]
        assert then.notices[0].body.silence_means == "lapse"
        assert given.request["kind"] == "undo"
        assert given.view("client")["turn"] == {"who": "freelancer", "until": MONDAY + hours(48)}
        assert given.view("client")["settles_at"] == MONDAY + hours(48)
        assert given.order.settlement == "held"

    def test_agreed_the_order_comes_back(self) -> None:
        given = canceled(CONSENT)
        given.client("undo")
        given.after("30h")

        then = given.freelancer("accept")

        assert then.told == {"client": ["cancellation_undone"], "freelancer": ["cancellation_undone"]}
        assert given.order.due_at == MONDAY + timedelta(days=5) + hours(30)

    def test_silent_it_stays_canceled_and_the_money_moves(self) -> None:
        given = canceled(CONSENT)
        given.client("undo")

        assert given.after("24h").told == {"freelancer": ["answer_reminder"]}
        then = given.after("24h")

        assert then.fired == ["answer_due", "settlement"]
        assert then.told == {
            "client": ["request_lapsed", "money_settled"],
            "freelancer": ["request_lapsed", "money_settled"],
        }
        assert given.freelancer("accept").refused == "expired"

    @pytest.mark.parametrize(("after", "settled"), [("1h", False), ("25h", True)])
    def test_declined_the_window_goes_on_or_is_over(self, after: str, settled: bool) -> None:
        given = canceled(CONSENT)
        given.client("undo")
        given.after(after)

        then = given.freelancer("decline")

        assert then.told["client"][0] == "request_declined"
        assert (given.order.settlement == "settled") is settled

    def test_asking_uses_it_up(self) -> None:
        given = canceled(CONSENT)
        given.client("undo")
        assert given.client("undo").refused == "undo_used"
        given.client("withdraw")

        assert given.client("undo").refused == "undo_used"

    def test_weekends_count_for_it_as_for_any_other_request(self) -> None:
        given = canceled({**CONSENT, "answers.pause": ["tuesday"]})

        given.client("undo")

        assert given.request["answer_due_at"] == MONDAY + hours(72)

    def test_no_other_request_can_be_opened_meanwhile(self) -> None:
        given = canceled(CONSENT)
        given.client("undo")

        assert given.client("request", **ASKS).refused == "order_closed"
        assert given.freelancer("counter", amount=1).refused == "kind_not_offered"
