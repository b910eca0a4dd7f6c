"""Absence, given time, crossing requests, abandoned orders: fair time (rules, 15)."""

from datetime import datetime, timedelta

from hypothesis import given as examples
from hypothesis import strategies as st

from recourse.resolution.model.durations import WEEKDAYS, time_counted, window_end
from recourse.resolution.model.policy import Answers
from recourse.resolution.model.zones import offsets_of
from tests.rules.given import MONDAY, Given, hours
from tests.rules.test_cases import in_mediation
from tests.rules.test_durations import INSTANTS, ZONES

FAIR = {"answers.away_at_most": "5d", "answers.give_time_at_most": "48h"}
DAYS = st.lists(st.sampled_from(WEEKDAYS), max_size=5, unique=True)


def asked(**changes: object) -> Given:
    given = Given(changes={**FAIR, **changes})
    given.client("request", kind="cancel")
    return given


@examples(INSTANTS, st.integers(0, 20 * 86_400), DAYS, ZONES)
def test_the_time_counted_until_a_window_ends_is_its_length(
    start: datetime, seconds: int, days: list[str], zone: str
) -> None:
    pauses, offsets = Answers(pause=tuple(days)).pauses, offsets_of(zone, start)
    length = timedelta(seconds=seconds)

    assert time_counted(start, window_end(start, length, pauses, offsets), pauses, offsets) == length


class TestAbsence:
    def test_a_party_that_comes_back_at_once_has_lost_nothing(self) -> None:
        given = asked()
        before = given.request["answer_due_at"]
        given.freelancer("away", until="2025-03-06T09:00:00Z")
        given.freelancer("back")

        assert given.request["answer_due_at"] == before
        assert given.order.away_left("freelancer", given.now) == hours(5 * 24)
        assert given.order.away == {}

    def test_paused_days_are_left_out_of_the_moved_deadline(self) -> None:
        """24 hours are left on Friday; back on Saturday evening, they end on Monday evening."""
        given = asked(**{"answers.pause": ["sunday"]})
        given.after("24h")
        given.freelancer("away", until="2025-03-08T20:00:00Z")

        assert given.request["answer_due_at"] == datetime.fromisoformat("2025-03-10T20:00:00Z")

    def test_the_reminder_stands_still_with_its_window(self) -> None:
        given = asked()
        given.after("12h")
        given.freelancer("away", until="2025-03-05T09:00:00Z")

        assert given.until(MONDAY + hours(59)).told == {}
        assert given.until(MONDAY + hours(60)).told == {"freelancer": ["answer_reminder"]}

    def test_the_other_sides_window_does_not_move(self) -> None:
        given = asked()
        before = given.request["answer_due_at"]
        then = given.client("away", until="2025-03-06T09:00:00Z")

        assert then.told == {}
        assert given.request["answer_due_at"] == before

    def test_a_counter_offer_waits_for_the_party_that_is_away(self) -> None:
        given = Given("glimmer", FAIR)
        attested = ["discussed", "tried_to_resolve", "agreed_compensation"]
        given.client("request", kind="cancel", reason="other", amount=1_000, attestations=attested)
        given.client("away", until="2025-03-05T09:00:00Z")
        given.freelancer("counter", amount=2_000)

        assert given.request["answer_due_at"] == MONDAY + hours(96)

    def test_each_party_has_its_own_time_for_a_proposal(self) -> None:
        given = in_mediation(changes=FAIR)
        given.freelancer("away", until="2025-03-05T09:00:00Z")
        given.operator("propose", amount=0, explanation="Nothing is done.")
        assert given.case["proposal"]["due_at"] == MONDAY + hours(96)

        given.client("accept")
        given.freelancer("message", comment="I am here after all.")

        assert given.case["proposal"]["due_at"] == MONDAY + hours(48)

    def test_the_end_of_an_order_ends_it_and_an_undo_brings_back_what_was_left(self) -> None:
        given = Given("glimmer", FAIR)
        given.freelancer("away", until="2025-03-08T09:00:00Z")
        given.after("24h")
        attested = ["discussed", "tried_to_resolve", "agreed_compensation"]
        given.client("request", kind="cancel", reason="other", amount=0, attestations=attested)
        given.freelancer("accept")
        given.client("undo")

        assert given.order.away == {}
        assert given.order.away_left("freelancer", given.now) == hours(4 * 24)

    def test_a_refused_command_brings_nobody_back(self) -> None:
        given = asked()
        given.freelancer("away", until="2025-03-06T09:00:00Z")

        assert given.freelancer("complete").refused == "role_not_allowed"
        assert given.order.away_until("freelancer", given.now) is not None


