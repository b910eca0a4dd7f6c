"""How many calls a person may make."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from recourse.web import rates
from recourse.web.app import make_app
from recourse.web.problems import Failure
from recourse.web.rates import Rates
from recourse.web.tokens import Bearer
from tests.http.conftest import KEYS, Caller, token

CLIENT = Bearer(role="client", id="c-1")


@pytest.fixture
async def limited(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """The application as it lets each person make three calls a minute."""
    made = make_app(app.state.site.recourse, KEYS, calls_per_minute=3)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(made), base_url="http://recourse.test") as caller:
        yield caller


async def test_a_person_has_so_many_calls_a_minute_and_is_told_when_there_are_more(limited: httpx2.AsyncClient) -> None:
    client, other, shop = (
        Caller(limited, signed) for signed in (token("client"), token("client", "c-2"), token("service"))
    )
    assert [(await client.get("/orders")).status_code for _ in range(3)] == [200] * 3

    refused = await client.get("/orders")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_calls")
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    # Another token of the same person has no more; nobody else has less, and a service as many as it likes.
    assert (await Caller(limited, token("client")).get("/orders")).status_code == 429
    assert (await other.get("/orders")).status_code == 200
    assert [(await shop.get("/orders")).status_code for _ in range(5)] == [200] * 5


def test_calls_come_back_with_time() -> None:
    now = [100.0]
    limit = Rates(60, clock=lambda: now[0])
    for _ in range(60):
        limit.take(CLIENT)
    with pytest.raises(Failure) as failed:
        limit.take(CLIENT)
    assert failed.value.headers == {"Retry-After": "1"}
    now[0] += 2
    limit.take(CLIENT)
    limit.take(CLIENT)
    with pytest.raises(Failure):
        limit.take(CLIENT)


def test_only_so_many_people_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_KEPT", 5)
    now = [0.0]
    limit = Rates(1, clock=lambda: now[0])
    for number in range(50):
        limit.take(Bearer(role="client", id=f"c-{number}"))
        now[0] += 30
    assert len(limit._left) <= 6
    with pytest.raises(Failure):
        limit.take(Bearer(role="client", id="c-49"))
