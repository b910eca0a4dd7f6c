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
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.record import verify
from recourse.runtime.actors import Actors
from recourse.runtime.temporal_connection import connect
from tests.outcomes import code, refused
from tests.process.conftest import Marketplace
from tests.process.test_messages import JSON, signal
from tests.secrets.conftest import NEW, NONE, OLD, ONLY_NEW, ONLY_OLD, RING, Keyed, replay

NOW = datetime(2026, 3, 4, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
CLIENT = {"role": "client", "id": "c-1"}
CLAIMS = {"aud": "recourse-actor", "role": "client", "sub": "c-1", "exp": int(SOON.timestamp())}
ACTORS = Actors(RING)


def token(key: bytes = NEW, kid: str = "new", algorithm: str = "HS256", **over: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **over}.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid})


def disproof(given: Any, now: datetime = NOW, **over: Any) -> str | None:
    message = {"actor": CLIENT, "command_id": "one", "actor_token": given, **over}
    return ACTORS.disprove(message, "order-17", now)


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
        ({"exp": None, "workflow": "order-17"}, NOW, "bad_token"),
        ({"exp": None, "workflow": "order-17", "command_id": "one"}, NOW, None),
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


def test_our_own_tokens_are_good_for_one_command_or_for_a_while() -> None:
    one = ACTORS.sign("client", "c-1", workflow_id="order-17", command_id="one")
    a_while = ACTORS.sign("client", "c-1", expires_at=SOON)

    assert disproof(one, NOW + timedelta(days=30)) is None
    assert disproof(one, command_id="two") == "not_this"
    assert disproof(a_while, command_id="two") is None
    assert disproof(a_while, SOON + timedelta(minutes=1)) == "not_now"
    for order, command in ((None, None), (None, "one"), ("order-17", None)):
        with pytest.raises(ValueError, match="must expire"):
            ACTORS.sign("client", "c-1", workflow_id=order, command_id=command)


async def contents(marketplace: Marketplace, order_id: str) -> list[dict[str, Any]]:
    return [entry.content for entry in await read_record(marketplace.recourse.pool, order_id)]


async def said(marketplace: Marketplace, order_id: str, **fields: Any) -> Outcome:
    return await marketplace.recourse.order(order_id).send("message", {"actor": CLIENT, "comment": "Hello", **fields})


async def test_a_command_without_proof_is_refused_and_recorded_under_nobodys_name(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    for_another = ACTORS.sign("freelancer", "f-1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    for_it = ACTORS.sign("client", "c-1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await marketplace.order()
        without = await said(marketplace, order_id, command_id="one")
        wrong = await said(marketplace, order_id, command_id="one", actor_token=for_another)
        right = await said(marketplace, order_id, command_id="one", actor_token=for_it)
        again = await said(marketplace, order_id, command_id="one", actor_token=for_it)

    assert (code(without), refused(without).details["problem"]) == ("actor_unproven", "actor_token is missing")
    assert code(wrong) == "actor_unproven"
    # The id was not used up by who only claimed to be the client.
    assert right.applied
    assert not right.repeated
    assert again.repeated
    recorded = await contents(marketplace, order_id)
    assert [entry.get("code", "applied") for entry in recorded] == ["actor_unproven", "applied"]
    assert recorded[0]["actor"] is None
    assert (await marketplace.recourse.order(order_id).show("client")).record_length == 1
    for reader in ("client", "operator"):
        assert verify(await marketplace.recourse.order(order_id).record(reader)) == []
    await replay(marketplace.handle(order_id), NONE)


async def test_nothing_that_names_an_actor_goes_without_proof(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    operator, system = {"role": "operator", "id": "op-1"}, {"role": "system", "id": "scores"}
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await marketplace.order()
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
    brief = ACTORS.sign("client", "c-1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await marketplace.order()
        assert code(await said(marketplace, order_id)) == "actor_unproven"
        assert (await said(marketplace, order_id, actor_token=brief)).applied
    # Neither a worker that asks nobody for proof, nor one with other keys, sees any of it otherwise.
    async with keyed.working(NONE):
        assert (await said(marketplace, order_id)).applied
    async with keyed.working(NONE, actors=Actors(ONLY_OLD)):
        assert code(await said(marketplace, order_id, actor_token=brief)) == "actor_unproven"

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
        assert (await said(marketplace, order_id, actor_token="anything")).applied
    assert len(await contents(marketplace, order_id)) == 2


async def test_a_token_is_kept_nowhere_but_in_the_message(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(NONE)
    good = ACTORS.sign("client", "c-1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    async with keyed.working(NONE, actors=ACTORS):
        order_id = await marketplace.order()
        assert (await said(marketplace, order_id, actor_token=good)).applied
        assert code(await said(marketplace, order_id, actor_token=good, nonsense=1)) == "malformed"
        assert code(await said(marketplace, order_id, actor={"role": "client", "id": "c-2"}, actor_token=good))
        sent = {"actor": CLIENT, "comment": "by signal", "actor_token": good}
        await signal(marketplace.client, order_id, "message", [Payload(metadata=JSON, data=json.dumps(sent).encode())])
        await said(marketplace, order_id, actor_token=good)

    pool = marketplace.recourse.pool
    for table in ("orders", "record_entries", "answers", "notices"):
        rows = await pool.fetch(f"SELECT t::text FROM {table} AS t WHERE order_id = $1", order_id)
        assert not any(good in row[0] or "actor_token" in row[0].replace("actor_token is", "") for row in rows), table