class TestGivenTime:
    def test_it_moves_what_a_new_absence_then_moves_too(self) -> None:
        given = asked()
        given.client("give_time", by="24h")
        given.freelancer("away", until="2025-03-04T09:00:00Z")

        assert given.request["answer_due_at"] == MONDAY + hours(96)

    def test_each_request_has_its_own(self) -> None:
        given = asked()
        assert given.client("give_time", by="48h").refused is None
        assert given.client("give_time", by="1s").details == {"at_most": "0h"}
        given.freelancer("decline")
        given.client("request", kind="cancel")

        assert given.client("give_time", by="48h").refused is None

    def test_a_party_that_is_asked_to_undo_gets_time_too(self) -> None:
        given = Given("glimmer", {**FAIR, "undo.consent": True})
        attested = ["discussed", "tried_to_resolve", "agreed_compensation"]
        given.client("request", kind="cancel", reason="other", amount=0, attestations=attested)
        given.freelancer("accept")
        given.client("undo")

        assert given.client("give_time", by="24h").refused is None
        assert given.request["answer_due_at"] == MONDAY + hours(72)
        assert given.view("client")["settles_at"] == MONDAY + hours(72)


class TestCrossing:
    def test_a_right_to_cancel_alone_comes_first(self) -> None:
        late = Given(changes={"requests.cancel.crossing": "agree"}, delivery_time="1h")
        late.after("20h")
        late.freelancer("request", kind="cancel", reason="other", comment="I am ill.")
        late.after("5h")
        late.client("request", kind="cancel")

        assert late.resolution["how"] == "forced_late"

    def test_an_offer_that_is_worse_for_the_other_is_refused(self) -> None:
        given = Given("upwork", {"requests.cancel.crossing": "agree"})
        given.freelancer("request", kind="cancel", amount=3_000, reason="other", comment="A third.")

        assert given.client("request", kind="cancel", amount=2_999, comment="We stop.").refused == "request_open"
        assert given.client("request", kind="cancel", comment="We stop.").refused == "request_open"


class TestAbandoned:
    def test_what_was_delivered_once_is_never_abandoned(self) -> None:
        given = Given(changes={"order.abandoned_after": "1d"})
        given.freelancer("deliver")
        given.client("ask_revision")
        given.after("30d")

        assert given.order.phase == "in_revision"

    def test_a_case_puts_it_off_until_it_ends(self) -> None:
        given = Given(changes={"order.abandoned_after": "1d"})
        given.after("5d")
        given.operator("open_case", explanation="Where is the freelancer?")
        given.after("2d")
        assert given.order.phase == "in_progress"

        then = given.operator("rule", outcome="continue", explanation="Wait for it.")

        assert then.fired == ["rule", "abandonment"]
        assert given.resolution["how"] == "abandoned"


class TestForWhoSpoke:
    FALLBACK = {"cases.fallback": "for_who_spoke"}

    def test_both_spoke_so_it_is_split(self) -> None:
        given = in_mediation(changes=self.FALLBACK)
        given.client("message", comment="Nothing came.")
        given.freelancer("message", comment="It did.")
        given.after("14d")

        assert given.money == (5_275, 4_000, 1_275, 0)

    def test_a_note_to_operators_is_not_said_to_the_other_side(self) -> None:
        given = in_mediation(changes=self.FALLBACK)
        given.freelancer("message", comment="All is done.")
        given.client("note_to_staff", text="It is not.", comment="Hidden.")
        given.after("14d")

        assert given.order.phase == "in_progress"
        assert "hidden" not in str(given.view("freelancer")).lower()
