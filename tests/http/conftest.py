"""The API on a marketplace of its own, called as other programs call it."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from recourse.database.pool import connect
from recourse.runtime.keys import KeyRing
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from recourse.web.tokens import Bearer, BearerRole, sign_token
from tests.process.conftest import Marketplace, client, marketplace

__all__ = ["Caller", "Callers", "Orders", "client", "marketplace"]

SECRET = b"a secret of thirty-two bytes    "
SECRETS = f"test={base64.b64encode(SECRET).decode()}"
KEYS = KeyRing({"test": SECRET})
IDS = {"client": "c-1", "freelancer": "f-1", "operator": "op-1", "service": "shop"}

Callers = Callable[..., "Caller"]
Orders = Callable[..., Awaitable[str]]


def token(role: BearerRole, holder: str | None = None, lifetime: timedelta = timedelta(hours=1)) -> str:
    return sign_token(KEYS, Bearer(role=role, id=holder or IDS[role]), "recourse-api", datetime.now(UTC) + lifetime)


class Caller:
    """One holder of a token."""

    def __init__(self, http: httpx2.AsyncClient, signed: str) -> None:
        self._http, self._headers = http, {"Authorization": f"Bearer {signed}"}

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self._http.get(path, params=params, headers=self._headers)

    async def post(self, path: str, body: Any = None, *, as_: str = "", **headers: str) -> httpx2.Response:
        given = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        params = {"as": as_} if as_ else {}
        return await self._http.post(path, json=body, params=params, headers=given)

    async def put(self, path: str, body: Any) -> httpx2.Response:
        return await self._http.put(path, json=body, headers=self._headers)

    async def give(self, order_id: str, command: str, **fields: Any) -> httpx2.Response:
        return await self.post(f"/orders/{order_id}/commands/{command}", fields)


@pytest.fixture
async def app(marketplace: Marketplace, dsn: str) -> AsyncIterator[FastAPI]:
    """The application with the rights that a web server has, and no more."""
    pool = await connect(f"{dsn}?role=recourse_web")
    try:
        yield make_app(Recourse(marketplace.client, pool, task_queue=marketplace.queue), KEYS)
    finally:
        await pool.close()


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://recourse.test") as caller:
        yield caller


@pytest.fixture
def by(http: httpx2.AsyncClient) -> Callers:
    """The API as the holder of a token: `by("client")`, `by("client", "c-2")`."""

    def caller(role: BearerRole, holder: str | None = None) -> Caller:
        return Caller(http, token(role, holder))

    return caller


@pytest.fixture
def order(marketplace: Marketplace, app: FastAPI) -> Orders:
    """Start an order as `marketplace.order` does, and wait until it can be read."""

    async def start(*args: Any, **terms: Any) -> str:
        order_id = await marketplace.order(*args, **terms)
        assert await app.state.site.recourse.order(order_id).soon_written()
        return order_id

    return start
