"""Tokens: who may do and see what."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx2
import jwt
import pytest

from recourse.database.orders import read_record
from recourse.runtime.keys import KeyRing
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from recourse.web.tokens import BadToken, Bearer, read_token, sign_token
from tests.http.conftest import KEYS, SECRET, Callers, Orders, token
from tests.process.conftest import Marketplace


def soon() -> datetime:
    """When what a test signs ends to be good."""
    return datetime.now(UTC) + timedelta(hours=1)


def claims(**over: Any) -> dict[str, Any]:
    usual = {"aud": "recourse-api", "role": "client", "sub": "c-1", "exp": int(soon().timestamp())}
    return {name: value for name, value in {**usual, **over}.items() if value is not None}


def forged(secret: bytes = SECRET, algorithm: str = "HS256", kid: Any = "test", **over: Any) -> str:
    return jwt.encode(claims(**over), secret, algorithm, headers={"kid": kid} if kid else None)


@pytest.fixture
async def door() -> AsyncIterator[httpx2.AsyncClient]:
    """The API with nothing behind it: whoever is let in finds no database."""
    transport = httpx2.ASGITransport(make_app(Recourse(cast("Any", None), None), KEYS))
    async with httpx2.AsyncClient(transport=transport, base_url="http://recourse.test") as caller:
        yield caller


async def answer(http: httpx2.AsyncClient, authorization: str | None) -> httpx2.Response:
    return await http.get("/orders", headers={"Authorization": authorization} if authorization else {})


async def test_a_token_that_any_jwt_library_made_is_good(http: httpx2.AsyncClient) -> None:
    assert (await answer(http, f"Bearer {forged()}")).status_code == 200


@pytest.mark.parametrize(
    "made",
    [
        lambda: forged(secret=bytes(32)),
        lambda: forged(kid="unknown"),
        lambda: forged(kid=None),
        lambda: forged(algorithm="HS512", secret=SECRET * 2),
        lambda: forged(exp=int((soon() - timedelta(hours=2)).timestamp())),
        lambda: forged(exp=None),
        lambda: forged(exp="tomorrow"),
        lambda: forged(aud="recourse-sign-in"),
        lambda: forged(aud=None),
        lambda: forged(role="system"),
        lambda: forged(role=None),
        lambda: forged(sub=""),
        lambda: forged(sub=None),
        lambda: jwt.encode(claims(), "", "none", headers={"kid": "test"}),
        lambda: "no.token.atall",
        lambda: "x",
    ],
)
async def test_a_token_that_proves_nothing_opens_nothing(door: httpx2.AsyncClient, made: Callable[[], str]) -> None:
    refused = await answer(door, f"Bearer {made()}")
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
    assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic Y2xpZW50OmMtMQ=="])
async def test_without_a_token_nothing_is_told(door: httpx2.AsyncClient, authorization: str | None) -> None:
    refused = await answer(door, authorization)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_required")
    assert refused.headers["www-authenticate"] == "Bearer"


def test_keys_can_be_changed_without_a_break() -> None:
    old, new = b"o" * 32, b"n" * 32
    before, between, after = KeyRing({"old": old}), KeyRing({"new": new, "old": old}), KeyRing({"new": new})
    bearer = Bearer(role="freelancer", id="f-1")
    first, second = (
        sign_token(before, bearer, "recourse-api", soon()),
        sign_token(between, bearer, "recourse-api", soon()),
    )

    assert read_token(between, first, "recourse-api").bearer == bearer
    assert read_token(after, second, "recourse-api").bearer == bearer
    with pytest.raises(BadToken, match="no key that is known here"):
        read_token(after, first, "recourse-api")


READS = ("", "/actions", "/notices", "/record")


@pytest.mark.parametrize("read", READS)
async def test_an_order_does_not_exist_for_somebody_elses_client(order: Orders, by: Callers, read: str) -> None:
    order_id = await order()
    for role in ("client", "freelancer"):
        stranger = await by(role, "somebody-else").get(f"/orders/{order_id}{read}")
        nobody = await by(role).get(f"/orders/no-such-order{read}")
        assert (stranger.status_code, nobody.status_code) == (404, 404)
        assert stranger.json()["code"] == nobody.json()["code"] == "no_such_order"
        assert (await by(role).get(f"/orders/{order_id}{read}")).status_code == 200


async def test_a_strangers_command_changes_nothing_not_even_the_record(
    marketplace: Marketplace, order: Orders, by: Callers
) -> None:
    order_id = await order()
    answer = await by("client", "c-2").give(order_id, "request", kind="cancel")
    preview = await by("client", "c-2").post(f"/orders/{order_id}/previews/request", {"kind": "cancel"})
    assert (answer.status_code, preview.status_code) == (404, 404)
    assert await read_record(marketplace.recourse.pool, order_id) == []


@pytest.mark.parametrize("as_", ["freelancer", "client:c-2", "operator:op-1", "freelancer:f-1", "system:clock"])
async def test_a_client_is_never_anybody_else(marketplace: Marketplace, order: Orders, by: Callers, as_: str) -> None:
    order_id = await order()
    acting = await by("client").post(f"/orders/{order_id}/commands/request", {"kind": "cancel"}, as_=as_)
    reading = await by("client").get(f"/orders/{order_id}", **{"as": as_})
    assert (acting.status_code, reading.status_code) == (403, 403)
    assert await read_record(marketplace.recourse.pool, order_id) == []
    assert (await by("client").get(f"/orders/{order_id}", **{"as": "client:c-1"})).status_code == 200


async def test_a_service_acts_for_whom_it_names(marketplace: Marketplace, order: Orders, by: Callers) -> None:
    order_id = await order()
    path = f"/orders/{order_id}/commands/message"
    senders = ["client", "freelancer:f-1", "client:c-9", "operator:op-1"]
    answers = [await by("service").post(path, {"comment": "Hello"}, as_=as_) for as_ in senders]
    unsaid = await by("service").post(path, {"comment": "Hello"})

    assert [answer.status_code for answer in answers] == [200, 200, 409, 409]
    assert [answer.json().get("code") for answer in answers[2:]] == ["not_a_party", "role_not_allowed"]
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "malformed")
    entries = await read_record(marketplace.recourse.pool, order_id)
    assert [entry.content["actor"]["id"] for entry in entries] == ["c-1", "f-1", "c-9", "op-1"]


async def test_an_operator_who_is_a_party_neither_sees_nor_rules(order: Orders, by: Callers) -> None:
    order_id = await order(freelancer="op-1")
    shown = await by("operator", "op-1").get(f"/orders/{order_id}")
    ruled = await by("operator", "op-1").give(order_id, "rule", outcome="continue", explanation="Mine.")
    for refused in (shown, ruled):
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict_of_interest")
    assert (await by("operator", "op-2").get(f"/orders/{order_id}")).status_code == 200


async def test_what_is_for_the_marketplaces_own_backends_is_for_nobody_else(by: Callers) -> None:
    for role in ("client", "freelancer", "operator"):
        started = await by(role).post("/orders", {"terms": {}})
        issued = await by(role).post("/tokens", {"role": "operator", "id": "op-2"})
        assert {started.status_code, issued.status_code} <= {403, 422}
        assert issued.json()["code"] == "forbidden"
    for role in ("client", "freelancer"):
        assert (await by(role).get("/queue")).status_code == 403


async def test_a_service_makes_tokens_for_users(order: Orders, by: Callers, http: httpx2.AsyncClient) -> None:
    order_id = await order()
    made = await by("service").post("/tokens", {"role": "client", "id": "c-1", "lifetime": "12h"})
    assert made.status_code == 201
    until = datetime.fromisoformat(made.json()["expires_at"])
    assert timedelta(hours=11) < until - datetime.now(UTC) <= timedelta(hours=12)
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await http.get(f"/orders/{order_id}", headers=headers)).status_code == 200
    for lifetime in ("0h", "31d"):
        refused = await by("service").post("/tokens", {"role": "client", "id": "c-1", "lifetime": lifetime})
        assert (refused.status_code, refused.json()["code"]) == (422, "malformed")
    another_service = await by("service").post("/tokens", {"role": "service", "id": "other"})
    assert another_service.status_code == 422


async def test_answers_are_kept_by_nobody_on_the_way(order: Orders, by: Callers, http: httpx2.AsyncClient) -> None:
    order_id = await order()
    for answer in (await by("client").get(f"/orders/{order_id}"), await http.get("/no-such-path")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_for_whom_and_under_which_key_is_said_once(http: httpx2.AsyncClient) -> None:
    headers = [("Authorization", f"Bearer {token('service')}")]
    path, once = "/orders/none/commands/accept", "is given more than once"
    whom = await http.post(f"{path}?as=client&as=freelancer", headers=headers)
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    key = await http.post(f"{path}?as=client", headers=[*headers, *keys])
    assert (whom.status_code, whom.json()["details"]["problems"]) == (422, {"query.as": once})
    assert (key.status_code, key.json()["details"]["problems"]) == (422, {"header.Idempotency-Key": once})


async def test_what_is_nobody_and_what_is_no_object_is_said_in_words(http: httpx2.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {token('service')}"}
    nobody = await http.get("/orders/none?as=boss", headers=headers)
    form = await http.post("/orders", data={"policy": "glimmer"}, headers=headers)
    assert nobody.json()["details"]["problems"] == {"query.as": "must be client, freelancer or operator:ID"}
    assert form.json()["details"]["problems"] == {"body": "must be a JSON object"}


async def test_even_an_unknown_path_is_a_problem(http: httpx2.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {token('client')}"}
    unknown = await http.get("/no-such-path", headers=headers)
    wrong = await http.delete("/orders", headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert unknown.json()["detail"] == "This server has no such path; /openapi.json lists all that it has."
    assert wrong.headers["allow"]
    assert unknown.headers["content-type"] == wrong.headers["content-type"] == "application/problem+json"


def test_the_ring_of_the_tests_signs_what_it_reads() -> None:
    bearer = Bearer(role="operator", id="op-1")
    assert read_token(KEYS, sign_token(KEYS, bearer, "recourse-session", soon()), "recourse-session").bearer == bearer
    with pytest.raises(BadToken):
        read_token(KEYS, sign_token(KEYS, bearer, "recourse-session", soon()), "recourse-api")


async def test_no_list_shows_operators_an_order_of_their_own(order: Orders, by: Callers, pool: Any) -> None:
    order_id = await order(client="op-1")
    await pool.execute(
        "UPDATE orders SET case_stage = 'mediation', case_due_at = now(), turn = 'operator' WHERE order_id = $1",
        order_id,
    )
    for operator, expected in (("op-1", []), ("op-2", [order_id])):
        orders = (await by("operator", operator).get("/orders")).json()["orders"]
        cases = (await by("operator", operator).get("/queue")).json()["cases"]
        assert [[row["order_id"] for row in rows] for rows in (orders, cases)] == [expected, expected]
