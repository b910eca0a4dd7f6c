"""The work itself: requirements, delivery, revisions, completion, lateness (rules, 1, 2, 3.9)."""

from datetime import timedelta

import pytest

from tests.rules.given import MONDAY, Given, hours


class TestPhases:
    def test_the_delivery_time_starts_with_the_requirements(self) -> None:
        given = Given(requirements="awaited")
        given.after("36h")

        then = given.client("submit_requirements")

        assert then.told == {"freelancer": ["requirements_submitted"]}
        assert given.order.phase == "in_progress"
        assert given.order.due_at == MONDAY + hours(36) + timedelta(days=5)

    def test_a_delivery_starts_the_auto_complete_clock(self) -> None:
        given = Given()

        then = given.freelancer("deliver")

        assert then.told == {"client": ["order_delivered"]}
        assert given.order.phase == "delivered"
        assert given.view("client")["completes_at"] == MONDAY + hours(72)
        assert given.view("client")["turn"] == {"who": "client", "until": MONDAY + hours(72)}

    def test_a_revision_stops_it_and_the_next_delivery_starts_it_anew(self) -> None:
        given = Given()
        given.freelancer("deliver")
        given.after("71h")

        then = given.client("ask_revision")

        assert then.told == {"freelancer": ["revision_requested"]}
        assert given.order.phase == "in_revision"
        assert given.view("client")["completes_at"] is None
        given.after("100h")
        given.freelancer("deliver")
        assert given.view("client")["completes_at"] == given.now + hours(72)

    def test_the_client_completes_and_the_freelancer_is_paid(self) -> None:
        given = Given()
        given.freelancer("deliver")

        then = given.client("complete")

        assert then.told == {"client": ["order_completed"], "freelancer": ["order_completed"]}
        assert then.notices[0].body.amounts.model_dump() == {
            "client": 0,
            "freelancer": 8_000,
            "platform": 2_550,
            "held": 0,
            "currency": "USD",
        }
        assert given.order.phase == "completed"
        assert given.order.settlement == "settled"
        assert given.money == (0, 8_000, 2_550, 0)

    def test_so_does_the_clock_at_its_very_second(self) -> None:
        given = Given()
        given.freelancer("deliver")
        assert given.after("71h59m59s").fired == []

        then = given.after("1s")

        assert then.fired == ["auto_complete"]
        assert given.order.phase == "completed"
        assert given.money == (0, 8_000, 2_550, 0)

    @pytest.mark.parametrize(
        ("phase", "refused"),
        [
            ("waiting_requirements", ["deliver", "ask_revision", "complete"]),
            ("in_progress", ["submit_requirements", "ask_revision", "complete"]),
            ("delivered", ["submit_requirements", "deliver"]),
            ("in_revision", ["submit_requirements", "ask_revision", "complete"]),
        ],
    )
    def test_each_command_has_its_phase(self, phase: str, refused: list[str]) -> None:
        given = in_phase(phase)
        by = {"deliver": "freelancer"}

        assert [given.by(by.get(command, "client"), command).refused for command in refused] == ["wrong_phase"] * len(
            refused
        )

    @pytest.mark.parametrize("ending", ["completed", "canceled"])
    @pytest.mark.parametrize("command", ["submit_requirements", "deliver", "ask_revision", "complete", "request"])
    def test_a_closed_order_is_closed(self, ending: str, command: str) -> None:
        given = in_phase(ending)
        fields = {"kind": "cancel"} if command == "request" else {}

        assert given.by("freelancer" if command == "deliver" else "client", command, **fields).refused == "order_closed"

    def test_five_revisions_and_no_more(self) -> None:
        given = Given()
        for _ in range(5):
            given.freelancer("deliver")
            assert given.client("ask_revision").refused is None
        given.freelancer("deliver")

        refusal = given.client("ask_revision")

        assert refusal.refused == "too_many_revisions"
        assert refusal.details == {"at_most": 5}
        assert given.client("complete").refused is None

    @pytest.mark.parametrize(
        ("role", "command"),
        [
            ("freelancer", "submit_requirements"),
            ("client", "deliver"),
            ("freelancer", "ask_revision"),
            ("freelancer", "complete"),
            ("operator", "complete"),
            ("system", "deliver"),
        ],
    )
    def test_each_command_is_one_sides(self, role: str, command: str) -> None:
        given = in_phase("waiting_requirements" if command == "submit_requirements" else "in_progress")
        if command in ("ask_revision", "complete"):
            given.freelancer("deliver")

        assert given.by(role, command).refused == "role_not_allowed"


