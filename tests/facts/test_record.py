"""An exported record verifies by itself, and stops verifying when anything in it is touched [R66]."""

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recourse.policies import load_policy
from recourse.resolution.model import record
from recourse.resolution.model.command import Actor
from recourse.resolution.model.entry import AppliedEntry
from recourse.resolution.model.money import Balances
from recourse.resolution.model.order import open_order, read_opening
from recourse.resolution.model.record import Export, Reader, export, make_entry, verify
from recourse.verify_record import check, field_hash, seal_of
from tests.facts.lives import READERS, Life, live

# All of a test's randomness comes from one number, so that a failure is named by it.
seeds = st.integers(0, 2**32).map(Random)


def exported(life: Life, reader: Reader) -> Any:
    """The export as it comes back from a file."""
    return json.loads(json.dumps(export(life.opening, life.entries, reader, at=life.order.decided_at)))


def resealed(document: Any) -> Any:
    """What a forger would do last, since the seal needs no secret."""
    return document | {"seal": seal_of(document)}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every place in a document."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from paths(inner, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


@settings(max_examples=60)
@given(seeds)
def test_every_readers_export_of_every_life_verifies_and_ends_with_the_same_hash(random: Random) -> None:
    life = live(random)
    documents = [exported(life, reader) for reader in READERS]
    for document in documents:
        assert verify(document) == []
        assert verify(document, head=life.order.record_hash) == []
    assert {document["head"] for document in documents} == {life.order.record_hash}


@settings(max_examples=60)
@given(seeds)
def test_an_export_holds_all_that_its_reader_may_read_and_nothing_else(random: Random) -> None:
    life = live(random)
    said = {text for sent in life.sent for text in (*sent.open, *sent.private)}
    for reader in READERS:
        read = json.dumps(export(life.opening, life.entries, reader, at=life.order.decided_at), ensure_ascii=False)
        held = {text for text in said if json.dumps(text, ensure_ascii=False)[1:-1] in read}
        allowed = {text for sent in life.sent for text in sent.may_be_read_by(reader)}
        assert held - allowed == set()
        if reader != "operator":
            assert held == allowed
            assert "note-" not in read


@settings(max_examples=60)
@given(seeds)
def test_nothing_in_an_export_helps_to_guess_what_is_hidden(random: Random) -> None:
    life, reader = live(random), random.choice(READERS[:2])
    document = exported(life, reader)
    opening, order_id = life.opening, life.opening.terms.order_id
    text = json.dumps(document)
    assert opening.record_salt not in text
    for entry, shown in zip(life.entries, document["entries"], strict=True):
        hidden = [name for name in entry.content if name not in shown.get("fields", {})]
        hidden += [name for name, field in shown.get("fields", {}).items() if "hidden" in field]
        assert "private" in hidden
        for name in hidden:
            salt = record._salts(opening.record_salt, order_id, entry.number, [name])[name]
            assert salt not in text
            # Without its salt a value cannot be tried out, not even the emptiest one.
            assert field_hash("", entry.content[name]) not in text


@settings(max_examples=40)
@given(seeds)
def test_hidden_entries_all_look_alike(random: Random) -> None:
    life = live(random)
    for reader in READERS:
        for entry in exported(life, reader)["entries"]:
            if "hidden" in entry:
                assert set(entry) == {"number", "previous", "hash", "hidden"}
            else:
                assert ("hidden" in entry["fields"]["private"]) == (reader != "operator")


@settings(max_examples=200)
@given(seeds)
def test_altering_anything_anywhere_is_noticed(random: Random) -> None:
    document = exported(live(random), random.choice(READERS))
    path = random.choice([path for path in paths(document) if path])
    place, key = at(document, path[:-1]), path[-1]
    what = random.choice(("remove", "replace", "swap", "nest", "add"))
    before = copy.deepcopy(document)
    match what:
        case "remove":
            del place[key]
        case "replace":
            place[key] = random.choice((None, 0, 1, True, "", "0" * 64, [], {}, 1e300))
        case "swap":
            other = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
            place[key], place[other] = place[other], place[key]
        case "nest":
            place[key] = [place[key]]
        case _ if isinstance(place, dict):
            place["more"] = 1
        case _:
            place.append(1)
    if document != before or any(type(at(document, p)) is not type(at(before, p)) for p in paths(before)):
        assert verify(document)
    else:
        assert verify(document) == []


