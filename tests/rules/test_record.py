"""The record: complete, verifiable by a third party, and silent about what is private (rules, 9 and 10)."""

import copy
import json
from typing import Any

import pytest

from recourse.resolution.model.record import Reader, export, may_see, verify
from tests.rules.given import ATTESTED, Given

READERS: tuple[Reader, ...] = ("client", "freelancer", "operator")


def a_dispute() -> Given:
    """An Upwork order with a private note, a refused attempt of each side, and private feedback."""
    given = Given("upwork")
    given.client("message", comment="We may have to stop.")
    given.client("request", kind="cancel", comment="We stop.", amount=2_000, private_note="Secret of the client.")
    given.client("accept", comment="Not mine to accept.")
    given.freelancer("counter", amount=20_000, comment="Refused words of the freelancer.")
    given.says({"role": "client", "id": "stranger"}, "accept", {})
    given.says({"role": "client", "id": "stranger"}, "accept", {"comment": 7})
    given.says({"role": "client", "id": "stranger"}, "sing", {})
    given.says("nobody at all", "accept", {})
    given.freelancer("accept")
    given.client("leave_feedback", visibility="private", rating="negative", text="Private words of the client.")
    given.client("leave_feedback", visibility="public", rating="positive", text="Public words of the client.")
    return given


def exported(given: Given, reader: Reader) -> dict[str, Any]:
    document = export(given.order.opening, given.record, reader, at=given.order.decided_at)
    read: dict[str, Any] = json.loads(json.dumps(document))
    return read


@pytest.mark.parametrize("reader", READERS)
def test_every_export_verifies(reader: Reader) -> None:
    given = a_dispute()

    document = exported(given, reader)

    assert verify(document) == []
    assert [entry["number"] for entry in document["entries"]] == list(range(1, 12))
    assert document["record_length"] == given.view(reader)["record_length"]


def test_the_operator_reads_all_of_it() -> None:
    text = json.dumps(exported(a_dispute(), "operator"))

    for words in ("Secret of", "Not mine", "Refused words", "Private words", "Public words", "stranger", "sing"):
        assert words in text


@pytest.mark.parametrize(
    ("reader", "reads", "does_not_read"),
    [
        ("client", ["Not mine", "Private words", "Public words"], ["Secret of", "Refused words", "stranger", "sing"]),
        (
            "freelancer",
            ["Refused words", "Public words"],
            ["Secret of", "Not mine", "Private words", "stranger", "sing"],
        ),
    ],
)
def test_a_party_reads_what_concerns_it(reader: Reader, reads: list[str], does_not_read: list[str]) -> None:
    text = json.dumps(exported(a_dispute(), reader))

    assert [words for words in reads if words not in text] == []
    assert [words for words in does_not_read if words in text] == []


def test_what_a_hidden_entry_is_cannot_be_told() -> None:
    hidden = [entry for entry in exported(a_dispute(), "freelancer")["entries"] if "hidden" in entry]

    # The client's refused answer, four attempts of strangers, and the private feedback.
    assert len(hidden) == 6
    assert {tuple(sorted(entry)) for entry in hidden} == {("hash", "hidden", "number", "previous")}


def test_whether_there_is_a_private_note_cannot_be_told() -> None:
    with_note, without = Given("glimmer"), Given("glimmer")
    fields = {"kind": "cancel", "reason": "other", "attestations": ATTESTED, "amount": 0}
    with_note.client("request", **fields, private_note="They were rude.")
    without.client("request", **fields)

    shapes = [
        [
            {name: sorted(held) for name, held in entry["fields"].items()}
            for entry in exported(one, "freelancer")["entries"]
        ]
        for one in (with_note, without)
    ]

    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("reader", READERS)
def test_altering_anything_breaks_it(reader: Reader) -> None:
    document = exported(a_dispute(), reader)

    for path in _leaves(document):
        if path == ("for",):
            continue
        altered = copy.deepcopy(document)
        holder: Any = altered
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = "altered" if holder[path[-1]] != "altered" else "otherwise"
        assert verify(altered) != [], path


