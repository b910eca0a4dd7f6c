"""Temporal or PostgreSQL away: the caller is told to try again, and what can still be answered is answered."""

from typing import Any
from urllib.parse import urlsplit

import httpx2

from database.pool import connect
from starter.client import Recourse
from starter.http.app import make_app
from tests.http.conftest import KEYS, Caller, Orders, token
from tests.http.lines import line
from tests.process.conftest import Marketplace
from workflows.connecting import connect as connect_temporal


def calling(recourse: Recourse, patience: float = 1.0) -> httpx2.AsyncClient:
    app = make_app(recourse, KEYS, patience=patience)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://recourse.test")


def problem(answer: httpx2.Response) -> tuple[int, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_without_temporal_orders_are_read_but_not_acted_on(
    marketplace: Marketplace, order: Orders, temporal_address: str
) -> None:
    order_id = await order()
    host, _, port = temporal_address.partition(":")
    async with line(host, int(port)) as to_temporal:
        through = await connect_temporal(target_host=f"127.0.0.1:{to_temporal.port}")
        recourse = Recourse(through, marketplace.recourse.pool, task_queue=marketplace.queue)
        async with calling(recourse) as http:
            client = Caller(http, token("client"))
            assert (await http.get("/readyz")).json() == {"database": "ok", "temporal": "ok"}
            await to_temporal.cut()
            away = await client.post(
                f"/orders/{order_id}/commands/request", {"kind": "cancel"}, Idempotency_Key="again"
            )
            assert problem(away) in ((503, "temporal_unreachable"), (503, "no_answer"))
            assert away.json()["details"] == {"command_id": "again"}
            assert away.headers["retry-after"] == "5"
            assert problem(await http.get("/readyz")) == (503, "temporal_unreachable")
            assert (await http.get("/healthz")).status_code == 200
            assert (await client.get(f"/orders/{order_id}")).json()["phase"] == "in_progress"
            await to_temporal.mend()
        async with calling(recourse, patience=20.0) as http:
            again = await Caller(http, token("client")).post(
                f"/orders/{order_id}/commands/request", {"kind": "cancel"}, Idempotency_Key="again"
            )
            assert again.json()["request"]["number"] == 1


async def test_without_the_database_every_call_says_to_try_again(
    marketplace: Marketplace, order: Orders, dsn: str
) -> None:
    order_id = await order()
    parts = urlsplit(dsn)
    async with line(parts.hostname or "", parts.port or 0) as to_database:
        pool = await connect(parts._replace(netloc=f"{parts.username}@127.0.0.1:{to_database.port}").geturl())
        async with calling(Recourse(marketplace.client, pool, task_queue=marketplace.queue)) as http:
            client = Caller(http, token("client"))
            assert (await client.get(f"/orders/{order_id}")).status_code == 200
            await to_database.cut()
            for _ in range(2):
                assert problem(await client.get(f"/orders/{order_id}")) == (503, "database_unreachable")
            assert problem(await client.give(order_id, "message", comment="x")) == (503, "database_unreachable")
            assert problem(await http.get("/readyz")) == (503, "database_unreachable")
            await to_database.mend()
            assert (await client.get(f"/orders/{order_id}")).status_code == 200
            assert (await client.give(order_id, "message", comment="x")).status_code == 200
        await pool.close()
