"""What every path does with HEAD, with a slash too much, and with a body that says something twice."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from recourse.web.pages.sessions import VISITOR_COOKIE
from tests.http.conftest import Callers, Orders, token
from tests.process.conftest import Marketplace


async def test_head_is_answered_wherever_get_is(http: httpx2.AsyncClient, app: FastAPI, order: Orders) -> None:
    order_id = await order(group="doors")
    read = [path for path, known in app.openapi()["paths"].items() if "get" in known]
    # A visitor who comes for the first time gets a cookie, another one each time.
    headers = {
        "Authorization": f"Bearer {token('operator')}",
        "Cookie": f"{VISITOR_COOKIE}=known",
        "X-Request-Id": "one",
    }
    for path in (*read, "/", "/pages", "/pages/", "/pages/sign-in", "/openapi.json", "/no-such-path", "/tokens"):
        place = path.format(order_id=order_id, group="doors", file_id="0" * 32)
        full = await http.get(place, headers=headers)
        head = await http.head(place, headers=headers)
        assert (head.status_code, dict(head.headers)) == (full.status_code, dict(full.headers)), place
        assert head.content == b""
    assert len(read) >= 8


@pytest.mark.parametrize("path", ["/", "/pages"])
async def test_people_begin_at_the_pages_wherever_they_arrive(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers={"Host": "orders.example", "X-Forwarded-Proto": "https"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/pages/")
    assert (await http.get(path, follow_redirects=True)).url.path == "/pages/sign-in"


@pytest.mark.parametrize("path", ["/orders/", "/healthz/", "/pages/orders/", "/pages/zone/", "/pages/sign-in/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_slash_too_much_leads_nowhere_else(http: httpx2.AsyncClient, path: str, method: str) -> None:
    headers = {"Authorization": f"Bearer {token('service')}"}
    answer = await http.request(method, path, headers=headers)
    assert answer.status_code in (404, 405)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("/orders/{}/commands/request", '{"kind": "cancel", "amount": 100, "amount": 5999}', "amount"),
        ("/orders/{}/previews/request", '{"kind": "update", "kind": "cancel"}', "kind"),
        ("/orders/{}/commands/request", '{"kind": "cancel", "kind": "cancel"}', "kind"),
        ("/orders", '{"terms": {"price": 1, "service_fee": 2, "price": 10000}}', "terms.price"),
        ("/orders", '{"policy": "upwork", "terms": {}, "policy": "glimmer"}', "policy"),
        ("/tokens", '{"role": "client", "id": "c-1", "id": "c-2"}', "id"),
        ("/links", '{"role": "client", "id": "c-1", "x": [{}, {"a": {"b": 1, "\\u0062": 2}}]}', "x.1.a.b"),
    ],
)
async def test_what_a_body_says_twice_is_refused_with_its_place(
    by: Callers, http: httpx2.AsyncClient, order: Orders, path: str, body: str, where: str
) -> None:
    order_id = await order()
    headers = {"Authorization": f"Bearer {token('service')}", "Content-Type": "application/json"}
    answer = await http.post(path.format(order_id), content=body, params={"as": "client"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    said = answer.json()["details"]["problems"]["body"]
    assert said == f"is not JSON that can be used: it says `{where}` twice; say it once"
    assert (await by("operator").get(f"/orders/{order_id}")).json()["record_length"] == 0


@pytest.mark.parametrize("body", ["{", "[1]", '{"role": NaN}', '"\\ud800"', "[" * 100_000, b"\xff"], ids=repr)
@pytest.mark.parametrize("path", ["/tokens", "/links", "/orders"])
async def test_a_body_that_cannot_be_used_is_malformed(http: httpx2.AsyncClient, path: str, body: Any) -> None:
    headers = {"Authorization": f"Bearer {token('service')}", "Content-Type": "application/json"}
    answer = await http.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


async def test_nobody_brings_a_proof_of_its_own(marketplace: Marketplace, order: Orders, by: Callers) -> None:
    order_id = await order()
    refused = await by("client").give(order_id, "message", comment="Hello", actor_token="x")
    assert list(refused.json()["details"]["problems"]) == ["actor_token"]
    assert (await marketplace.recourse.order(order_id).state()).record_length == 0
