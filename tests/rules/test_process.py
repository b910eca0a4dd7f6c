"""The engine: in which order what waits is decided, what a stamp can do, repeated ids, and when an order is over
(rules, 1 and 2)."""

from datetime import timedelta
from typing import Any

import pytest

from recourse.resolution.model.outcome import read_outcome
from recourse.resolution.model.reading import Message, read_message
from recourse.resolution.model.step import Adopted, Answer, Answered
from recourse.resolution.shown.answering import unrecorded
from tests.outcomes import repeated
from tests.rules.given import ATTESTED, MONDAY, Given, hours

CLIENT = {"role": "client", "id": "c-1"}
FREELANCER = {"role": "freelancer", "id": "f-1"}


def sent(given: Given, actor: Any, command: str, at: timedelta | None, **fields: Any) -> Message:
    """A message that was stamped `at` after the order was placed."""
    stamp = {} if at is None else {"sent_at": (MONDAY + at).isoformat()}
    return given.message(actor, command, {**stamp, **fields})


def asked(**terms: Any) -> Given:
    """A client's cancel request, to be answered within two days of Monday at nine."""
    given = Given(**terms)
    given.client("request", kind="cancel")
    return given


def back_after(given: Given, length: timedelta) -> None:
    """Nothing was decided for so long."""
    given.now += length


class TestOutages:
    def test_an_answer_that_was_sent_in_time_counts(self) -> None:
        given = asked()
        back_after(given, hours(60))

        then = given.take(sent(given, FREELANCER, "decline", hours(48) - timedelta(seconds=1)))

        assert given.request["status"] == "declined"
        entry = then.steps[-1].entry
        assert entry is not None
        # What follows goes from when it was decided, and the record says both.
        assert (entry.content["at"], entry.content["counted_at"]) == ("2025-03-05T21:00:00Z", "2025-03-05T08:59:59Z")

    def test_one_sent_at_the_deadline_does_not(self) -> None:
        given = asked()
        back_after(given, hours(60))

        then = given.take(sent(given, FREELANCER, "decline", hours(48)))

        assert then.refused == "expired"
        assert then.fired == ["answer_reminder", "answer_due", "decline"]

    def test_one_without_a_stamp_counts_when_it_is_processed(self) -> None:
        given = asked()
        back_after(given, hours(60))

        assert given.take(sent(given, FREELANCER, "decline", None)).refused == "expired"

    def test_what_waited_is_decided_in_the_order_of_its_stamps(self) -> None:
        given = Given()
        back_after(given, hours(50))
        late = sent(given, CLIENT, "message", hours(3), comment="Third.")
        early = sent(given, FREELANCER, "message", hours(1), comment="First.")
        middle = sent(given, CLIENT, "message", hours(2), comment="Second.")

        then = given.take(late, early, middle)

        assert [notice.body.comment for notice in then.notices] == ["First.", "Second.", "Third."]

    def test_of_the_same_instant_in_the_order_of_arrival(self) -> None:
        given = asked()
        back_after(given, hours(5))
        accept = sent(given, FREELANCER, "accept", hours(1))
        withdraw = sent(given, CLIENT, "withdraw", hours(1))

        given.take(accept, withdraw)

        assert given.order.phase == "canceled"

    def test_clocks_and_commands_alike(self) -> None:
        given = Given()
        given.freelancer("deliver")
        given.client("request", kind="update")
        back_after(given, hours(100))

        then = given.take(
            sent(given, CLIENT, "ask_revision", hours(71)), sent(given, CLIENT, "message", hours(90), comment="Thanks.")
        )

        assert then.fired == ["ask_revision", "message"]
        assert given.order.phase == "in_revision"

    def test_a_command_that_comes_after_a_clock_finds_it_fired(self) -> None:
        given = Given()
        given.freelancer("deliver")
        back_after(given, hours(100))

        then = given.take(sent(given, CLIENT, "ask_revision", hours(72)))

        assert then.fired == ["auto_complete", "ask_revision"]
        assert then.refused == "order_closed"

    def test_every_clock_that_a_command_starts_goes_by_the_time_of_processing(self) -> None:
        given = Given()
        back_after(given, hours(10))

        given.take(sent(given, CLIENT, "request", hours(1), kind="cancel"))

        assert given.request["answer_due_at"] == MONDAY + hours(58)

    def test_so_does_every_clock_that_a_late_clock_starts(self) -> None:
        given = Given(changes={"requests.cancel.silence.freelancer_asked": "escalate"})
        given.client("request", kind="cancel")
        back_after(given, hours(100))
        given.take()

        assert given.case["due_at"] == MONDAY + hours(100) + timedelta(days=14)

    def test_a_stamp_gives_no_right_that_time_brings(self) -> None:
        given = Given()
        back_after(given, timedelta(days=7))

        given.take(sent(given, CLIENT, "request", hours(1), kind="cancel"))

        assert given.resolution["how"] == "forced_late"

    def test_an_appeal_that_was_sent_in_time_counts(self) -> None:
        given = asked(changes={"cases.appeal_window": "3d"})
        given.freelancer("decline")
        given.client("escalate")
        given.operator("rule", outcome="cancel", amount=0, explanation="Nothing was done.")
        back_after(given, hours(100))

        assert given.take(sent(given, FREELANCER, "appeal", hours(71), comment="Half is done.")).refused is None


