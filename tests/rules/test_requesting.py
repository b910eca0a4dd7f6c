"""Extensions, updates and partial refunds (rules, 4)."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from recourse.resolution.shown.looking_ahead import available_actions, opens_later
from tests.rules.given import MONDAY, Given, hours
from tests.rules.test_working import in_phase


class TestExtension:
    def test_accepted_the_due_date_moves(self) -> None:
        given = Given()

        then = given.freelancer("request", kind="extension", extend_by="36h", comment="The brief has grown.")
        assert then.told == {"client": ["request_opened"]}
        then = given.client("accept")

        assert then.told == {"freelancer": ["request_accepted"]}
        assert given.order.due_at == MONDAY + timedelta(days=5) + hours(36)

    def test_declined_it_does_not(self) -> None:
        given = Given()
        given.freelancer("request", kind="extension", extend_by="36h")

        assert given.client("decline").told == {"freelancer": ["request_declined"]}
        assert given.order.due_at == MONDAY + timedelta(days=5)

    def test_unanswered_it_lapses_after_two_days(self) -> None:
        given = Given()
        given.freelancer("request", kind="extension", extend_by="36h")

        assert given.after("24h").told == {"client": ["answer_reminder"]}
        assert given.after("23h59m59s").told == {}
        assert given.after("1s").told == {"client": ["request_lapsed"], "freelancer": ["request_lapsed"]}
        assert given.order.due_at == MONDAY + timedelta(days=5)
        assert given.client("accept").refused == "expired"

    def test_pending_it_does_not_stop_the_due_clock(self) -> None:
        given = Given()
        given.after("5d23h")
        given.freelancer("request", kind="extension", extend_by="36h")
        given.after("1h")

        assert given.client("request", kind="cancel", approval="skip").refused is None

    def test_an_order_that_is_late_can_be_extended_into_time(self) -> None:
        given = Given()
        given.after("6d")
        given.freelancer("request", kind="extension", extend_by="48h")
        given.client("accept")

        assert given.view("client")["lateness"] == "on_time"

    @pytest.mark.parametrize(
        ("extend_by", "code"),
        [(None, "malformed"), ("0h", "malformed"), ("-1h", "malformed"), (3_600, "malformed"), ("3661d", "malformed")],
    )
    def test_it_needs_a_length(self, extend_by: Any, code: str) -> None:
        assert Given().freelancer("request", kind="extension", extend_by=extend_by).refused == code


class TestUpdate:
    def test_the_answer_is_the_update_itself(self) -> None:
        given = Given()
        given.client("request", kind="update", comment="How far are you?")

        assert given.freelancer("accept").refused == "explanation_required"
        then = given.freelancer("accept", comment="Half done.")

        assert then.told == {"client": ["request_accepted"]}
        assert then.notices[0].body.comment == "Half done."
        assert given.order.phase == "in_progress"

    def test_it_can_be_declined_without_words(self) -> None:
        given = Given()
        given.client("request", kind="update")

        assert given.freelancer("decline").refused is None

    def test_unanswered_it_lapses(self) -> None:
        given = Given()
        given.client("request", kind="update")

        assert given.after("48h").told == {
            "client": ["request_lapsed"],
            "freelancer": ["answer_reminder", "request_lapsed"],
        }


class TestPartialRefund:
    def test_accepted_it_is_paid_back_at_once_with_its_share_of_the_fee(self) -> None:
        given = Given()
        then = given.freelancer("request", kind="partial_refund", amount=2_500)
        assert then.notices[0].body.answers == ["accept", "decline", "counter"]

        then = given.client("accept")

        assert then.told == {"freelancer": ["request_accepted"]}
        assert given.money == (2_638, 0, 0, 7_912)
        given.freelancer("deliver")
        given.client("complete")
        assert given.money == (2_638, 6_000, 1_912, 0)

    @pytest.mark.parametrize(("price", "code"), [(5_000, "kind_not_offered"), (5_001, None)])
    def test_only_above_a_price(self, price: int, code: str | None) -> None:
        assert Given(price=price).freelancer("request", kind="partial_refund", amount=1).refused == code

    @pytest.mark.parametrize(
        ("amount", "code"),
        [
            (None, "amount_required"),
            (0, "amount_out_of_range"),
            (1, None),
            (5_999, None),
            (6_000, "amount_out_of_range"),
        ],
    )
    def test_at_most_sixty_percent_rounded_down(self, amount: int | None, code: str | None) -> None:
        assert Given(price=9_999).freelancer("request", kind="partial_refund", amount=amount).refused == code

    def test_all_of_the_order_together(self) -> None:
        given = Given()
        given.freelancer("request", kind="partial_refund", amount=4_000)
        given.client("accept")

        refusal = given.freelancer("request", kind="partial_refund", amount=2_001)

        assert refusal.refused == "amount_out_of_range"
        assert refusal.details == {"at_least": 1, "at_most": 2_000}

    def test_counter_offers_included(self) -> None:
        given = Given()
        given.freelancer("request", kind="partial_refund", amount=2_000)

        refusal = given.client("counter", amount=6_001)
        assert refusal.refused == "amount_out_of_range"
        then = given.client("counter", amount=5_000)
        assert then.told == {"freelancer": ["request_countered"]}
        given.freelancer("counter", amount=3_000)
        given.client("accept")

        assert given.order.refunded == 3_000

    @pytest.mark.parametrize(
        ("first", "party", "amount"), [(None, "client", 1_999), (5_000, "freelancer", 5_500), (None, "client", 2_000)]
    )
    def test_a_counter_that_is_better_for_the_other_is_an_accept(
        self, first: int | None, party: str, amount: int
    ) -> None:
        given = Given()
        given.freelancer("request", kind="partial_refund", amount=2_000)
        if first:
            given.client("counter", amount=first)

        given.by(party, "counter", amount=amount)

        assert given.order.refunded == (first or 2_000)

    def test_its_counter_offers_are_limited(self) -> None:
        given = Given()
        given.freelancer("request", kind="partial_refund", amount=1_000)
        for number in range(5):
            given.by(
                "client" if number % 2 == 0 else "freelancer",
                "counter",
                amount=5_000 - number if number % 2 == 0 else 1_001 + number,
            )

        assert given.freelancer("counter", amount=1_500).refused == "too_many_counters"

    def test_unanswered_it_lapses(self) -> None:
        given = Given()
        given.freelancer("request", kind="partial_refund", amount=1_000)
        given.client("counter", amount=2_000)

        given.after("48h")

        assert given.request["status"] == "lapsed"
        assert given.money == (0, 0, 0, 10_550)
        assert given.freelancer("accept").refused == "expired"

    def test_accepting_by_silence_pays(self) -> None:
        given = Given(changes={"requests.partial_refund.silence.client_asked": "accept"})
        given.freelancer("request", kind="partial_refund", amount=1_000)

        given.after("48h")

        assert given.money == (1_055, 0, 0, 9_495)


class TestWaitingAfterADecline:
    KINDS: ClassVar[dict[str, dict[str, Any]]] = {
        "extension": {"kind": "extension", "extend_by": "24h"},
        "partial_refund": {"kind": "partial_refund", "amount": 500},
    }

    @pytest.mark.parametrize("first", KINDS)
    @pytest.mark.parametrize("second", KINDS)
    def test_whoever_was_declined_waits_with_each_of_these_kinds(self, first: str, second: str) -> None:
        given = Given()
        given.freelancer("request", **self.KINDS[first])
        given.client("decline")
        given.after("59m59s")

        then = given.freelancer("request", **self.KINDS[second])

        assert then.refused == "cooling_down"
        assert then.details == {"available_at": "2025-03-03T10:00:00Z"}
        given.after("1s")
        assert given.freelancer("request", **self.KINDS[second]).refused is None

    def test_a_client_waits_with_its_next_update_and_may_cancel(self) -> None:
        given = Given()
        given.client("request", kind="update")
        given.freelancer("decline")

        assert given.client("request", kind="update").refused == "cooling_down"
        assert given.client("request", kind="cancel").refused is None

    def test_the_other_side_does_not_wait(self) -> None:
        given = Given()
        given.freelancer("request", **self.KINDS["extension"])
        given.client("decline")

        assert given.client("request", kind="update").refused is None

    @pytest.mark.parametrize("ending", ["accept", "withdraw", "silence"])
    def test_nobody_waits_where_nothing_was_declined(self, ending: str) -> None:
        given = Given()
        given.freelancer("request", **self.KINDS["extension"])
        if ending == "accept":
            given.client("accept")
        elif ending == "withdraw":
            given.freelancer("withdraw")
        else:
            given.after("48h")

        assert given.freelancer("request", **self.KINDS["extension"]).refused is None

    def test_what_opens_later_says_so(self) -> None:
        given = Given()
        given.freelancer("request", **self.KINDS["extension"])
        given.client("decline")

        assert opens_later(given.order, "freelancer", given.now) == {"request_other_kinds": MONDAY + hours(1)}
        assert available_actions(given.order, "freelancer", given.now)["request"].kinds == ["cancel"]
        given.after("1h")
        assert opens_later(given.order, "freelancer", given.now) == {}


class TestWhoAndWhen:
    @pytest.mark.parametrize(
        ("kind", "party"), [("extension", "client"), ("update", "freelancer"), ("partial_refund", "client")]
    )
    def test_each_kind_is_one_sides(self, kind: str, party: str) -> None:
        assert Given().by(party, "request", kind=kind, amount=1, extend_by="1h").refused == "role_not_allowed"

    @pytest.mark.parametrize(
        ("kind", "phases"),
        [
            ("extension", ["in_progress", "in_revision"]),
            ("update", ["in_progress", "in_revision"]),
            ("partial_refund", ["in_progress", "delivered", "in_revision"]),
        ],
    )
    @pytest.mark.parametrize("phase", ["waiting_requirements", "in_progress", "delivered", "in_revision"])
    def test_each_kind_has_its_phases(self, kind: str, phases: list[str], phase: str) -> None:
        party = "client" if kind == "update" else "freelancer"
        refused = in_phase(phase).by(party, "request", kind=kind, amount=1, extend_by="1h").refused

        assert refused == (None if phase in phases else "wrong_phase")

    @pytest.mark.parametrize(("policy", "offered"), [("glimmer", []), ("upwork", ["extension"])])
    @pytest.mark.parametrize("kind", ["extension", "update", "partial_refund"])
    def test_each_policy_has_its_kinds(self, policy: str, offered: list[str], kind: str) -> None:
        party = "client" if kind == "update" else "freelancer"
        refused = Given(policy).by(party, "request", kind=kind, amount=1, extend_by="1h").refused

        assert refused == (None if kind in offered else "kind_not_offered")

    def test_an_unknown_kind_is_malformed(self) -> None:
        assert Given().client("request", kind="refund").refused == "malformed"
        assert Given().client("request", kind="undo").refused == "malformed"
