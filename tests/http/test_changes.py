"""A backend follows the changes over HTTP, a page at a time, waiting for more, or as a stream."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from recourse.web.serving import serving
from tests.http.conftest import Callers, Orders, token
from tests.patience import PATIENCE


def headers(**more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token('service')}", **more}


def stream(**more: str) -> dict[str, str]:
    return headers(Accept="text/event-stream", **more)


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """The API on a port of loopback, which stops when the test ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=address, timeout=PATIENCE) as caller, serving(app, listener):
            yield caller


async def test_a_backend_reads_every_step_and_what_it_was(order: Orders, by: Callers) -> None:
    order_id = await order()
    await by("client").give(order_id, "request", kind="cancel", comment="We stopped.")
    await by("freelancer").give(order_id, "accept")
    shop = by("service")
    first = (await shop.get("/changes", limit=2)).json()
    rest = (await shop.get("/changes", after=first["next"])).json()
    found = first["changes"] + rest["changes"]
    assert [(one["order_id"], one["step"], one["what"], one["by"]) for one in found] == [
        (order_id, 0, "opened", None),
        (order_id, 1, "request", "client"),
        (order_id, 2, "accept", "freelancer"),
    ]
    asked = found[1]
    assert (asked["outcome"], asked["events"]) == ("applied", ["request_opened"])
    assert asked["told"] == [{"to": "freelancer", "name": "request_opened"}]
    assert (asked["client"], asked["freelancer"]) == ("c-1", "f-1")
    assert first["next"] == asked["cursor"]
    end = (await shop.get("/changes", after=rest["next"])).json()
    assert end == {"changes": [], "next": rest["next"]} == (await shop.get("/changes", after="now")).json()
    assert "We stopped." not in json.dumps(found)


async def test_the_changes_are_for_backends_alone(by: Callers) -> None:
    for role in ("client", "freelancer", "operator"):
        answer = await by(role).get("/changes")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("after", ["1", "1.2", "17.00000000-0000-0000-0000-000000000000"])
async def test_a_cursor_that_is_none_of_ours_says_what_to_do(served: httpx2.AsyncClient, after: str) -> None:
    for sent in (headers(), stream(), stream(**{"Last-Event-ID": after})):
        answer = await served.get("/changes", params={"after": after, "wait": 20}, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (410, "unknown_cursor")
        assert "Go on from an earlier one, or from `start`" in answer.json()["detail"]


async def test_a_call_that_waits_is_answered_once_there_is_something(
    served: httpx2.AsyncClient, order: Orders, by: Callers
) -> None:
    waiting = asyncio.create_task(served.get("/changes", params={"after": "now", "wait": 30}, headers=headers()))
    order_id = await order()
    assert [one["order_id"] for one in (await waiting).json()["changes"]] == [order_id]
    too_long = await by("service").get("/changes", wait=31)
    assert list(too_long.json()["details"]["problems"]) == ["query.wait"]


async def read_events(answer: httpx2.Response, count: int) -> list[dict[str, Any]]:
    """So many changes of a stream, each with the id of its event."""
    found, event = list[dict[str, Any]](), dict[str, str]()
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        event[name] = value
        if not line:
            if "data" in event:
                found.append({**json.loads(event["data"]), "id": event["id"]})
            event = {}
            if len(found) == count:
                break
    return found


async def test_a_stream_goes_on_with_what_comes_and_begins_again_where_it_ended(
    served: httpx2.AsyncClient, order: Orders
) -> None:
    first = await order()
    async with served.stream("GET", "/changes", headers=stream()) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        [known] = await read_events(answer, 1)
    second = await order()
    again = stream(**{"Last-Event-ID": known["id"]})
    async with served.stream("GET", "/changes", headers=again) as answer:
        [missed] = await read_events(answer, 1)
    async with served.stream("GET", "/changes", params={"after": "now"}, headers=stream()) as answer:
        coming = asyncio.create_task(read_events(answer, 1))
        third = await order()
        [come] = await coming
    assert [one["order_id"] for one in (known, missed, come)] == [first, second, third]
    assert all(one["id"] == one["cursor"] for one in (known, missed, come))


async def test_a_server_that_stops_waits_for_no_stream_and_no_call_that_waits(app: FastAPI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=address, timeout=PATIENCE) as caller, asyncio.timeout(PATIENCE):
            async with serving(app, listener):
                waiting = asyncio.create_task(caller.get("/changes", params={"wait": 30}, headers=headers()))
                streaming = caller.stream("GET", "/changes", headers=stream())
                begun = await streaming.__aenter__()
                await anext(begun.aiter_lines())
                began = asyncio.get_running_loop().time()
            assert (await waiting).json() == {"changes": [], "next": "start"}
            assert asyncio.get_running_loop().time() - began < 10
            await streaming.__aexit__(None, None, None)