@settings(max_examples=150)
@given(seeds)
def test_a_forger_who_renews_the_seal_still_breaks_the_chain(random: Random) -> None:
    document = exported(live(random), random.choice(READERS))
    entries = document["entries"]
    position = random.randrange(len(entries))
    entry = entries[position]
    fields = entry.get("fields", {})
    shown = [name for name, field in fields.items() if "value" in field]
    kinds = ["drop", "double", "move", "truncate", "hash", "previous", "number", "order", "length"]
    kinds += (
        ["value", "salt", "rename", "drop field", "add field", "hide field", "swap fields", "hide"]
        if shown
        else ["reveal", "hidden"]
    )
    match random.choice(kinds):
        case "drop":
            del entries[position]
            document["record_length"] -= "fields" in entry
        case "double":
            entries.insert(position, entry)
            document["record_length"] += "fields" in entry
        case "move":
            entries.insert(0 if position else len(entries) - 1, entries.pop(position))
            if len(entries) == 1:
                entries.clear()
        case "truncate":
            del entries[position:]
            document["record_length"] = sum("fields" in entry for entry in entries)
        case "hash":
            entry["hash"] = "0" * 64
        case "previous":
            entry["previous"] = "0" * 64
        case "number":
            entry["number"] += 1
        case "order" if "order" in document:
            name = random.choice(sorted(document["order"]))
            document["order"][name] = "another"
        case "order":
            fields = document["opening"]
            fields[random.choice(sorted(fields))] = {"salt": "0" * 64, "value": "another"}
        case "length":
            document["record_length"] += 1
        case "hide":
            del entry["fields"]
            entry["hidden"] = "0" * 64
            document["record_length"] -= 1
        case "hidden":
            entry["hidden"] = "0" * 64
        case "reveal":
            entry["fields"] = {"private": {"hidden": entry.pop("hidden")}}
            document["record_length"] += 1
        case "value":
            fields[random.choice(shown)]["value"] = "another"
        case "salt":
            fields[random.choice(shown)]["salt"] = "0" * 64
        case "rename":
            fields["another"] = fields.pop(random.choice(shown))
        case "drop field":
            del fields[random.choice(sorted(fields))]
        case "add field":
            fields["another"] = {"salt": "0" * 64, "value": 1}
        case "hide field":
            # The right hash, so that the chain holds: whoever does this hides what its reader was shown.
            name = random.choice(shown)
            fields[name] = {"hidden": field_hash(fields[name]["salt"], fields[name]["value"])}
        case _:
            first, second = random.sample(sorted(fields), 2)
            fields[first], fields[second] = fields[second], fields[first]
    wrong = verify(resealed(document))
    assert wrong
    assert not any(problem.startswith("seal") for problem in wrong)


@settings(max_examples=40)
@given(seeds)
def test_entries_of_another_order_do_not_fit(random: Random) -> None:
    reader = random.choice(READERS)
    mine, theirs = exported(live(random), reader), exported(live(random, client="c-2"), reader)
    assert verify(resealed(mine | {"entries": theirs["entries"], "head": theirs["head"]}))
    begun = {name: theirs.get(name) for name in ("order", "opening")}
    assert verify(resealed(mine | {**begun, "order_id": theirs["order_id"]}))


def test_a_shortened_or_made_up_record_is_not_the_one_with_the_known_last_hash() -> None:
    life = live(Random(7))
    whole = exported(life, "client")
    shortened = resealed(whole | {"entries": whole["entries"][:-1], "head": whole["entries"][-2]["hash"]})
    shortened = resealed(shortened | {"record_length": sum("fields" in entry for entry in shortened["entries"])})
    assert verify(shortened) == []
    assert verify(shortened, head=whole["head"]) == [
        "no entry has the given hash: the record was rewritten, shortened, or is another"
    ]


def said(at: datetime, **fields: Any) -> AppliedEntry:
    return AppliedEntry(
        at=at,
        actor=Actor(role="client", id="c-1"),
        command="message",
        command_id="m-1",
        fields=fields,
        from_="in_progress",
        to="in_progress",
        events=(),
        money=Balances(client=0, freelancer=0, platform=0, held=10_550),
    )


def test_a_record_that_does_not_begin_with_its_first_entry_is_found_out() -> None:
    life = live(Random(2), moves=0, close=False)
    later = life.order.model_copy(update={"record_length": 5})
    entry = make_entry(later, later.decided_at, said(later.decided_at))
    assert verify(export(life.opening, [entry], "operator", at=life.order.decided_at)) == [
        "entries.1: is numbered 6; entries are missing, doubled or out of order"
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(categories=["L", "N", "Cs", "Cc"]), max_size=8)
    | st.just("0" * 64),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(categories=["L", "Cs", "Cc"]), max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(json_values, st.data())
def test_no_document_makes_verification_raise(value: Any, data: st.DataObject) -> None:
    assert verify(value)
    document = exported(live(Random(3)), "client")
    path = data.draw(st.sampled_from([path for path in paths(document) if path]))
    at(document, path[:-1])[path[-1]] = value
    for problem in verify(document):
        assert isinstance(problem, str)
    assert all(isinstance(problem, str) for problem in verify(resealed_if_possible(document)))


def resealed_if_possible(document: Any) -> Any:
    try:
        return resealed(document)
    except ValueError:
        return document