@pytest.mark.parametrize("reader", READERS)
def test_leaving_out_or_swapping_entries_breaks_it(reader: Reader) -> None:
    document = exported(a_dispute(), reader)

    for number in range(len(document["entries"])):
        shorter = copy.deepcopy(document)
        del shorter["entries"][number]
        assert verify(shorter) != []
    swapped = copy.deepcopy(document)
    swapped["entries"][0], swapped["entries"][1] = swapped["entries"][1], swapped["entries"][0]
    assert verify(swapped) != []


def test_a_forged_value_beside_a_true_hash_does_not_verify() -> None:
    document = exported(a_dispute(), "freelancer")
    field = document["entries"][1]["fields"]["private"]
    assert set(field) == {"hidden"}

    field |= {"salt": "0" * 64, "value": {"private_note": "I owe them everything."}}

    assert verify(document) != []


def test_forged_fields_in_a_hidden_entry_do_not_verify() -> None:
    document = exported(a_dispute(), "freelancer")
    entry = next(entry for entry in document["entries"] if "hidden" in entry)

    entry["fields"] = {"command": {"salt": "0" * 64, "value": "accept"}}

    assert verify(document) != []


@pytest.mark.parametrize(
    "document",
    [{}, [], None, 3, {"format": "recourse-record-1", "order_id": "o", "entries": 7, "head": "", "record_length": 0}],
)
def test_what_is_no_record_does_not_verify(document: Any) -> None:
    assert verify(document) != []


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\x1f"])
def test_odd_texts_do_not_verify_and_raise_nothing(text: str) -> None:
    document = exported(a_dispute(), "operator")
    document["entries"][0]["fields"]["command"]["value"] = text

    assert verify(document) != []


def test_two_records_with_the_same_secrets_have_no_hash_in_common() -> None:
    one, two = Given(order_id="o-1"), Given(order_id="o-2")
    for given in (one, two):
        given.client("message", comment="The same words.")

    assert one.order.record_hash != two.order.record_hash


def test_an_entry_says_who_when_what_and_what_came_of_it() -> None:
    given = Given()
    given.after("1h")

    entry = given.client("request", kind="cancel", reason="other", comment="We stop.").steps[0].entry

    assert entry is not None
    assert entry.number == 1
    content = dict(entry.content)
    events = content.pop("events")
    assert content == {
        "at": "2025-03-03T10:00:00Z",
        "actor": {"role": "client", "id": "c-1"},
        "command": "request",
        "command_id": "id-1",
        "fields": {"kind": "cancel", "reason": "other", "comment": "We stop."},
        "private": {},
        "outcome": "applied",
        "from": "in_progress",
        "to": "in_progress",
        "money": {"client": 0, "freelancer": 0, "platform": 0, "held": 10_550},
    }
    assert [event["event"] for event in events] == ["request_opened"]


def test_every_fired_clock_leaves_an_entry_of_the_system() -> None:
    given = Given()
    given.client("request", kind="cancel")

    steps = given.after("48h").steps

    contents = [step.entry.content for step in steps if step.entry]
    assert [(content["command"], content["actor"]["role"], content["due_at"]) for content in contents] == [
        ("answer_reminder", "system", "2025-03-04T09:00:00Z"),
        ("answer_due", "system", "2025-03-05T09:00:00Z"),
    ]


def test_a_repetition_leaves_no_entry() -> None:
    given = Given()
    given.client("message", comment="Hello.", command_id="once")

    assert given.client("message", comment="Hello.", command_id="once").steps == ()
    assert given.order.record_length == 1


@pytest.mark.parametrize("reader", READERS)
def test_who_may_see_an_entry_of_a_clock(reader: Reader) -> None:
    given = Given()
    given.client("request", kind="cancel", comment="We stop.")
    given.after("48h")
    assert may_see(given.record[-1].parsed, reader)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for key, inner in enumerate(value) for leaf in _leaves(inner, (*path, key))]
    return [path]