class TestStamps:
    def test_one_from_the_future_counts_as_now(self) -> None:
        given = asked()

        given.take(sent(given, FREELANCER, "decline", timedelta(days=400)))

        assert given.order.decided_at == MONDAY
        assert given.after("48h").fired == []

    def test_one_from_before_what_was_decided_counts_as_of_that(self) -> None:
        given = asked()
        given.after("48h")

        assert given.take(sent(given, FREELANCER, "decline", hours(47))).refused == "expired"

    def test_nor_can_it_come_before_what_another_command_decided(self) -> None:
        given = Given("glimmer")
        given.client("request", kind="cancel", reason="other", amount=0, attestations=ATTESTED)
        given.freelancer("accept")
        back_after(given, hours(30))
        given.take(sent(given, FREELANCER, "message", hours(25), comment="Farewell."))

        assert given.take(sent(given, CLIENT, "undo", hours(23))).refused == "undo_closed"

    @pytest.mark.parametrize(
        "stamp", ["yesterday", 1_741_000_000, "2025-03-03T09:00:00", True, ["2025-03-03T09:00:00Z"]]
    )
    def test_one_that_is_no_instant_is_malformed(self, stamp: Any) -> None:
        assert Given().client("message", comment="Hello.", sent_at=stamp).refused == "malformed"

    def test_what_is_decided_never_goes_back_in_time(self) -> None:
        given = Given()
        given.after("10h")
        given.client("message", comment="One.")
        given.take(sent(given, CLIENT, "message", hours(2), comment="Two."))

        assert given.order.decided_at == MONDAY + hours(10)
        assert [entry.content["at"] for entry in given.record] == ["2025-03-03T19:00:00Z"] * 2