class TestLateness:
    def test_all_boundaries_are_inclusive(self) -> None:
        given = Given()
        seen = []
        for length in ("119h59m59s", "1s", "23h59m59s", "1s"):
            given.after(length)
            seen.append(given.view("client")["lateness"])

        assert seen == ["on_time", "late", "late", "very_late"]

    def test_an_order_that_waits_is_never_late(self) -> None:
        given = Given(requirements="awaited")
        given.after("60d")

        assert given.view("client")["lateness"] == "on_time"

    def test_what_was_delivered_once_is_not_late_any_more(self) -> None:
        given = Given()
        given.after("10d")
        given.freelancer("deliver")
        assert given.view("client")["lateness"] == "on_time"

        given.client("ask_revision")
        given.after("10d")

        assert given.view("client")["lateness"] == "on_time"

    def test_it_stands_still_when_the_order_closes(self) -> None:
        given = Given()
        given.after("5d")
        given.client("request", kind="cancel")
        given.freelancer("accept")
        given.after("13d")

        assert given.view("client")["lateness"] == "late"

    def test_without_a_grace_nothing_is_very_late(self) -> None:
        given = Given("glimmer")
        given.after("80d")

        assert given.view("client")["lateness"] == "late"


class TestAutoCompleteAndRequests:
    """It is frozen while the first cancel request since the delivery, or a case, is open [A16]."""

    def test_the_first_request_freezes_it_with_the_time_left(self) -> None:
        given = in_phase("delivered")
        given.after("70h")

        given.client("request", kind="cancel")

        assert given.view("client")["completes_at"] is None
        given.after("47h")
        given.freelancer("decline")
        assert given.view("client")["completes_at"] == given.now + hours(2)

    def test_one_open_at_the_delivery_counts_as_the_first(self) -> None:
        given = Given()
        given.client("request", kind="cancel")

        then = given.freelancer("deliver")

        assert then.events == ["delivered", "auto_complete_stopped"]
        given.freelancer("decline")
        assert given.view("client")["completes_at"] == given.now + hours(72)

    def test_what_its_opener_withdraws_counts_as_run(self) -> None:
        given = in_phase("delivered")
        given.client("request", kind="cancel")
        given.after("20h")

        given.client("withdraw")

        assert given.view("client")["completes_at"] == MONDAY + hours(72)

    def test_but_completion_comes_no_earlier_than_an_hour_after_the_withdrawal(self) -> None:
        given = in_phase("delivered")
        given.after("71h")
        given.client("request", kind="cancel")
        given.after("40h")

        given.client("withdraw")

        assert given.view("client")["completes_at"] == given.now + hours(1)
        assert given.after("59m59s").fired == []
        assert given.after("1s").fired == ["auto_complete"]

    def test_later_requests_do_not_freeze_it_and_end_with_it(self) -> None:
        given = in_phase("delivered")
        given.client("request", kind="cancel")
        given.client("withdraw")
        given.after("71h")

        given.client("request", kind="cancel")

        assert given.view("client")["completes_at"] == MONDAY + hours(72)
        then = given.after("1h")
        assert then.told == {
            "client": ["request_superseded", "order_completed"],
            "freelancer": ["order_completed"],
        }
        assert given.request["status"] == "superseded"

    def test_a_partial_refund_does_not_freeze_it(self) -> None:
        given = in_phase("delivered")

        given.freelancer("request", kind="partial_refund", amount=100)

        assert given.view("client")["completes_at"] == MONDAY + hours(72)

    def test_after_another_delivery_there_is_a_new_first_request(self) -> None:
        given = in_phase("delivered")
        given.client("request", kind="cancel")
        given.client("withdraw")
        given.client("ask_revision")
        given.freelancer("deliver")

        given.client("request", kind="cancel")

        assert given.view("client")["completes_at"] is None

    def test_a_case_freezes_it_too(self) -> None:
        given = in_phase("delivered")
        given.client("request", kind="cancel")
        given.freelancer("decline")
        given.after("10h")

        given.client("escalate")

        assert given.view("client")["completes_at"] is None
        given.after("24h")
        given.operator("rule", outcome="continue", explanation="It is done.")
        assert given.view("client")["completes_at"] == given.now + hours(62)

    def test_and_a_case_taken_back_counts_as_run(self) -> None:
        given = in_phase("delivered")
        given.client("request", kind="cancel")
        given.freelancer("decline")
        given.client("escalate")
        given.after("24h")

        given.client("withdraw")

        assert given.view("client")["completes_at"] == MONDAY + hours(72)

    def test_the_next_case_of_a_party_that_took_one_back_does_not_freeze_it(self) -> None:
        given = in_phase("delivered")
        for _ in range(2):
            given.client("request", kind="cancel")
            given.freelancer("decline")
        given.client("escalate")
        given.client("withdraw")
        again = given.fork()
        again.client("request", kind="cancel")
        again.freelancer("decline")
        again.client("escalate")
        assert again.case["stage"] == "mediation"
        assert again.view("client")["completes_at"] == MONDAY + hours(72)
        assert again.after("72h").told["operator"] == ["case_closed"]
        assert again.order.phase == "completed"

        # The other side's own case is not the client's to take back.
        given.client("request", kind="cancel")
        given.freelancer("decline")
        given.freelancer("escalate")
        assert given.view("client")["completes_at"] is None

    def test_until_the_next_delivery(self) -> None:
        given = in_phase("delivered")
        for _ in range(2):
            given.client("request", kind="cancel")
            given.freelancer("decline")
            given.client("escalate")
            assert given.view("client")["completes_at"] is None
            given.client("withdraw")
            given.client("ask_revision")
            given.freelancer("deliver")

    def test_it_keeps_what_it_had_left_when_the_request_was_sent(self) -> None:
        given = in_phase("delivered")
        sent_at = given.now + hours(71)
        given.now += hours(100)

        given.client("request", kind="cancel", sent_at=sent_at.isoformat())
        given.freelancer("decline")

        assert given.view("client")["completes_at"] == given.now + hours(1)

    def test_a_case_that_silence_opened_while_we_were_away_counts_as_of_its_clock(self) -> None:
        given = in_phase("delivered")
        for _ in range(2):
            given.client("request", kind="cancel")
            given.client("withdraw")
        given.client("request", kind="cancel")
        given.now += hours(60)

        given.client("message", comment="Hello?")

        assert given.case["opened_by"] == "system"
        assert given.order.auto_complete is not None
        assert given.order.auto_complete.left == hours(24)

    def test_the_clients_complete_closes_its_own_open_request(self) -> None:
        given = in_phase("delivered")
        given.client("request", kind="cancel")

        then = given.client("complete")

        assert then.told["client"] == ["request_superseded", "order_completed"]
        assert given.order.phase == "completed"

    def test_a_request_stays_open_over_delivery_and_revision(self) -> None:
        given = Given()
        given.client("request", kind="cancel")
        due = given.request["answer_due_at"]
        given.freelancer("deliver")
        given.client("ask_revision")

        assert given.request["status"] == "open"
        assert given.request["answer_due_at"] == due

    def test_the_due_date_runs_on_while_a_request_is_open(self) -> None:
        given = Given()
        given.after("119h")
        given.freelancer("request", kind="extension", extend_by="24h")

        given.after("1h")

        assert given.view("client")["lateness"] == "late"


def in_phase(phase: str) -> Given:
    """An order of the Resolution Center in one of the six phases."""
    given = Given(requirements="awaited" if phase == "waiting_requirements" else "received")
    if phase == "canceled":
        given.client("request", kind="cancel")
        given.freelancer("accept")
    if phase in ("delivered", "in_revision", "completed"):
        given.freelancer("deliver")
    if phase == "in_revision":
        given.client("ask_revision")
    if phase == "completed":
        given.client("complete")
    assert given.order.phase == phase
    return given
