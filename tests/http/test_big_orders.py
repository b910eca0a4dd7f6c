"""An order of thousands of entries is read in bounded memory."""

import asyncio
import json
import tracemalloc
from typing import Any

import pytest
from fastapi import FastAPI

from recourse.resolution.model.record import verify
from tests.http.conftest import Callers, Orders, token

ENTRIES = 1_500
WORDS = "x" * 10_000
MEGABYTE = 1024 * 1024
_MORE = """
INSERT INTO record_entries (order_id, number, at, content, previous, hash)
SELECT order_id, number + n, at, jsonb_set(content, '{fields,comment}', to_jsonb($2::text)), previous, hash
FROM record_entries, generate_series(1, $3::int) AS n WHERE order_id = $1 AND number = 1
"""
_MORE_NOTICES = """
INSERT INTO notices (id, order_id, step, line, receiver, name, at, body)
SELECT id || '-' || n, order_id, step + n, line, receiver, name, at, body
FROM notices, generate_series(1, $2::int) AS n WHERE order_id = $1 AND step = 1
"""


@pytest.fixture
async def big(order: Orders, by: Callers, pool: Any) -> str:
    order_id = await order()
    assert (await by("client").give(order_id, "message", comment="Hello")).status_code == 200
    await pool.execute(_MORE, order_id, WORDS, ENTRIES)
    await pool.execute(_MORE_NOTICES, order_id, ENTRIES)
    return order_id


async def received(app: FastAPI, path: str, holder: str) -> int:
    """How many bytes of an answer came, of which a client keeps none."""
    size, status = 0, 0

    async def send(message: Any) -> None:
        nonlocal size, status
        status = message.get("status", status)
        size += len(message.get("body", b""))

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {holder}".encode())],
        "server": ("recourse.test", 80),
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    assert status == 200
    return size


async def test_records_that_many_read_at_once_are_never_whole_in_memory(app: FastAPI, big: str) -> None:
    tracemalloc.start()
    try:
        sizes = await asyncio.gather(*(received(app, f"/orders/{big}/record", token("client")) for _ in range(4)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert min(sizes) > ENTRIES * len(WORDS)
    # Four of 15 MB each.
    assert peak < 25 * MEGABYTE


async def test_notices_come_a_page_at_a_time(big: str, by: Callers) -> None:
    pages, after = [], ""
    while page := (await by("freelancer").get(f"/orders/{big}/notices", after=after, limit=200)).json():
        pages.append(page)
        after = page[-1]["id"]

    ids = [notice["id"] for page in pages for notice in page]
    assert len(set(ids)) == len(ids) == ENTRIES + 1
    assert {len(page) for page in pages[:-1]} == {200}
    assert len((await by("freelancer").get(f"/orders/{big}/notices")).json()) == 200


async def test_a_streamed_record_is_the_record(app: FastAPI, order: Orders, by: Callers) -> None:
    order_id = await order()
    for number in range(120):
        await by("client").give(order_id, "message", comment=f"{number}")
    stored = app.state.site.recourse.order(order_id)

    streamed = json.loads("".join([piece async for piece in stored.record_text("client")]))

    whole = await stored.record("client")
    assert streamed["entries"] == whole["entries"]
    assert {**streamed, "exported_at": "", "seal": ""} == {**whole, "exported_at": "", "seal": ""}
    assert verify(streamed) == []
