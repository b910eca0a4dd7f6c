"""Stored data grows: an older build keeps what a newer one wrote, and waits for it where it may not decide."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ValidationError

from recourse.activities.webhook import payload
from recourse.policies import load_policy
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.data_version import DATA_VERSION, NeedsNewerBuild, Since, needs_of
from recourse.resolution.model.events import RequestOpened
from recourse.resolution.model.notice import read_notice
from recourse.resolution.model.order import (
    Opening,
    Order,
    open_order,
    read_opening,
    read_state,
    write_opening,
    write_state,
)
from recourse.resolution.model.outcome import read_outcome
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.reading import Message, fingerprint, read_message
from recourse.resolution.model.step import Answered
from recourse.resolution.model.terms import Terms
from recourse.resolution.rules.evolve import evolve
from recourse.resolution.shown.notices import notices

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEWER = DATA_VERSION + 1


def an_order() -> Order:
    terms = Terms(
        order_id="o-1", client="c-1", freelancer="f-1", price=10_000, ordered_at=NOW, delivery_time=timedelta(days=5)
    )
    order = open_order(Opening(terms=terms, policy=load_policy("upwork"), record_salt="0123456789abcdef"))
    asked = RequestOpened(number=1, kind="cancel", by="client", version=1, answer_due_at=NOW + timedelta(days=2))
    return evolve(order, asked, NOW)


UNKNOWN = {"unheard_of": {"deep": [1, None]}}


def grown(value: Any, dumped: Any) -> Any:
    """What a value looks like as JSON where each model in it has a key more."""
    if isinstance(value, BaseModel):
        # What has its default may be left out.
        known = [name for name in type(value).model_fields if name in dumped]
        return {name: grown(getattr(value, name), dumped[name]) for name in known} | UNKNOWN
    if isinstance(value, Mapping):
        return {key: grown(inner, dumped[key]) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [grown(inner, inner_dumped) for inner, inner_dumped in zip(value, dumped, strict=True)]
    return dumped


def newer(order: Order, needs: int = 1) -> dict[str, Any]:
    return {**grown(order, write_state(order)), "made_for": NEWER, "needs": needs}


def test_a_state_of_this_build_has_no_unknown_keys() -> None:
    state = write_state(an_order())

    assert read_state(state) == an_order()
    with pytest.raises(ValidationError, match="unheard_of"):
        read_state({**state, "unheard_of": 1})


def test_unknown_keys_of_a_newer_build_survive_at_every_depth() -> None:
    state = newer(an_order())
    assert json.dumps(state).count("unheard_of") > 20

    order = read_state(state)
    # Its opening counts as written by that build as well: it may be what a lost workflow is started with again.
    meant = {**state, "opening": {**state["opening"], "made_for": NEWER}}
    assert write_state(order) == meant
    assert write_state(read_state(write_state(order))) == meant
    assert write_opening(order.opening) == meant["opening"]
    assert read_opening(write_opening(order.opening)) == order.opening


def test_they_survive_what_an_older_build_decides() -> None:
    order = read_state(newer(an_order()))
    closed = order.model_copy(update={"phase": "completed", "moved": order.moved.plus(order.moved)})

    written = write_state(closed)
    assert written["phase"] == "completed"
    assert all(UNKNOWN.items() <= written[part].items() for part in ("request", "opening", "moved"))


def test_a_state_that_needs_a_newer_build_is_not_read() -> None:
    with pytest.raises(NeedsNewerBuild) as waits:
        read_state(newer(an_order(), needs=NEWER))

    assert str(waits.value) == (
        f"Order o-1 needs a build with data version {NEWER}; this build has {DATA_VERSION}. "
        "Nothing is lost: it goes on when the newer build runs again."
    )


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("phase",), "paused"),
        (("settlement",), "disputed_by_bank"),
        (("request", "kind"), "swap"),
        (("request", "status"), "parked"),
        (("counted_requests", "agency"), 1),
        (("opening", "policy", "requests", "cancel", "on_decline"), "ask_again"),
        (("opening", "policy", "requests", "kinds"), ["cancel", "swap"]),
    ],
    ids=lambda part: ".".join(part) if isinstance(part, tuple) else "",
)
def test_a_value_that_only_a_newer_build_knows_is_waited_for(where: tuple[str, ...], value: Any) -> None:
    state: dict[str, Any] = {**write_state(an_order()), "made_for": NEWER}
    *above, last = where
    inside = state
    for part in above:
        inside = inside[part]
    inside[last] = value

    with pytest.raises(NeedsNewerBuild, match=f"it does not know what stands in {'.'.join(where)}"):
        read_state(state)
    with pytest.raises(ValidationError):
        read_state({**state, "made_for": DATA_VERSION})


def test_what_a_person_writes_at_the_start_may_have_no_unknown_keys() -> None:
    opening = write_opening(an_order().opening)
    mistaken = {**opening, "policy": {**opening["policy"], "casses": {}}}

    for written in (mistaken, {key: value for key, value in mistaken.items() if key not in ("made_for", "needs")}):
        with pytest.raises(ValidationError, match="casses"):
            read_opening(written)
    assert read_opening({**mistaken, "made_for": NEWER}).policy.model_extra == {"casses": {}}


@pytest.mark.parametrize("name", ["made_for", "needs"])
def test_a_version_that_no_build_can_have_is_a_mistake_and_not_waited_for(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        read_opening({**write_opening(an_order().opening), name: 2**63 - 1})


@pytest.mark.parametrize("kind", [Terms, Policy, Opening])
def test_what_is_made_by_name_has_no_unknown_keys(kind: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        kind(unheard_of=1)


class Inner(BaseModel):
    steps: Annotated[int, Since(3)] = 0


class Outer(BaseModel):
    model_config = {"frozen": True}

    plain: int = 0
    pause: Annotated[Literal["long"] | None, Since(2)] = None
    one: Inner = Inner()
    all: tuple[Inner, ...] = ()
    named: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("value", "needs"),
    [
        (Outer(plain=7), 1),
        (Outer(pause="long"), 2),
        (Outer(pause="long", one=Inner(steps=1)), 3),
        (Outer(all=(Inner(), Inner(steps=1))), 3),
        (Outer(named={"a": Inner(), "b": Inner(steps=1)}), 3),
    ],
)
def test_data_needs_the_newest_version_that_it_makes_use_of(value: Outer, needs: int) -> None:
    assert needs_of(value) == needs


def test_an_undecided_message_keeps_what_a_newer_build_added() -> None:
    message = read_message("message", {"actor": {"role": "client", "id": "c-1"}, "comment": "Hello"}, "unnamed-1")
    kept = {**message.kept(), "device": "phone"}

    assert Message.again(kept).kept() == kept
    assert Message.again(kept).command == message.command


@pytest.mark.parametrize("change", [{"name": "pause"}, {"fields": {"comment": "Hello", "tone": "kind"}}])
def test_a_message_that_only_a_newer_build_can_decide_is_waited_for(change: dict[str, Any]) -> None:
    message = read_message("message", {"actor": {"role": "client", "id": "c-1"}, "comment": "Hello"}, "unnamed-1")

    with pytest.raises(NeedsNewerBuild, match="which is not decided yet"):
        Message.again({**message.kept(), **change})


def a_notice() -> dict[str, Any]:
    before = open_order(an_order().opening)
    asked = RequestOpened(number=1, kind="cancel", by="client", version=1, answer_due_at=NOW + timedelta(days=2))
    [notice] = notices(before, [asked], an_order(), NOW, 1)
    return notice.model_dump(mode="json")


def test_a_notice_of_a_newer_build_is_delivered_with_all_that_it_says() -> None:
    stored = a_notice()
    body = {**stored["body"], "request": stored["body"]["request"] | UNKNOWN} | UNKNOWN

    data = json.loads(payload(read_notice({**stored, "name": "order_paused", "body": body})))["data"]
    assert data == {**body, "to": "freelancer"}


def test_a_notice_that_only_a_newer_build_can_read_is_waited_for() -> None:
    stored = a_notice()

    with pytest.raises(NeedsNewerBuild, match=f"Notice {stored['id']} needs a build with a newer data version"):
        read_notice({**stored, "body": {**stored["body"], "phase": "paused"}})


def test_an_outcome_that_only_a_newer_build_can_read_says_so() -> None:
    with pytest.raises(NeedsNewerBuild, match="The outcome of `pause` needs a build with a newer data version"):
        read_outcome({"status": "applied", "command": "pause", "phase": "paused"})


def answered_by_a_newer_build(command: str = "message", made_for: int = NEWER) -> OrderEngine:
    """An order on which a newer build took `message` with a field that only it knows."""
    engine = OrderEngine.of(read_state({**write_state(an_order()), "made_for": made_for}), 3)
    given = engine.decide(sent(comment="Hello"), NOW)
    outcome = engine.plan(given).step.answer
    assert outcome is not None
    applied = outcome.outcome.model_copy(update={"command": command})
    kept = fingerprint(command, {"comment": "Hello", "channel": "sms"})
    engine.learn(Answered(sender="client:c-1", command_id="once", outcome=applied, step=2, fingerprint=kept))
    return engine


def sent(name: str = "message", **fields: Any) -> Message:
    return read_message(name, {"actor": {"role": "client", "id": "c-1"}, "command_id": "once", **fields}, "unnamed-1")


@pytest.mark.parametrize("name", ["message", "pause"])
def test_a_repetition_that_only_a_newer_build_can_read_is_waited_for(name: str) -> None:
    engine, again = answered_by_a_newer_build(name), sent(name, comment="Hello", channel="sms")

    assert engine.first_answer(again) is None
    with pytest.raises(NeedsNewerBuild, match=f"Command once of order o-1 needs a build with data version {NEWER}"):
        engine.free(again)


@pytest.mark.parametrize(
    ("made_for", "name", "fields", "code"),
    [
        (NEWER, "message", {"comment": "Bye"}, "command_id_reused"),
        (NEWER, "request", {"comments": "Hello"}, "malformed"),
        (DATA_VERSION, "message", {"comment": "Hello", "channel": "sms"}, "malformed"),
    ],
    ids=["readable", "another command", "no newer build"],
)
def test_any_other_use_of_an_id_is_refused(made_for: int, name: str, fields: dict[str, str], code: str) -> None:
    refusal = answered_by_a_newer_build(made_for=made_for).free(sent(name, **fields)).refusal

    assert refusal is not None
    assert refusal.code == code


def test_what_this_build_could_not_read_is_not_waited_for() -> None:
    engine = OrderEngine.of(read_state({**write_state(an_order()), "made_for": NEWER}), 3)
    engine.apply(engine.decide(sent(comments="Hello"), NOW))

    refusal = engine.free(sent(comments="Bye")).refusal
    assert refusal is not None
    assert refusal.code == "malformed"
