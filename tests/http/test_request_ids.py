"""Each call has an id, by which its lines are found in the server's log."""

import logging
import re
import socket
from collections.abc import Iterator

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from recourse.web.serving import serving
from tests.http.conftest import token


class Log(logging.Handler):
    """What is logged, with what the lines say of their call."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.getMessage(), structlog.contextvars.get_contextvars().get("request_id")))


@pytest.fixture
def log() -> Iterator[Log]:
    kept = Log()
    logging.getLogger().addHandler(kept)
    yield kept
    logging.getLogger().removeHandler(kept)


async def test_an_error_is_logged_with_the_id_that_its_caller_gave(app: FastAPI, log: Log) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    app.add_api_route("/fails", fail)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with serving(app, listener), httpx2.AsyncClient(base_url=address) as http:
            answers = [await http.get("/fails", headers={"X-Request-Id": name}) for name in ("one", "two")]

    assert [(answer.status_code, answer.headers["X-Request-Id"]) for answer in answers] == [(500, "one"), (500, "two")]
    assert [name for line, name in log.lines if "Exception in ASGI application" in line] == ["one", "two"]


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "naïve"])
async def test_an_id_that_cannot_be_used_gives_way_to_one_of_ours(http: httpx2.AsyncClient, given: str) -> None:
    headers = [(b"X-Request-Id", given.encode()), (b"Authorization", f"Bearer {token('service')}".encode())]
    answer = await http.get("/orders", headers=headers)
    assert answer.status_code == 200
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])