class TestRepetition:
    def test_the_same_senders_same_id_gets_the_first_answer(self) -> None:
        given = Given()
        first = given.client("request", kind="cancel", command_id="once").answer
        given.freelancer("decline")
        before = given.order

        again = given.client("request", kind="cancel", command_id="once")

        assert first is not None
        assert again.answer == repeated(first)
        assert again.steps == ()
        assert given.order == before

    @pytest.mark.parametrize(
        ("command", "fields"),
        [("request", {"kind": "cancel"}), ("request", {"kind": "update", "comment": "Now?"}), ("withdraw", {})],
    )
    def test_an_id_that_was_used_for_something_else_is_refused(self, command: str, fields: Any) -> None:
        given = Given()
        first = given.client("request", kind="update", command_id="once").answer

        then = given.client(command, command_id="once", **fields)

        assert then.refused == "command_id_reused"
        assert then.details == {"used_for": "request", "entry": 1}
        assert [entry.content["command_id"] for entry in given.record] == ["once", "unnamed-2"]
        assert first is not None
        assert given.client("request", kind="update", command_id="once").answer == repeated(first)

    def test_each_of_them_is_recorded_and_what_cannot_be_read_is_malformed_first(self) -> None:
        given = Given()
        given.client("message", comment="Hello.", command_id="once")

        codes = [given.client("message", comment="Bye.", command_id="once").refused for _ in range(2)]
        codes.append(given.client("message", comment=7, command_id="once").refused)
        codes.append(given.client("dance", command_id="once").refused)

        assert codes == ["command_id_reused", "command_id_reused", "malformed", "command_id_reused"]
        assert [entry.number for entry in given.record] == [1, 2, 3, 4, 5]
        assert len({entry.content["command_id"] for entry in given.record}) == 5

    def test_when_it_was_sent_and_what_is_left_out_make_no_difference(self) -> None:
        given = Given("glimmer")
        said = {"kind": "cancel", "reason": "other", "amount": 0, "command_id": "once"}
        assert given.client("request", **said, attestations=ATTESTED).refused is None
        given.after("1h")
        later = {"sent_at": "2025-03-03T10:00:00Z", "comment": " ", "approval": "if_needed"}

        again = given.client("request", **said, **later, attestations=ATTESTED[::-1])

        assert again.answer is not None
        assert again.answer.repeated

    def test_a_refusal_that_was_forgotten_before_it_was_answered_is_answered_once(self) -> None:
        given = Given()
        given.client("message", comment="Hello.", command_id="once")
        forgotten = given.fork()
        reused = given.message(CLIENT, "message", {"comment": "Bye.", "command_id": "once"})
        [step] = forgotten.take(reused).steps
        assert step.answer is not None
        answered = Answered(**step.answer.model_dump(), fingerprint=reused.fingerprint)
        whole = {**step.order, "opening": given.order.opening.model_dump(mode="json")}
        given.engine.adopt(Adopted(step=step.number, order=whole, answers=(answered,)))

        assert given.engine.first_answer(given.engine.free(reused)) == step.answer.outcome

    def test_an_answer_of_which_nobody_knows_to_what_it_was_given_is_the_first_answer(self) -> None:
        given = Given()
        first = unrecorded("o-1", "withdraw", "once", "no_open_case")
        answered = Answered(sender="client:c-1", command_id="once", outcome=first)
        given.engine.learn(answered)

        then = given.client("withdraw", command_id="once")

        assert (then.answer, then.steps) == (repeated(first), ())

    def test_a_message_without_an_id_gets_another_number_instead(self) -> None:
        given = Given()
        for text in ("One.", "Two.", "Three."):
            given.take(read_message("message", {"actor": CLIENT, "comment": text}, "unnamed-1"))

        named = [(entry.content["command_id"], entry.content["fields"]["comment"]) for entry in given.record]
        assert named == [("unnamed-1", "One."), ("unnamed-1.2", "Two."), ("unnamed-1.3", "Three.")]

    def test_what_an_update_id_names_goes_by_our_name_for_it(self) -> None:
        given = Given()
        given.client("message", comment="One.", command_id="once")

        then = given.take(read_message("message", {"actor": CLIENT, "comment": "Two."}, "once"))

        assert then.refused == "command_id_reused"
        assert given.record[-1].content["command_id"].startswith("unnamed-")

    def test_a_refusal_is_a_first_answer_too(self) -> None:
        given = Given()
        assert given.client("complete", command_id="once").refused == "wrong_phase"
        given.freelancer("deliver")

        assert given.client("complete", command_id="once").refused == "wrong_phase"
        assert given.order.phase == "delivered"

    def test_ids_are_each_senders_own(self) -> None:
        given = Given()
        given.client("message", comment="Mine.", command_id="1")

        assert given.freelancer("message", comment="Mine too.", command_id="1").steps
        assert given.operator("rule", outcome="continue", explanation="-", command_id="1").refused == "no_open_case"
        assert given.operator("rule", name="other", outcome="continue", explanation="-", command_id="1").steps

    def test_a_message_without_an_id_is_never_taken_for_another(self) -> None:
        given = Given()
        for unnamed in ("unnamed-1", "unnamed-2"):
            message = read_message("message", {"actor": CLIENT, "comment": "Hello."}, unnamed)
            assert len(given.take(message).steps) == 1

    def test_not_even_for_one_whose_id_looks_like_ours(self) -> None:
        given = Given()
        ours = {"actor": CLIENT, "comment": "One.", "command_id": "unnamed-2"}
        assert given.take(read_message("message", ours, "unnamed-1")).refused == "malformed"

        then = given.take(read_message("message", {"actor": CLIENT, "comment": "Two."}, "unnamed-2"))

        assert len(then.steps) == 1

    def test_a_repetition_does_not_keep_an_order_awake(self) -> None:
        given = Given()
        given.freelancer("deliver", command_id="once")
        given.client("ask_revision")
        given.after("90d")
        given.freelancer("deliver", command_id="once")

        assert given.after("5d").fired == ["dormancy"]


