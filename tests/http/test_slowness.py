"""Callers that send slowly, or nothing."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from recourse.web import limits, serving
from recourse.web.serving import listen
from recourse.web.serving import serving as served
from tests.http.conftest import token
from tests.patience import PATIENCE


@pytest.fixture
async def port(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Where a server listens that waits for a fraction of a second, and takes three connections."""
    monkeypatch.setattr(serving, "HEAD_WITHIN", 0.2)
    monkeypatch.setattr(serving, "CONNECTIONS", 3)
    monkeypatch.setattr(limits, "BODY_WITHIN", 0.2)
    with listen("127.0.0.1", 0) as listener:
        async with served(app, listener):
            yield listener.getsockname()[1]


async def answered(port: int, sent: bytes) -> bytes:
    """All that comes until the connection ends."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


ALIVE = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: he"], ids=["nothing", "half a head"])
async def test_a_connection_without_a_request_ends(port: int, sent: bytes) -> None:
    assert await answered(port, sent) == b""


async def test_half_a_second_head_ends_the_connection_too(port: int) -> None:
    said = await answered(port, ALIVE + b"GET /healthz HTT")
    assert said.count(b"HTTP/1.1 200") == 1


async def test_half_a_body_is_answered_and_the_connection_ends(port: int) -> None:
    head = f"POST /orders HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token('service')}\r\n"
    said = await answered(port, f"{head}Content-Length: 9\r\n\r\n{{".encode())
    assert said.startswith(b"HTTP/1.1 408")
    assert b"too_slow" in said


async def test_a_body_with_two_lengths_is_refused_and_the_connection_ends(port: int) -> None:
    head = f"POST /orders HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token('service')}\r\n"
    said = await answered(port, f"{head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 400")
    assert b"ambiguous_length" in said


async def test_there_are_only_so_many_connections(port: int) -> None:
    kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    assert (await answered(port, ALIVE)).startswith(b"HTTP/1.1 503")
    for _, writer in kept:
        writer.close()


@pytest.mark.parametrize("path", ["/orders", "/tokens", "/links"])
async def test_no_body_is_read_of_a_caller_without_a_token(http: httpx2.AsyncClient, path: str) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield b"{"

    for bearer, code in (("", "token_required"), ("Bearer x", "bad_token")):
        headers = {"Authorization": bearer, "Content-Type": "application/json"}
        answer = await http.post(path, content=body(), headers={k: v for k, v in headers.items() if v})
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert read == []
