"""Temporal or PostgreSQL away: the caller is told to try again, and what can still be answered is answered."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2

from recourse.database.pool import connect
from recourse.runtime.clocks import Clock, clock
from recourse.runtime.temporal_connection import connect as connect_temporal
from recourse.starter.client import Recourse
from recourse.web.app import make_app
from tests.conftest import run_on
from tests.http.conftest import KEYS, Caller, Callers, Orders, token
from tests.http.lines import line
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace


def calling(recourse: Recourse, patience: float = 1.0, now: Clock = clock) -> httpx2.AsyncClient:
    app = make_app(recourse, KEYS, patience=patience, now=now)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://recourse.test")


def problem(answer: httpx2.Response) -> tuple[int, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def ok(answer: httpx2.Response) -> bool:
    """Whether all that the server needs answers, whatever it warns of."""
    return bool(answer.json().items() >= {"database": "ok", "temporal": "ok"}.items())


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
            assert ok(await http.get("/readyz"))
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
        async with calling(recourse, patience=PATIENCE) as http:
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
        recourse = Recourse(marketplace.client, pool, task_queue=marketplace.queue)
        async with calling(recourse) as http, calling(recourse, patience=PATIENCE) as patiently:
            client = Caller(http, token("client"))
            assert (await client.get(f"/orders/{order_id}")).status_code == 200
            await to_database.cut()
            for _ in range(2):
                assert problem(await client.get(f"/orders/{order_id}")) == (503, "database_unreachable")
            assert problem(await client.give(order_id, "message", comment="x")) == (503, "database_unreachable")
            assert problem(await http.get("/readyz")) == (503, "database_unreachable")
            await to_database.mend()
            client = Caller(patiently, token("client"))
            assert (await client.get(f"/orders/{order_id}")).status_code == 200
            assert (await client.give(order_id, "message", comment="x")).status_code == 200
        await pool.close()


async def test_a_database_that_takes_no_writes_is_away_until_it_does_and_no_address_is_lost(
    marketplace: Marketplace, postgres_server: str, dsn: str
) -> None:
    database = urlsplit(dsn).path.removeprefix("/")
    await run_on(postgres_server, f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    pool = await connect(dsn)
    terms = marketplace.terms().model_dump(mode="json", exclude={"history"})
    body = {"terms": terms, "client_email": "c@example.org"}
    async with calling(Recourse(marketplace.client, pool, task_queue=marketplace.queue), patience=20.0) as http:
        shop = Caller(http, token("service"))
        for answer in (await http.get("/readyz"), await shop.post("/orders", body), await http.get("/readyz")):
            assert problem(answer) == (503, "database_unreachable")
            assert answer.headers["retry-after"] == "5"
            assert "takes no writes" in answer.json()["detail"]
        await run_on(postgres_server, f"ALTER DATABASE {database} RESET default_transaction_read_only")
        for _ in range(2):  # the first to ask may still get a former session, and lets go of all
            ready = await http.get("/readyz")
        assert ok(ready)
        assert (await shop.post("/orders", body)).status_code == 201
    assert await pool.fetchval("SELECT email FROM contacts") == "c@example.org"
    await pool.close()


async def test_a_user_who_may_only_read_is_not_ready(marketplace: Marketplace, dsn: str) -> None:
    await run_on(
        dsn, "DROP ROLE IF EXISTS only_reads", "CREATE ROLE only_reads LOGIN", "GRANT SELECT ON orders TO only_reads"
    )
    pool = await connect(
        urlsplit(dsn)._replace(netloc=urlsplit(dsn).netloc.replace("postgres@", "only_reads@")).geturl()
    )
    async with calling(Recourse(marketplace.client, pool, task_queue=marketplace.queue)) as http:
        answer = await http.get("/readyz")
        assert problem(answer) == (503, "database_unreachable")
        assert "only_reads" not in answer.text
    await pool.close()
    await run_on(dsn, "DROP OWNED BY only_reads", "DROP ROLE only_reads")


async def test_an_order_that_a_newer_build_wrote_is_listed_and_waits(
    marketplace: Marketplace, order: Orders, by: Callers
) -> None:
    order_id = await order()
    pool = marketplace.recourse.pool
    await pool.execute(
        """UPDATE order_states SET state = state || '{"made_for": 99, "needs": 99}' WHERE order_id = $1""", order_id
    )
    # Its migration came with the newer build.
    await pool.execute("ALTER TABLE orders DROP CONSTRAINT orders_phase_check")
    await pool.execute("UPDATE orders SET phase = 'paused' WHERE order_id = $1", order_id)

    for path in ("", "/actions", "/notices", "/record"):
        answer = await by("client").get(f"/orders/{order_id}{path}")
        assert problem(answer) == (503, "needs_newer_build")
    listed = (await by("operator").get("/orders")).json()["orders"]
    assert [(row["order_id"], row["phase"]) for row in listed] == [(order_id, "paused")]


async def test_a_server_whose_clock_is_behind_is_not_ready(marketplace: Marketplace) -> None:
    async with calling(marketplace.recourse, now=lambda: datetime.now(UTC) - timedelta(hours=1)) as http:
        answer = await http.get("/readyz")

    assert problem(answer) == (503, "database_unreachable")
    assert "synchronize both" in answer.json()["detail"]
