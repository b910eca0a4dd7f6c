"""An order that stands still: its clocks stop, and go on with what they had left (rules, 13 and 14)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from recourse.resolution.model.lateness import lateness
from recourse.resolution.model.operator_commands import HoldOrder, LiftHold
from recourse.resolution.model.order import Order, open_order, write_state
from recourse.resolution.model.standing import Standstill
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.rules.clocks import clocks
from recourse.resolution.rules.decide import decide
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import abandon
from recourse.resolution.rules.paying import pay_all
from recourse.resolution.rules.standing import go_on
from recourse.resolution.shown.looking_ahead import Ahead, available_actions, let_time_pass, opens_later, preview
from tests.rules.given import MONDAY, Given, Then, hours, opening
from tests.rules.marketplaces import VARIANTS
from tests.rules.test_cases import in_mediation
from tests.rules.walk import key, walk

OPERATOR = {"role": "operator", "id": "operator-9"}
LENGTH = timedelta(hours=7)
EVIL = {"explanation": "A card may be stolen."}


def hold(given: Given) -> Then:
    return given.operator("hold", **EVIL)


def asked(**changes: object) -> Given:
    given = Given(changes=changes)
    given.client("request", kind="cancel")
    return given


def held_for(order: Order, now: datetime, length: timedelta) -> Order | None:
    """The order after a hold of that length; None: it cannot be held now."""
    held = decide(order, HoldOrder.model_validate({"actor": OPERATOR, **EVIL}), now)
    if not isinstance(held, Decision):
        return None
    still = let_time_pass(pay_all(held), now + length)
    lifted = decide(still, LiftHold.model_validate({"actor": OPERATOR}), now + length)
    assert isinstance(lifted, Decision)
    # Without what falls due at this very instant.
    return lifted.order


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in ("strict", "fair", "hasty")])
def test_every_clock_goes_on_with_what_it_had_left(name: str) -> None:
    """In every state near the start. (Days that do not count, and absences, have tests of their own.)"""
    states = [state for state in walk(open_order(opening(*VARIANTS[name])), 3).values() if not state.order.still]
    compared = 0
    for state in states:
        before, now = state.order, state.now
        after = held_for(before, now, LENGTH)
        if after is None or before.away:
            continue
        compared += 1
        moved = {clock.name: clock.at + (LENGTH if clock.name != "follow_up" else hours(0)) for clock in clocks(before)}
        assert {clock.name: clock.at for clock in clocks(after)} == moved, state.path()
        assert lateness(after, now + LENGTH) == lateness(before, now)
        if not before.closed and not before.free_at and not before.declined_at and name != "still":
            # Nothing else can come of it now than could before.
            same = after.model_copy(update={"hold_used": before.hold_used})
            assert key(same, now + LENGTH) == key(before, now), state.path()
    assert compared > 10


class TestWindows:
    def test_days_that_do_not_count_are_left_out_of_what_was_left(self) -> None:
        """24 hours are left on Friday at nine; the hold ends on Saturday at eight: they end on Monday at eight."""
        given = asked(**{"answers.pause": ["sunday"], "requests.cancel.window.freelancer_asked": "5d"})
        given.until(datetime.fromisoformat("2025-03-07T09:00:00Z"))
        hold(given)
        given.until(datetime.fromisoformat("2025-03-08T08:00:00Z"))
        given.operator("lift_hold")

        assert given.request["answer_due_at"] == datetime.fromisoformat("2025-03-10T08:00:00Z")

    def test_clocks_that_were_set_forward_meanwhile_take_no_hour(self) -> None:
        """On Saturday at noon 11 hours are left before the Sunday on which Berlin changes its clocks, 10 after."""
        berlin = {"answers.pause": ["sunday"], "answers.time_zone": "Europe/Berlin"}
        given = Given(changes=berlin)
        given.until(datetime.fromisoformat("2025-03-28T09:00:00Z"))
        given.client("request", kind="cancel", approval="ask")
        given.until(datetime.fromisoformat("2025-03-29T12:00:00Z"))
        hold(given)
        given.until(datetime.fromisoformat("2025-04-09T12:00:00Z"))
        given.operator("lift_hold")

        assert given.request["answer_due_at"] == given.now + hours(21)

    @pytest.mark.parametrize(
        ("back", "due"),
        [("2025-03-04T09:00:00Z", "2025-03-08T09:00:00Z"), ("2025-03-07T09:00:00Z", "2025-03-09T09:00:00Z")],
        ids=["back before it ends", "back after it ends"],
    )
    def test_a_party_that_is_away_meanwhile_stands_still_for_as_long_as_either(self, back: str, due: str) -> None:
        given = asked(**{"answers.away_at_most": "10d"})
        hold(given)
        given.freelancer("away", until=back)
        given.until(datetime.fromisoformat("2025-03-06T09:00:00Z"))
        given.operator("lift_hold")

        assert given.request["answer_due_at"] == datetime.fromisoformat(due)

    def test_a_party_that_comes_back_on_hold_has_lost_nothing(self) -> None:
        given = asked(**{"answers.away_at_most": "10d"})
        given.freelancer("away", until="2025-03-12T09:00:00Z")
        hold(given)
        given.after("24h")
        given.freelancer("back")
        given.operator("lift_hold")

        assert given.request["answer_due_at"] == MONDAY + hours(24 + 48)

    def test_both_answers_to_a_proposal_wait(self) -> None:
        given = in_mediation()
        given.operator("propose", amount=4_000, explanation="Fair.")
        due = given.order.case.proposal.due_at  # type: ignore[union-attr]
        hold(given)
        assert given.view("client")["case"]["proposal"]["due_at"] is None
        given.after("5h")
        given.operator("lift_hold")
        proposal = given.view("client")["case"]["proposal"]

        assert proposal["due_at"] == due + hours(5)
        assert "own_due_at" not in proposal


class TestMeanwhile:
    def test_a_delivery_starts_its_clock_at_the_end(self) -> None:
        given = Given()
        hold(given)
        given.after("24h")
        given.freelancer("deliver")
        assert given.view("client")["completes_at"] is None
        given.after("24h")
        given.operator("lift_hold")

        assert given.view("client")["completes_at"] == given.now + hours(72)

    def test_a_case_that_an_operator_opens_starts_at_the_end(self) -> None:
        given = Given()
        hold(given)
        given.after("24h")
        given.operator("open_case", explanation="Both complain.")
        given.after("24h")
        given.operator("lift_hold")

        assert given.view("client")["case"]["due_at"] == given.now + timedelta(days=14)

    def test_the_due_date_of_work_that_begins_is_counted_from_the_end(self) -> None:
        given = Given(requirements="awaited")
        hold(given)
        given.after("24h")
        given.client("submit_requirements")
        given.after("24h")
        given.operator("lift_hold")

        assert given.order.due_at == given.now + timedelta(days=5)

    def test_the_operators_reminders_of_such_a_case_wait_too(self) -> None:
        given = Given()
        hold(given)
        given.after("48h")
        given.operator("open_case", explanation="Both complain.")
        given.operator("lift_hold")

        assert "operator" not in given.after("71h").told
        assert given.after("1h").told == {"operator": ["case_reminder"]}

    def test_a_case_that_stops_the_completion_leaves_it_what_it_had(self) -> None:
        given = Given()
        given.freelancer("deliver")
        given.after("24h")
        hold(given)
        given.after("24h")
        given.operator("open_case", explanation="Both complain.")
        given.operator("lift_hold")
        given.operator("rule", outcome="continue", explanation="It is as ordered.")

        assert given.view("client")["completes_at"] == given.now + hours(48)

    def test_completion_that_goes_on_meanwhile_does_so_at_the_end(self) -> None:
        given = Given()
        given.freelancer("deliver")
        given.client("request", kind="cancel")
        given.after("24h")
        hold(given)
        given.after("24h")
        given.freelancer("decline")
        given.after("24h")
        given.operator("lift_hold")

        assert given.view("client")["completes_at"] == given.now + hours(72)

    def test_what_moves_an_order_meanwhile_moves_it_until_the_end(self) -> None:
        """Dormancy counts from the end of the hold: for a command, for two that write, and for a case that ended."""
        moves: tuple[Callable[[Given], object], ...] = (
            lambda given: given.freelancer("decline"),
            lambda given: (given.freelancer("message", comment="Well?"), given.client("message", comment="Well.")),
        )
        for move in moves:
            given = asked(**{"order.dormant_after": "30d", "requests.cancel.window.freelancer_asked": "40d"})
            if move is not moves[0]:
                given.client("withdraw")
            given.after("6d")
            hold(given)
            given.after("24h")
            move(given)
            given.after("6d")
            given.operator("lift_hold")

            assert [(clock.name, clock.at) for clock in clocks(given.order)] == [("dormancy", given.now + hours(720))]

    def test_a_case_that_is_taken_back_meanwhile_ended_at_the_end(self) -> None:
        given = in_mediation(changes={"order.dormant_after": "30d"})
        given.after("6d")
        hold(given)
        given.after("24h")
        given.client("withdraw")
        given.engine.order = given.order.model_copy(update={"heard_at": MONDAY})
        given.after("24h")
        given.operator("lift_hold")

        assert [(clock.name, clock.at) for clock in clocks(given.order)] == [("dormancy", given.now + hours(720))]

    def test_two_that_wrote_before_a_hold_kept_the_order_awake_for_as_long(self) -> None:
        given = Given(changes={"order.dormant_after": "30d"})
        given.after("6d")
        given.client("message", comment="Well?")
        given.freelancer("message", comment="Well.")
        hold(given)
        given.after("7d")
        given.operator("lift_hold")

        assert given.order.wrote_at == dict.fromkeys(PARTIES, given.now)
        assert [(clock.name, clock.at) for clock in clocks(given.order)] == [("dormancy", given.now + hours(720))]

    def test_words_in_the_last_day_of_a_case_stay_too_late(self) -> None:
        given = in_mediation(changes={"cases.fallback": "for_who_spoke"})
        opened = given.now
        given.until(opened + timedelta(days=13, hours=12))
        given.client("message", comment="Nothing came.")
        hold(given)
        given.after("3d")
        given.operator("lift_hold")
        given.after("12h")

        assert given.money == (5_275, 4_000, 1_275, 0)

    def test_words_while_it_stands_still_count_as_when_it_began_to(self) -> None:
        given = in_mediation(changes={"cases.fallback": "for_who_spoke"})
        given.until(given.now + timedelta(days=12))
        hold(given)
        given.after("2d")
        given.client("message", comment="Nothing came.")
        given.after("2d")
        given.operator("lift_hold")
        given.after("2d")

        assert given.money == (10_550, 0, 0, 0)

    def test_a_party_that_goes_away_meanwhile_has_what_it_had_when_it_is_back(self) -> None:
        given = asked(**{"answers.away_at_most": "10d"})
        hold(given)
        given.after("24h")
        given.freelancer("away", until="2025-03-12T09:00:00Z")
        given.operator("lift_hold")

        assert given.request["answer_due_at"] == datetime.fromisoformat("2025-03-14T09:00:00Z")

    def test_nothing_that_happens_has_a_payment_tried(self) -> None:
        given = Given(provider="bank")
        given.provider_works = False
        given.client("request", kind="cancel")
        given.freelancer("accept")
        tried = len(given.attempts)
        retry_at = given.order.retry_at
        hold(given)
        given.provider_works = True
        given.after("24h")
        given.client("message", comment="Where is my money?")

        assert len(given.attempts) == tried
        assert given.order.retry_at == retry_at
        given.operator("lift_hold")
        assert given.order.retry_at == retry_at + hours(24)  # type: ignore[operator]
        given.after("1h")
        assert given.order.settlement == "settled"

    def test_an_order_that_ends_is_settled_at_the_end(self) -> None:
        given = Given()
        hold(given)
        decision = Decision(given.order, given.now, given.now)
        abandon(decision)
        given.engine.order = pay_all(decision)
        assert given.order.settlement == "held"
        assert given.money == (0, 0, 0, 10_550)
        given.after("24h")
        then = given.operator("lift_hold")

        assert then.fired == ["lift_hold", "settlement"]
        assert then.told["client"] == ["hold_lifted", "money_settled"]
        assert given.money == (10_550, 0, 0, 0)

    def test_what_can_still_be_done_has_no_deadline(self) -> None:
        given = asked()
        hold(given)

        assert available_actions(given.order, "freelancer", given.now)["decline"].until is None
        assert "cancel_alone" not in opens_later(given.order, "client", given.now)

    def test_a_hold_that_was_sent_before_a_deadline_comes_before_it(self) -> None:
        """It waited while the workers were away, and stops the clocks at the instant at which it counts."""
        given = asked()
        sent_at = given.now + hours(47)
        given.now += hours(50)
        given.operator("hold", **EVIL, sent_at=sent_at.isoformat())
        assert given.order.open_request is not None
        given.after("24h")
        given.operator("lift_hold")

        assert given.request["answer_due_at"] == given.now + hours(1)

    def test_lateness_stays(self) -> None:
        given = Given()
        given.after("119h")
        hold(given)
        given.after("10d")

        assert given.view("client")["lateness"] == "on_time"
        given.operator("lift_hold")
        assert given.after("59m").told == {}
        assert given.view("client")["lateness"] == "on_time"
        given.after("1m")
        assert given.view("client")["lateness"] == "late"

    def test_what_is_done_goes_on_and_what_moves_money_does_not(self) -> None:
        given = asked()
        hold(given)

        assert given.freelancer("accept").refused == "on_hold"
        assert given.freelancer("message", comment="What is it?").refused is None
        assert given.freelancer("deliver").refused is None
        assert given.client("ask_revision").refused is None
        assert given.freelancer("decline").refused is None
        assert given.client("escalate").refused == "on_hold"

    def test_a_clock_that_is_late_takes_nothing_from_the_parties(self) -> None:
        """The workers were away when the hold ended: what was left is left when that is decided."""
        given = asked(**{"order.hold_at_most": "24h"})
        hold(given)
        given.now += hours(30)
        given.take()

        assert given.order.hold is None
        assert given.request["answer_due_at"] == given.now + hours(48)
        assert hold(given).refused == "hold_used"


class TestTwoCauses:
    def both(self, given: Given) -> None:
        """A chargeback, and a hold a day later."""
        still = Standstill(since=given.now, chargeback=True)
        given.engine.order = given.order.model_copy(update={"still": still})
        given.after("24h")
        hold(given)

    def test_an_order_goes_on_when_the_last_cause_ends(self) -> None:
        given = asked()
        self.both(given)
        given.after("24h")
        given.operator("lift_hold")
        assert given.view("client")["turn"] == {"who": "nobody", "until": None}
        assert given.client("complete").refused == "chargeback_open"
        assert given.request["answer_due_at"] is None

        given.after("24h")
        decision = Decision(given.order, given.now, given.now)
        still = given.order.still
        assert still is not None
        decision.order = given.order.model_copy(update={"still": still.model_copy(update={"chargeback": False})})
        go_on(decision)

        assert decision.order.still is None
        assert decision.order.request is not None
        assert decision.order.request.answer_due_at == MONDAY + hours(24 * 3 + 48)

    def test_of_two_reasons_to_refuse_the_chargeback_comes_first(self) -> None:
        given = Given()
        self.both(given)

        assert given.client("complete").refused == "chargeback_open"
        assert given.view("client")["turn"]["who"] == "operator"


class TestHolds:
    def test_a_closed_order_is_held_while_its_money_has_not_moved(self) -> None:
        given = Given("glimmer")
        given.client(
            "request", kind="cancel", reason="other", amount=4_000,
            attestations=["discussed", "tried_to_resolve", "agreed_compensation"],
        )  # fmt: skip
        given.freelancer("accept")
        settles_at = given.view("client")["settles_at"]
        hold(given)
        assert given.view("client")["settles_at"] is None
        assert given.client("undo").refused == "on_hold"
        given.after("48h")
        assert given.operator("lift_hold").told == {party: ["hold_lifted"] for party in PARTIES}

        assert given.view("client")["settles_at"] == settles_at + hours(48)
        assert given.client("undo").refused is None

    def test_an_older_build_decides_nothing_on_hold_and_an_order_without_one_stores_nothing_of_it(self) -> None:
        given = Given()
        assert not {"still", "stood_still", "hold_used"} & write_state(given.order).keys()
        hold(given)

        assert write_state(given.order)["needs"] == 2

    def test_only_operators_read_why(self) -> None:
        given = Given()
        then = hold(given)

        assert EVIL["explanation"] not in str([notice.body for notice in then.notices])
        assert {notice.body.until for notice in then.notices} == {given.now + timedelta(days=14)}

    def test_the_preview_says_what_nobody_acting_means_after_the_hold(self) -> None:
        given = asked(**{"order.hold_at_most": "24h"})
        message = given.message(OPERATOR, "hold", EVIL)
        ahead = preview(given.order, message, given.now)

        assert isinstance(ahead, Ahead)
        assert ahead.if_nobody_acts is not None
        assert (ahead.if_nobody_acts.at, ahead.if_nobody_acts.phase) == (MONDAY + hours(72), "canceled")
