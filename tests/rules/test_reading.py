"""Reading messages: whatever comes in, it becomes a command or a recorded refusal, never an error."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.reading import read_message, unreadable_message
from tests.outcomes import code, refused
from tests.rules.given import Given, opening

TEXTS = st.text(st.characters(), max_size=30) | st.sampled_from(["\ud800", "\x00", "", " ", "12h", "9" * 30 + "d"])
INSTANTS = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2025-03-04T10:00:00", "2025-03-04T10:00:00Z", "now"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([63, 64, 400, 5_000]).map(lambda power: 2**power * 10 ** (power // 400 * 100))
    | st.floats()
    | TEXTS
    | INSTANTS
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
ACTORS = st.sampled_from([{"role": "client", "id": "c-1"}, {"role": "freelancer", "id": "f-1"}]) | JSON
FIELDS = sorted({field for command in COMMANDS.values() for field in command.model_fields} - {"actor"})
PAYLOADS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).flatmap(
    lambda fields: ACTORS.map(lambda actor: {"actor": actor, **fields})
)
NAMES = st.sampled_from(sorted(COMMANDS)) | TEXTS


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@settings(max_examples=600)
@given(NAMES, JSON | PAYLOADS)
def test_whatever_comes_in_is_decided_recorded_and_storable(name: str, payload: Any) -> None:
    given_order = Given()

    message = read_message(name, payload, "unnamed-1")
    then = given_order.take(message)

    assert len(then.steps) == 1
    assert then.steps[0].entry is not None
    json.dumps(then.steps[0].model_dump(mode="json"), allow_nan=False).encode()
    assert "\\u0000" not in json.dumps(then.steps[0].model_dump(mode="json"))
    assert len(json.dumps(then.steps[0].entry.content)) < 100_000
    assert 0 < len(message.command_id) <= 200
    assert 0 < len(message.name) <= 200


@pytest.mark.parametrize("name", ["request", "no_such_command"])
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(nested(100_000), id="a list nested a hundred thousand deep"),
        pytest.param({"actor": nested(100_000)}, id="an actor nested a hundred thousand deep"),
        pytest.param({"actor": {"role": "client", "id": "c-1"}, "comment": nested(5_000)}, id="a deep comment"),
        pytest.param({"actor": {"role": "client", "id": "c-1"}, "amount": 10**10_000}, id="ten thousand digits"),
        pytest.param({10**10_000: 1}, id="a key of ten thousand digits"),
        pytest.param(10**10_000, id="a number of ten thousand digits"),
        pytest.param({"\ud800": "\udfff"}, id="lone surrogates"),
        pytest.param({"a" * 1_000_000: "b" * 1_000_000}, id="a megabyte of key and value"),
        pytest.param({"actor": {"role": "client", "id": "c-1"}, "extend_by": "999999999d" * 9}, id="a long duration"),
        pytest.param({"actor": {"role": "client", "id": "c-1"}, "sent_at": "0001-01-01T00:00:00+14:00"}, id="year 0"),
        pytest.param(b"\xff\x00", id="bytes"),
        pytest.param(float("nan"), id="not a number"),
        pytest.param(None, id="nothing"),
    ],
)
def test_the_unreadable_is_refused_as_malformed_or_unknown(name: str, payload: Any) -> None:
    then = Given().take(read_message(name, payload, "unnamed-7"))

    assert then.refused == (
        "malformed" if name == "request" else "unknown_command" if isinstance(payload, dict) else "malformed"
    )
    assert then.answer is not None
    assert then.answer.command_id == "unnamed-7"


def test_what_could_not_even_be_decoded_is_refused() -> None:
    engine = OrderEngine(opening())

    step = engine.apply(
        engine.decide(unreadable_message("request", "\x00 not JSON " * 1_000, "unnamed-3"), engine.order.decided_at)
    )

    assert step is not None
    assert step.answer is not None
    assert code(step.answer.outcome) == "malformed"
    assert len(refused(step.answer.outcome).details["problems"]["payload"]) < 2_100


def _bare(annotation: Any) -> Any:
    return next(iter(get_args(annotation)), None)


NUMBERS = [
    (name, field)
    for name, command in COMMANDS.items()
    for field, known in command.model_fields.items()
    if int in (known.annotation, *get_args(known.annotation), *map(_bare, get_args(known.annotation)))
]


@pytest.mark.parametrize(("name", "field"), NUMBERS)
def test_a_whole_number_may_be_written_with_a_fraction_of_zero(name: str, field: str) -> None:
    def read(value: Any) -> Any:
        fields = {"actor": {"role": COMMANDS[name].roles[0], "id": "c-1"}, **COMMANDS[name].sample, field: value}
        message = read_message(name, fields, "unnamed-1")
        return message.refusal.code if message.refusal else message.fields.get(field)

    assert [read(value) for value in (1000.0, 0.0, 1e3, 2.0**53)] == [1000, 0, 1000, 2**53]
    assert {type(read(value)) for value in (1000.0, 0.0)} == {int}
    for value in (1000.5, True, "1000", "1000.0", 2.0**54, float("nan"), float("inf"), [1000]):
        assert read(value) == "malformed"


@pytest.mark.parametrize("stamp", [1_700_000_000, "1700000000", "1700000000000", "1.7e9", True, 1.7e9])
def test_a_number_is_no_stamp(stamp: Any) -> None:
    message = read_message("accept", {"actor": {"role": "client", "id": "c-1"}, "sent_at": stamp}, "unnamed-1")
    assert message.refusal is not None
    assert "2025-03-04T10:00:00Z" in str(message.refusal.details)
