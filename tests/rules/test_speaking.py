"""Messages, evidence and notices (rules, 2 and 9)."""

from typing import Any

import pytest

from tests.rules.given import ATTESTED, Given

FILE = {"title": "The brief", "kind": "document", "sha256": "ab" * 32, "address": "https://files.example/brief.pdf"}


@pytest.mark.parametrize(("party", "other"), [("client", "freelancer"), ("freelancer", "client")])
def test_a_message_goes_to_the_other_side(party: str, other: str) -> None:
    then = Given().by(party, "message", comment="How far are you?")

    assert then.told == {other: ["message_received"]}
    assert then.notices[0].body.comment == "How far are you?"


def test_evidence_is_recorded_and_nobody_is_told() -> None:
    given = Given()

    then = given.client("add_evidence", **FILE)

    assert then.told == {}
    assert given.record[-1].content["fields"] == FILE


def test_both_also_after_the_order_closed() -> None:
    given = Given()
    given.client("request", kind="cancel")
    given.freelancer("accept")

    assert given.client("message", comment="Farewell.").refused is None
    assert given.freelancer("add_evidence", **FILE).refused is None


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("message", {}),
        ("message", {"comment": " "}),
        ("message", {"comment": "x" * 10_001}),
        ("message", {"comment": "a\x00b"}),
        ("message", {"comment": 7}),
        ("add_evidence", {**FILE, "sha256": "ab"}),
        ("add_evidence", {**FILE, "sha256": "AB" * 32}),
        ("add_evidence", {**FILE, "title": ""}),
        ("add_evidence", {**FILE, "title": "x" * 201}),
        ("add_evidence", {key: value for key, value in FILE.items() if key != "address"}),
        ("message", {"comment": "Hello.", "colour": "red"}),
    ],
)
def test_what_cannot_be_read_is_malformed(command: str, fields: dict[str, Any]) -> None:
    then = Given().client(command, **fields)

    assert then.refused == "malformed"
    assert then.details["problems"]


def test_texts_hold_ten_thousand_characters_of_any_script() -> None:
    assert Given().client("message", comment="\U0001f600" * 10_000).refused is None


def test_operators_have_commands_of_their_own() -> None:
    assert Given().operator("message", comment="Hello.").refused == "role_not_allowed"


class TestNotices:
    def test_each_has_an_id_that_is_stable_and_its_own(self) -> None:
        one, two = Given(), Given()
        for given in (one, two):
            given.client("request", kind="cancel")
            given.freelancer("accept")
        ids = [[notice.id for step in given.steps for notice in step.notices] for given in (one, two)]

        assert ids[0] == ids[1] == ["o-1.1.1", "o-1.2.1", "o-1.2.2"]

    def test_it_carries_what_its_reader_needs_to_act(self) -> None:
        given = Given("upwork")

        notice = given.freelancer(
            "request", kind="cancel", reason="other", comment="We are closed.", amount=6_000
        ).notices[0]

        assert notice.to == "client"
        assert notice.body.model_dump(mode="json") == {
            "order_id": "o-1",
            "phase": "in_progress",
            "request": {
                "number": 1,
                "kind": "cancel",
                "status": "open",
                "opened_by": "freelancer",
                "version": 1,
                "amount": 6_000,
                "extend_by": None,
                "reason": "other",
            },
            "case": None,
            "resolution": None,
            "amounts": {"client": 0, "freelancer": 0, "platform": 0, "held": 10_550, "currency": "USD"},
            "settlement": "none",
            "turn": "client",
            "deadline": "2025-03-08T09:00:00Z",
            "silence_means": "accept",
            "answers": ["accept", "decline", "counter"],
            "if_accepted": {"client": 4_220, "freelancer": 4_800, "platform": 1_530, "held": 0, "currency": "USD"},
            "version": 1,
            "comment": "We are closed.",
            "reason": "other",
            "amount": 6_000,
        }

    def test_who_need_not_answer_is_offered_no_answers(self) -> None:
        given = Given("upwork")
        given.freelancer("request", kind="cancel", reason="other", comment="We are closed.", amount=6_000)

        assert given.client("message", comment="Why?").notices[0].body.answers == []

    def test_a_follow_up_a_day_after_a_cancellation(self) -> None:
        given = Given("fiverr_guide")
        given.client("request", kind="cancel")
        given.freelancer("accept")

        assert given.after("23h59m59s").told == {}
        assert given.after("1s").told == {"freelancer": ["follow_up"]}
        assert given.after("60d").told == {}

    def test_no_follow_up_after_a_completion(self) -> None:
        given = Given("fiverr_guide")
        given.freelancer("deliver")

        assert given.after("30d").told == {"client": ["order_completed"], "freelancer": ["order_completed"]}

    def test_a_private_note_is_in_none(self) -> None:
        given = Given("glimmer")
        given.client(
            "request", kind="cancel", reason="other", amount=0, attestations=ATTESTED, private_note="They were rude."
        )
        given.after("60d")

        for step in given.steps:
            for notice in step.notices:
                assert "rude" not in notice.model_dump_json()
        assert given.view("operator")["request"]["private_note"] == "They were rude."
        assert "private_note" not in given.view("client")["request"]
        assert "private_note" not in given.view("freelancer")["request"]
