"""Where actors must be proven, a command counts only with a token that was signed for who gives it."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from temporalio.api.common.v1 import Payload

from recourse.database.orders import read_record
from recourse.policies import load_policy
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.record import verify
from recourse.runtime.actors import Actors, digest
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.actors import actor_token
from tests.outcomes import code, refused
from tests.process.conftest import Marketplace
from tests.process.test_messages import JSON, signal
from tests.secrets.conftest import NEW, NONE, OLD, ONLY_NEW, ONLY_OLD, RING, Keyed, replay

NOW = datetime(2026, 3, 4, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
CLIENT = {"role": "client", "id": "c-1"}
MESSAGE = {"actor": CLIENT, "command_id": "one", "comment": "Hello", "extend_by": 1.5}
CLAIMS = {
    "aud": "recourse-actor",
    "role": "client",
    "sub": "c-1",
    "exp": int(SOON.timestamp()),
    "cmd": "message",
    "body": digest(MESSAGE),
}
ACTORS = Actors(RING)


def token(key: bytes = NEW, kid: str = "new", algorithm: str = "HS256", **over: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **over}.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid})


def disproof(given: Any, now: datetime = NOW, **over: Any) -> str | None:
    return ACTORS.judge("message", {**MESSAGE, "actor_token": given, **over}, "order-17", now)


@pytest.mark.parametrize(
    ("over", "at", "found"),
    [
        ({}, NOW, None),
        ({}, SOON + timedelta(seconds=59), None),
        ({}, SOON + timedelta(seconds=60), "not_now"),
        ({"nbf": int(NOW.timestamp()) + 60, "iat": int(NOW.timestamp()) + 3600}, NOW, None),
        ({"nbf": int(NOW.timestamp()) + 61}, NOW, "not_now"),
        ({"key": OLD, "kid": "old"}, NOW, None),
        ({"key": OLD}, NOW, "bad_token"),
        ({"kid": "unknown"}, NOW, "bad_token"),
        ({"aud": "recourse-api"}, NOW, "bad_token"),
        ({"aud": None}, NOW, "bad_token"),
        ({"sub": None}, NOW, "bad_token"),
        ({"exp": "soon"}, NOW, "bad_token"),
        ({"role": "operator"}, NOW, "not_this"),
        ({"sub": "c-2"}, NOW, "not_this"),
        ({"workflow": "order-17"}, NOW, None),
        ({"workflow": "order-18"}, NOW, "not_this"),
        ({"command_id": "one"}, NOW, None),
        ({"command_id": "two"}, NOW, "not_this"),
        ({"exp": None}, NOW, "bad_token"),
        ({"exp": None, "command_id": "one"}, NOW, "bad_token"),
        ({"exp": None, "workflow": "order-17"}, NOW, None),
        ({"cmd": None}, NOW, "bad_token"),
        ({"body": None}, NOW, "bad_token"),
        ({"cmd": "accept"}, NOW, "not_this"),
        ({"body": digest({**MESSAGE, "comment": "hello"})}, NOW, "not_this"),
    ],
    ids=repr,
)
def test_a_token_proves_what_it_was_signed_for(over: dict[str, Any], at: datetime, found: str | None) -> None:
    assert disproof(token(**over), at) == found


def test_a_token_that_is_none_proves_nothing() -> None:
    unsigned = jwt.encode(CLAIMS, "", "none", headers={"kid": "new"})
    nested = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=")
    other_algorithm = jwt.encode(CLAIMS, NEW * 2, "HS512", headers={"kid": "new"})
    others: list[Any] = ["", "x", 17, {}, [], unsigned, other_algorithm, f"{nested}.{nested}.x", token() + "x"]
    for given in others:
        assert disproof(given) == "bad_token"
    assert disproof(None) == "no_token"


def test_a_message_that_names_its_actor_otherwise_is_not_proven() -> None:
    for actor in ("client:c-1", {**CLIENT, "also": "operator"}, [CLIENT], None):
        assert disproof(token(), actor=actor) == "not_this"


@pytest.mark.parametrize("asked", sorted(COMMANDS))
def test_a_token_is_good_for_no_other_command_and_no_other_content(asked: str) -> None:
    actor = {"role": COMMANDS[asked].roles[0], "id": "x-1"}
    message = {"actor": actor, "command_id": "one", "sent_at": "2026-03-04T00:00:00+00:00", **COMMANDS[asked].sample}
    signed = {**message, "actor_token": ACTORS.sign(asked, message, workflow_id="order-17", stamps=True)}

    for name in COMMANDS:
        found = ACTORS.judge(name, signed, "order-17", NOW + timedelta(days=30))
        assert found == (None if name == asked else "not_this")
    for field in message:
        for other in (
            {**signed, field: "something else"},
            {name: value for name, value in signed.items() if name != field},
        ):
            assert ACTORS.judge(asked, other, "order-17", NOW) == "not_this"
    assert ACTORS.judge(asked, {**signed, "further": 1}, "order-17", NOW) == "not_this"


def test_a_token_for_a_while_is_good_on_every_order_until_then() -> None:
    a_while = ACTORS.sign("message", MESSAGE, expires_at=SOON)

    assert disproof(a_while) is None
    assert disproof(a_while, SOON + timedelta(minutes=1)) == "not_now"
    with pytest.raises(ValueError, match="must expire"):
        ACTORS.sign("message", MESSAGE)


def test_a_command_needs_an_id_so_that_its_token_is_good_once() -> None:
    without = {name: value for name, value in MESSAGE.items() if name != "command_id"}
    signed = {**without, "actor_token": ACTORS.sign("message", without, expires_at=SOON)}

    assert ACTORS.judge("message", signed, "order-17", NOW) == "no_id"


def test_only_who_may_stamp_is_believed_when_something_was_sent() -> None:
    sent = {**MESSAGE, "sent_at": "2026-02-25T00:00:00Z"}
    by_a_party = actor_token(RING, "17", "message", sent)
    by_a_backend = actor_token(RING, "17", "message", sent, stamps=True)

    assert ACTORS.judge("message", {**sent, "actor_token": by_a_party}, "order-17", NOW) == "unstamped"
    assert ACTORS.judge("message", {**sent, "actor_token": by_a_backend}, "order-17", NOW) is None
    assert disproof(token()) is None


def test_what_has_no_canonical_form_is_signed_by_nobody() -> None:
    huge = {**MESSAGE, "extend_by": 2**53}
    with pytest.raises(ValueError, match=str(2**53)):
        ACTORS.sign("message", huge, workflow_id="order-17")
    assert disproof(token(), extend_by=2**53) == "bad_token"


async def contents(marketplace: Marketplace, order_id: str) -> list[dict[str, Any]]:
    return [entry.content for entry in await read_record(marketplace.recourse.pool, order_id)]


def spoken(*, by: dict[str, str] = CLIENT, **fields: Any) -> dict[str, Any]:
    """A message whose token, for an hour, is that of `by`."""
    message = {"actor": CLIENT, "command_id": "one", "comment": "Hello", **fields}
    soon = datetime.now(UTC) + timedelta(hours=1)
    return {**message, "actor_token": ACTORS.sign("message", {**message, "actor": by}, expires_at=soon)}


async def said(marketplace: Marketplace, order_id: str, **fields: Any) -> Outcome:
    return await marketplace.recourse.order(order_id).send("message", {"actor": CLIENT, "comment": "Hello", **fields})


async def test_a_command_without_proof_is_refused_and_recorded_under_nobodys_name(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await (await keyed.signing(ACTORS)).order()
        without = await said(marketplace, order_id, command_id="one")
        wrong = await said(marketplace, order_id, **spoken(by={"role": "freelancer", "id": "f-1"}))
        right = await said(marketplace, order_id, **spoken())
        again = await said(marketplace, order_id, **spoken())

    assert (code(without), refused(without).details["problem"]) == ("actor_unproven", "actor_token is missing")
    assert code(wrong) == "actor_unproven"
    # The id was not used up by who only claimed to be the client.
    assert right.applied
    assert not right.repeated
    assert again.repeated
    recorded = await contents(marketplace, order_id)
    assert [entry.get("code", "applied") for entry in recorded] == ["actor_unproven", "actor_unproven", "applied"]
    assert recorded[0]["actor"] is None
    assert (await marketplace.recourse.order(order_id).show("client")).record_length == 1
    for reader in ("client", "operator"):
        assert verify(await marketplace.recourse.order(order_id).record(reader)) == []
    await replay(marketplace.handle(order_id), NONE)


async def test_nothing_that_names_an_actor_goes_without_proof(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    operator, system = {"role": "operator", "id": "op-1"}, {"role": "system", "id": "scores"}
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await (await keyed.signing(ACTORS)).order()
        codes = [
            code(await marketplace.recourse.order(order_id).send(command, fields))
            for command, fields in (
                ("rule", {"actor": operator, "outcome": "continue"}),
                ("order_again", {"actor": system}),
                ("no_such_thing", {"actor": CLIENT}),
                ("request", {"actor": CLIENT, "kind": "nonsense"}),
            )
        ]
        nobody = await marketplace.recourse.order(order_id).send("complete", {})

    assert codes == ["actor_unproven"] * 4
    assert code(nobody) == "malformed"


async def test_the_verdict_stands_when_keys_and_time_have_gone_by(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await (await keyed.signing(ACTORS)).order()
        assert code(await said(marketplace, order_id)) == "actor_unproven"
        assert (await said(marketplace, order_id, **spoken())).applied
    # Neither a worker that asks nobody for proof, nor one with other keys, sees any of it otherwise.
    async with keyed.working(NONE):
        assert (await said(marketplace, order_id)).applied
    async with keyed.working(NONE, actors=Actors(ONLY_OLD)):
        assert code(await said(marketplace, order_id, **spoken(command_id="two"))) == "actor_unproven"

    recorded = [entry.get("code", "applied") for entry in await contents(marketplace, order_id)]
    assert recorded == ["actor_unproven", "applied", "applied", "actor_unproven"]
    assert verify(await marketplace.recourse.order(order_id).record("operator")) == []
    await replay(marketplace.handle(order_id), NONE)


async def test_a_backend_with_the_keys_signs_for_everybody_that_it_speaks_for(
    keyed: Keyed, temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    marketplace = await keyed.marketplace(NONE)
    monkeypatch.setenv("RECOURSE_ACTOR_KEYS", f"new={base64.b64encode(NEW).decode()}")
    signing = Marketplace(
        type(marketplace.recourse)(
            await connect(target_host=temporal_address), marketplace.recourse.pool, task_queue=keyed.queue
        ),
        keyed.queue,
    )
    first = ("request", {"actor": CLIENT, "kind": "cancel"})
    async with keyed.working(NONE, actors=Actors(ONLY_NEW)):
        terms = signing.terms()
        started = await signing.recourse.start_and_send(terms, load_policy("resolution_center"), *first)
        await signing.recourse.order(terms.order_id).signal("message", {"actor": CLIENT, "comment": "by signal"})
        answered = await signing.by("freelancer", terms.order_id, "accept")

    assert started.applied
    assert answered.applied
    assert [entry["outcome"] for entry in await contents(signing, terms.order_id)] == ["applied"] * 3


async def test_where_nobody_asks_for_proof_a_token_is_neither_needed_nor_in_the_way(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    async with keyed.working(NONE):
        order_id = await marketplace.order()
        assert (await said(marketplace, order_id)).applied
        assert (await said(marketplace, order_id, command_id="two", actor_token="anything")).applied
    assert len(await contents(marketplace, order_id)) == 2


async def test_a_token_is_kept_nowhere_but_in_the_message(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    good, soon = "eyJ", datetime.now(UTC) + timedelta(hours=1)
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await (await keyed.signing(ACTORS)).order()
        assert (await said(marketplace, order_id, **spoken())).applied
        assert code(await said(marketplace, order_id, **spoken(command_id="two", nonsense=1))) == "malformed"
        assert code(await said(marketplace, order_id, **spoken(by={"role": "client", "id": "c-2"})))
        message = {"actor": CLIENT, "command_id": "three", "comment": "by signal"}
        sent = {**message, "actor_token": ACTORS.sign("message", message, expires_at=soon)}
        await signal(marketplace.client, order_id, "message", [Payload(metadata=JSON, data=json.dumps(sent).encode())])
        await said(marketplace, order_id, **spoken(command_id="four"))

    pool = marketplace.recourse.pool
    for table in ("orders", "record_entries", "answers", "notices"):
        rows = await pool.fetch(f"SELECT t::text FROM {table} AS t WHERE order_id = $1", order_id)
        assert not any(good in row[0] or "actor_token" in row[0].replace("actor_token is", "") for row in rows), table


async def test_a_token_that_is_read_off_a_history_turns_no_decline_into_an_accept(keyed: Keyed) -> None:
    plain, marketplace = await keyed.marketplace(NONE), await keyed.signing(ACTORS)
    freelancer = {"role": "freelancer", "id": "f-1"}
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await marketplace.order()
        assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
    # No worker is there. What the freelancer says waits in the history, where the attacker reads it.
    declined = {"actor": freelancer, "comment": "No, I have done the work."}
    await marketplace.recourse.order(order_id).signal("decline", declined)
    [*_, event] = [
        event.workflow_execution_signaled_event_attributes
        async for event in plain.handle(order_id).fetch_history_events()
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
    stolen = json.loads(event.input.payloads[0].data)
    await plain.handle(order_id).signal("accept", {**stolen, "sent_at": "2026-01-01T00:00:00Z"})
    await plain.handle(order_id).signal("accept", stolen)
    # Signed for something else under the id of the decline, it is no repetition of that either.
    other = {**stolen, "comment": "Yes."}
    other["actor_token"] = ACTORS.sign("accept", other, workflow_id=workflow_id(order_id), stamps=True)
    await plain.handle(order_id).signal("accept", other)
    async with keyed.working(NONE, actors=ACTORS):
        assert (await marketplace.by("client", order_id, "message", comment="Well?")).applied

    recorded = [(entry["command"], entry.get("code", "applied")) for entry in await contents(plain, order_id)]
    assert recorded[:2] == [("request", "applied"), ("decline", "applied")]
    # What is proven counts when it was stamped, the rest when it is decided: in which second is left to chance.
    assert sorted(recorded[2:]) == [
        ("accept", "actor_unproven"),
        ("accept", "actor_unproven"),
        ("accept", "command_id_reused"),
        ("message", "applied"),
    ]