def test_values_that_no_record_holds_are_named_and_do_not_raise() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, "\ud800", 10**5000, {1: 2}, object(), {"a": {1, 2}}):
        document = exported(live(Random(3), opening_salt=True), "operator")
        document["entries"][0]["fields"]["at"]["value"] = value
        assert verify(document), value
        document["opening"]["price"]["value"] = value
        assert verify(document), value
    circle: dict[str, Any] = {}
    circle["self"] = circle
    assert verify(circle)
    document["opening"] = circle
    assert verify(document)


@pytest.mark.parametrize("document", [None, [], "record", 1, {}, {"format": "recourse-record-3"}])
def test_what_is_no_record_is_said(document: Any) -> None:
    assert verify(document)


def test_a_record_without_entries_verifies() -> None:
    life = live(Random(1), moves=0, close=False, opening_salt=True)
    document = exported(life, "operator")
    assert document["entries"] == []
    assert verify(document) == []
    price = {**document["opening"]["price"], "value": 1_000_000}
    assert verify(resealed(document | {"opening": {**document["opening"], "price": price}}))


def test_the_format_does_not_change_by_accident() -> None:
    """Records that were exported years ago must still verify, and running orders go on with theirs, also where a build
    knows more terms and keys of policies."""
    sent = {
        "terms": {
            "order_id": "o-1",
            "client": "c-1",
            "freelancer": "f-1",
            "price": 10_000,
            "service_fee": 550,
            "ordered_at": "2025-03-03T09:00:00Z",
            "delivery_time": "5d",
            "history": {"freelancer": {"good": 3}},
        },
        "policy": {
            "name": "upwork",
            "requests": {"cancel": {"silence": {"client_asked": "accept", "freelancer_asked": "lapse"}}},
        },
        "record_salt": "a secret of sixteen",
    }
    for salt, begins, ends, seal in (
        (
            None,
            "fb806ee20b561285436ce23a4a490cd97707a3c2540a7ec7dd82073843e10518",
            "dd196b0bc8b93c7a784b0b82a60d4e07df6cb2411bd80767516c441a74b660aa",
            "264c99c90cd0d2b6eb6723bce1cc95fd8614a2f1471f587a47c318141a9db7e5",
        ),
        (
            "another of sixteen",
            "075369f3230b05e648ee34f625e24e57afb007b588e5a5cb0e3de4c7633855a4",
            "3088700d255e4c4764a8d43831d956ae29f140746ab79452201b2e552fd5e63a",
            "cfaca57156b90255be216b61219efd8fad990334529088493df5fb1812c9e2b2",
        ),
    ):
        opening = read_opening(sent | ({"opening_salt": salt} if salt else {}))
        order = open_order(opening)
        entry = make_entry(order, order.decided_at, said(order.decided_at, n=2**63))
        made = export(opening, [entry], "freelancer", at=order.decided_at)
        assert (entry.previous, entry.hash, made["seal"]) == (begins, ends, seal)


def test_a_record_begins_with_the_terms_and_the_whole_policy_and_hides_what_scores_were_before() -> None:
    life = live(Random(5), policy=load_policy("glimmer"), opening_salt=True)
    for reader in READERS:
        document = exported(life, reader)
        shown = {name: field["value"] for name, field in document["opening"].items() if "value" in field}
        assert shown["policy"]["cases"] == load_policy("glimmer").cases.model_dump(mode="json")
        assert (shown["provider"], shown["currency"]) == ("ledger", life.opening.terms.currency)
        assert Export.model_validate(document).currency == life.opening.terms.currency
        assert ("history" in shown) == (reader == "operator")
        shown["policy"]["cases"]["appeal_window"] = "P3D"
        assert verify(resealed(document)) == ["entries.1: does not follow what was ordered"]


def test_an_older_record_begins_with_the_terms_and_the_name_of_the_policy() -> None:
    life = live(Random(5), policy=load_policy("glimmer"), opening_salt=False)
    document = exported(life, "client")
    assert document["order"]["policy"] == "glimmer"
    assert "history" not in document["order"]
    terms = next(finding for finding in check(document) if finding.part == "terms")
    assert (terms.state, "what the policy says is not in it" in terms.says) == ("not checked", True)


def test_a_record_that_was_exported_in_the_first_format_still_verifies() -> None:
    text = (Path(__file__).parent / "record-1.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert verify(document) == []
    assert Export.model_validate(document).entries
    assert "its fields do not fit" in str(verify(json.loads(text.replace('"request"', '"accept"'))))


def test_an_export_of_a_newer_build_with_more_keys_verifies() -> None:
    document = exported(live(Random(1)), "client")
    entries = [{**entry, "language": "en"} for entry in document["entries"]]

    assert verify(resealed({**document, "entries": entries, "country": "PT"})) == []
    assert verify({**document, "country": "PT"}) == [
        "seal: something in this document was changed after it was exported"
    ]
