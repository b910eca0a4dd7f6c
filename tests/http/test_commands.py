"""Commands over HTTP: the order decides, and says so in the contract's words."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx2
import pytest
from fastapi import FastAPI

from recourse.database.orders import read_record
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.refusals import CODES
from recourse.resolution.model.vocabulary import Kind
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from recourse.web.problems import OF_THE_MESSAGE
from tests.http.conftest import KEYS, Caller, Callers, Orders, token
from tests.process.conftest import Marketplace


async def test_a_request_and_its_answer_end_an_order(order: Orders, by: Callers) -> None:
    order_id = await order()
    asked = await by("client").give(order_id, "request", kind="cancel", comment="We stopped the campaign.")
    accepted = await by("freelancer").give(order_id, "accept")

    assert (asked.status_code, accepted.status_code) == (200, 200)
    assert asked.json()["request"] == {"number": 1, "kind": "cancel", "status": "open", "version": 1}
    assert accepted.json()["phase"] == "canceled"
    shown = (await by("client").get(f"/orders/{order_id}")).json()
    assert shown["resolution"]["how"] == "mutual"
    assert shown["money"] == {"client": 10_550, "freelancer": 0, "platform": 0, "contested": 0, "held": 0}


async def test_a_refusal_is_a_problem_with_the_contracts_code_and_details(order: Orders, by: Callers) -> None:
    order_id = await order()
    await by("client").give(order_id, "request", kind="cancel")
    again = await by("client").give(order_id, "request", kind="cancel")

    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    problem = again.json()
    assert problem["type"] == "/docs/errors#request_open"
    assert (problem["status"], problem["code"]) == (409, "request_open")
    assert problem["title"] == "A request is open; it must be answered or withdrawn first."
    assert problem["details"] == {"open_request": 1}
    assert (problem["command"], problem["entry"]) == ("request", 2)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "cancel"}, "reason_required"),
        ({"kind": "cancel", "reason": "no_such_reason", "comment": "x"}, "unknown_reason"),
        ({"kind": "cancel", "reason": "cannot_deliver", "comment": " "}, "explanation_required"),
        ({"kind": "extension"}, "malformed"),
        ({"kind": "partial_refund", "reason": "other"}, "amount_required"),
        ({"kind": "cancel", "amount": 1.5}, "malformed"),
        ({"kind": "cancel", "colour": "red"}, "malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_wrong_with_the_message_itself_is_unprocessable(
    marketplace: Marketplace, order: Orders, by: Callers, fields: dict[str, Any], code: str
) -> None:
    order_id = await order()
    answer = await by("freelancer").give(order_id, "request", **fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    entries = await read_record(marketplace.recourse.pool, order_id)
    assert [entry.content["code"] for entry in entries] == [code]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"17", b'{"amount": NaN}', b"[" * 50_000, b"\xff\xfe", b'{"a": ' + b"9" * 5_000 + b"}"]
)
async def test_a_body_that_is_no_json_object_is_malformed_and_never_reaches_the_order(
    marketplace: Marketplace, order: Orders, http: httpx2.AsyncClient, body: bytes
) -> None:
    order_id = await order()
    headers = {"Authorization": f"Bearer {token('client')}"}
    answer = await http.post(f"/orders/{order_id}/commands/request", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert await read_record(marketplace.recourse.pool, order_id) == []


async def test_a_lone_surrogate_and_a_nul_are_malformed(order: Orders, http: httpx2.AsyncClient) -> None:
    order_id = await order()
    headers = {"Authorization": f"Bearer {token('client')}"}
    for text in (rb"\ud800", rb"\u0000"):
        body = b'{"comment": "' + text + b'"}'
        answer = await http.post(f"/orders/{order_id}/commands/message", content=body, headers=headers)
        assert answer.json()["code"] == "malformed"


async def test_a_body_without_end_is_cut_off(marketplace: Marketplace, order: Orders, by: Callers) -> None:
    order_id = await order()
    command = await by("client").give(order_id, "message", comment="x" * 1_100_000)
    start = await by("service").post("/orders", {"terms": "x" * 1_100_000})
    assert (command.status_code, start.status_code) == (413, 413)
    assert start.json()["type"] == "/docs/errors#too_large"
    assert await read_record(marketplace.recourse.pool, order_id) == []


async def test_the_same_idempotency_key_gets_the_first_answer(
    marketplace: Marketplace, order: Orders, by: Callers
) -> None:
    order_id = await order()
    path = f"/orders/{order_id}/commands/request"
    first = await by("client").post(path, {"kind": "cancel"}, Idempotency_Key="web-1")
    again = await by("client").post(path, {"kind": "cancel"}, Idempotency_Key="web-1")
    refused = await by("client").post(path, {"kind": "cancel"}, Idempotency_Key="web-2")
    refused_again = await by("client").post(path, {"kind": "cancel"}, Idempotency_Key="web-2")

    assert first.json()["command_id"] == "web-1"
    assert first.json()["repeated"] is False
    assert again.json() == {**first.json(), "repeated": True}
    assert refused_again.status_code == 409
    assert refused_again.json() == {**refused.json(), "repeated": True}
    assert len(await read_record(marketplace.recourse.pool, order_id)) == 2


async def test_an_idempotency_key_that_was_used_for_something_else_is_refused(order: Orders, by: Callers) -> None:
    order_id = await order()
    path = f"/orders/{order_id}/commands"
    await by("client").post(f"{path}/request", {"kind": "cancel"}, Idempotency_Key="web-1")
    fields = await by("client").post(f"{path}/request", {"kind": "update"}, Idempotency_Key="web-1")
    command = await by("client").post(f"{path}/withdraw", Idempotency_Key="web-1")

    for answer in (fields, command):
        assert (answer.status_code, answer.json()["code"]) == (409, "command_id_reused")
        assert answer.json()["details"] == {"used_for": "request", "entry": 1}


async def test_an_idempotency_key_that_no_command_can_have_is_refused(order: Orders, by: Callers) -> None:
    order_id = await order()
    answer = await by("client").post(f"/orders/{order_id}/commands/complete", Idempotency_Key="x" * 201)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


@pytest.mark.parametrize("field", ["actor", "sent_at", "command_id"])
async def test_nobody_says_in_the_body_who_they_are_or_when_they_sent_it(
    marketplace: Marketplace, order: Orders, by: Callers, field: str
) -> None:
    order_id = await order()
    for caller in (by("client"), by("service")):
        body = {"kind": "cancel", field: {"role": "freelancer", "id": "f-1"} if field == "actor" else "2020-01-01"}
        answer = await caller.post(f"/orders/{order_id}/commands/request", body, as_="client")
        assert answer.status_code == 422
        assert field in answer.json()["details"]["problems"]
    assert await read_record(marketplace.recourse.pool, order_id) == []


async def test_a_command_is_stamped_when_it_arrives(
    marketplace: Marketplace, order: Orders, http: httpx2.AsyncClient
) -> None:
    order_id = await order()
    sent: list[dict[str, Any]] = []

    class Watched(Recourse):
        def stamped(self, fields: Any) -> dict[str, Any]:
            sent.append(dict(fields))
            return super().stamped(fields)

    arrival = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    watched = Watched(marketplace.client, marketplace.recourse.pool, task_queue=marketplace.queue)
    app = make_app(watched, KEYS, now=lambda: arrival)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://recourse.test") as other:
        assert (await Caller(other, token("client")).give(order_id, "message", comment="Hello")).status_code == 200
    assert [message["sent_at"] for message in sent] == ["2031-05-04T03:02:01+00:00"]


async def test_a_command_can_be_left_for_the_order_while_every_worker_is_down(
    order: Orders, by: Callers, app: FastAPI
) -> None:
    order_id = await order()
    path = f"/orders/{order_id}/commands/message"
    left = await by("client").post(path, {"comment": "Hello"}, Prefer="respond-async", Idempotency_Key="left")

    assert (left.status_code, left.json()) == (202, {"status": "sent", "command": "message", "command_id": "left"})
    assert left.headers["preference-applied"] == "respond-async"
    answered = await by("client").post(path, {"comment": "Hello"}, Idempotency_Key="left")
    assert answered.json()["repeated"] is True


async def test_an_order_that_answers_no_more_is_closed_to_both_ways_of_sending(
    marketplace: Marketplace, order: Orders, by: Callers
) -> None:
    order_id = await order(changes={"order.reachable_after": "0h"}, requirements="awaited")
    await by("client").give(order_id, "request", kind="cancel")
    await marketplace.handle(order_id).result()

    answered = await by("client").give(order_id, "message", comment="Hello?")
    left = await by("client").post(
        f"/orders/{order_id}/commands/message", {"comment": "Hello?"}, Prefer="respond-async"
    )
    assert (answered.status_code, answered.json()["code"]) == (409, "order_closed")
    assert (left.status_code, left.json()["code"]) == (409, "order_closed")


async def test_an_order_that_no_worker_leads_is_not_waited_for_without_end(
    marketplace: Marketplace, order: Orders, temporal_address: str, pool: Any
) -> None:
    order_id = await order()
    await marketplace.by("client", order_id, "message", comment="Hello")
    idle = Recourse(marketplace.client, pool, task_queue="nobody-works-here")
    app = make_app(idle, KEYS, patience=3)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://recourse.test") as http:
        started = await Caller(http, token("service")).post("/orders", {"terms": terms(marketplace)})
        path = f"/orders/{started.json()['order_id']}/commands/request"
        answer = await Caller(http, token("service")).post(
            path, {"kind": "cancel"}, as_="client:c-1", Idempotency_Key="w-1"
        )
    assert (started.status_code, started.json()["can_be_read"]) == (202, False)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_answer")
    assert answer.json()["details"] == {"command_id": "w-1"}
    assert answer.headers["retry-after"] == "5"


async def test_an_order_that_lost_its_workflow_is_no_order_to_try_again(
    marketplace: Marketplace, order: Orders, by: Callers
) -> None:
    order_id = await order()
    await marketplace.handle(order_id).terminate()

    commanded = await by("client").give(order_id, "message", comment="Hello")
    started = await by("service").post("/orders", {"terms": terms(marketplace, order_id=order_id)})

    for answer in (commanded, started):
        assert (answer.status_code, answer.json()["code"]) == (503, "order_not_running")
        assert answer.json()["details"] == {"remedy": f"recourse order revive {order_id}"}
        assert "Try again" not in answer.json()["detail"]
        assert "retry-after" not in answer.headers


def terms(marketplace: Marketplace, **over: Any) -> dict[str, Any]:
    plain: dict[str, Any] = marketplace.terms(**over).model_dump(mode="json", exclude={"history"})
    return plain


async def test_callers_at_once_are_all_answered_and_one_of_them_is_first(order: Orders, by: Callers) -> None:
    order_id = await order()
    answers = await asyncio.gather(*(by("client").give(order_id, "request", kind="cancel") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


async def test_every_command_of_the_contract_has_its_path_and_its_fields(http: httpx2.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    for name, command in COMMANDS.items():
        for path in (f"/orders/{{order_id}}/commands/{name}", f"/orders/{{order_id}}/previews/{name}"):
            body = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
            schema = schemas[body["$ref"].rpartition("/")[2]]
            assert schema["additionalProperties"] is False
            assert set(schema["properties"]) == set(command.model_fields) - {"actor", "command_id", "sent_at"}
    assert schemas["Request"]["properties"]["kind"]["enum"] == list(get_args(Kind))


def test_the_statuses_of_refusals_name_only_codes_of_the_contract() -> None:
    assert set(CODES) >= OF_THE_MESSAGE


async def test_the_clock_of_the_marketplace_may_be_a_little_ahead(marketplace: Marketplace, by: Callers) -> None:
    soon = terms(marketplace, ordered_at=datetime.now(UTC) + timedelta(minutes=2))
    later = terms(marketplace, ordered_at=datetime.now(UTC) + timedelta(hours=2))
    assert (await by("service").post("/orders", {"terms": soon})).status_code == 201
    refused = await by("service").post("/orders", {"terms": later})
    assert (refused.status_code, refused.json()["details"]) == (
        422,
        {"problems": {"terms.ordered_at": "lies in the future"}},
    )