class TestTheSameInstant:
    def test_answers_come_before_the_end_of_the_case_and_reminders_last(self) -> None:
        given = Given(changes={"cases.rule_within": "48h", "cases.reminders": []})
        given.client("request", kind="cancel")
        given.freelancer("decline")
        given.client("escalate")
        given.operator("propose", amount=0, explanation="Nothing is done.")

        assert given.after("48h").fired == ["proposal_due", "case_due"]

    def test_an_answer_comes_before_auto_completion(self) -> None:
        given = Given()
        given.freelancer("deliver")
        given.client("request", kind="cancel")
        given.client("withdraw")
        given.after("24h")
        given.client("request", kind="cancel")

        then = given.after("48h")

        assert then.fired == ["answer_reminder", "answer_due"]
        assert given.case["opened_by"] == "system"
        assert given.order.phase == "delivered"

    def test_a_reminder_at_the_deadline_is_never_sent(self) -> None:
        given = Given(changes={"requests.cancel.reminder": "48h"})
        given.client("request", kind="cancel")

        assert given.after("48h").fired == ["answer_due"]


class TestReachability:
    def test_an_order_answers_for_two_weeks_after_it_closed(self) -> None:
        given = asked()
        given.freelancer("accept")
        assert given.engine.over_at() == MONDAY + timedelta(days=14)
        given.after("13d23h59m59s")
        assert not given.engine.is_over(given.now)

        given.after("1s")

        assert given.engine.is_over(given.now)

    def test_and_as_long_as_one_of_its_clocks_runs(self) -> None:
        given = asked(changes={"notices.follow_up": "30d"})
        given.freelancer("accept")
        given.after("29d")
        assert not given.engine.is_over(given.now)

        given.after("1d")

        assert given.engine.is_over(given.now)

    def test_an_open_order_is_not_over(self) -> None:
        given = Given(changes={"order.dormant_after": "never"})

        assert given.engine.over_at() is None
        assert not given.engine.is_over(MONDAY + timedelta(days=3_660))


class TestAnswers:
    def test_an_applied_command_is_answered_with_what_comes_next(self) -> None:
        answer = Given().client("request", kind="cancel", command_id="1").answer

        assert answer is not None
        assert answer.model_dump(mode="json") == {
            "status": "applied",
            "order_id": "o-1",
            "command": "request",
            "command_id": "1",
            "repeated": False,
            "entry": 1,
            "at": "2025-03-03T09:00:00Z",
            "events": ["request_opened"],
            "phase": "in_progress",
            "request": {"number": 1, "kind": "cancel", "status": "open", "version": 1},
            "settlement": "none",
            "turn": {"who": "freelancer", "until": "2025-03-05T09:00:00Z"},
            "next": {"name": "answer_reminder", "at": "2025-03-04T09:00:00Z"},
        }

    def test_a_refused_one_with_why(self) -> None:
        answer = Given().client("request", kind="cancel", approval="skip", command_id="1").answer

        assert answer is not None
        assert answer.model_dump(mode="json") == {
            "status": "refused",
            "order_id": "o-1",
            "command": "request",
            "command_id": "1",
            "repeated": False,
            "entry": 1,
            "at": "2025-03-03T09:00:00Z",
            "code": "approval_needed",
            "message": "The other side must approve.",
            "details": {"available_at": "2025-03-09T09:00:00Z"},
        }

    @pytest.mark.parametrize("approval", ["ask", "skip"])
    def test_what_a_newer_build_answered_is_kept_whole(self, approval: str) -> None:
        answer = Given().client("request", kind="cancel", approval=approval, command_id="1").answer
        assert answer is not None
        newer = {**answer.model_dump(mode="json"), "colour": "red"}
        if answer.applied:
            newer["turn"] = {**newer["turn"], "since": "2025-03-03T09:00:00Z"}
        kept = Answer(sender="client:c-1", command_id="1", outcome=read_outcome(newer))

        assert Answer.model_validate_json(kept.model_dump_json()).outcome.model_dump(mode="json") == newer

    def test_a_refusal_changes_nothing_but_the_record(self) -> None:
        given = Given()
        before = given.order.model_dump()

        given.client("complete")

        after = given.order.model_dump()
        changed = {name for name, value in after.items() if value != before[name]}
        assert changed == {"record_length", "record_hash", "hidden_from"}
