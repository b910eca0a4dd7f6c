"""What payment providers post: each report is taken once, and none is lost."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from temporalio.client import Client

from recourse.database.orders import read_record
from recourse.database.pool import connect
from recourse.database.reports import untaken_reports
from recourse.starter.client import Recourse
from recourse.starter.messages import LARGEST_MESSAGE
from recourse.web.app import make_app
from recourse.web.rates import Rates
from recourse.worker import make_worker
from tests.activities.reporting_bank import HEADER, ReportingBank, SlowBank, event, signature
from tests.http.conftest import KEYS
from tests.http.lines import line
from tests.process.conftest import Marketplace

PATH = "/payments/bank/events"
RETURNED = {"event": "returned", "leg": "1.refund"}


@pytest.fixture
def bank() -> ReportingBank:
    return ReportingBank()


@pytest.fixture
async def marketplace(client: Client, pool: Any, bank: ReportingBank) -> AsyncIterator[Marketplace]:
    """A marketplace whose worker pays through the bank."""
    queue = f"test-{secrets.token_hex(4)}"
    async with make_worker(client, pool, task_queue=queue, providers={"bank": bank, "other": ReportingBank()}):
        yield Marketplace(Recourse(client, pool, task_queue=queue), queue)


@pytest.fixture
async def app(marketplace: Marketplace, dsn: str, bank: ReportingBank) -> AsyncIterator[FastAPI]:
    """The application with the rights of a web server; it knows the bank, and providers that post nothing."""
    pool = await connect(f"{dsn}?role=recourse_web")
    try:
        recourse = Recourse(marketplace.client, pool, task_queue=marketplace.queue)
        yield make_app(recourse, KEYS, providers={"bank": bank, "slow": SlowBank(), "mute": object()})  # type: ignore[dict-item]
    finally:
        await pool.close()


async def paid(marketplace: Marketplace, provider: str = "bank", changes: Any = None) -> str:
    """An order that was canceled at once, its money back to the client."""
    order_id = await marketplace.order(changes=changes, provider=provider, requirements="awaited")
    assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
    assert (await marketplace.recourse.order(order_id).state()).settlement == "settled"
    return order_id


async def post(
    http: httpx2.AsyncClient, body: bytes, *, path: str = PATH, signed: str | None = None
) -> httpx2.Response:
    return await http.post(path, content=body, headers={HEADER: signature(body) if signed is None else signed})


async def results(http: httpx2.AsyncClient, body: bytes) -> list[str]:
    answer = await post(http, body)
    assert answer.status_code == 200, answer.text
    return [report["result"] for report in answer.json()["reports"]]


async def untaken(marketplace: Marketplace) -> list[tuple[str, str, str]]:
    found = await untaken_reports(marketplace.recourse.pool)
    return [(report.event_id, report.order_id, report.reason) for report in found]


async def test_a_report_reaches_its_order_once_however_often_it_comes(
    marketplace: Marketplace, http: httpx2.AsyncClient, app: FastAPI
) -> None:
    order_id = await paid(marketplace)
    body = event("evt-1", {"order": order_id, **RETURNED})
    at_once = await asyncio.gather(*(results(http, body) for _ in range(3)))
    assert sorted(result for [result] in at_once) == ["repeated", "repeated", "taken"]
    assert await results(http, body) == ["repeated"]
    # The same under another id of the provider's.
    assert await results(http, event("evt-2", {"order": order_id, **RETURNED})) == ["repeated"]

    order = await marketplace.recourse.order(order_id).state()
    assert (order.settlement, [leg.status for leg in order.legs], order.record_length) == ("blocked", ["returned"], 2)
    entry = (await read_record(marketplace.recourse.pool, order_id))[-1].content
    assert (entry["command"], entry["command_id"], entry["actor"]) == (
        "payment_event",
        "evt-1",
        {"role": "system", "id": "bank"},
    )
    reported = app.state.site.reported
    assert (reported.of("bank", "taken"), reported.of("bank", "repeated")) == (1, 4)
    assert await untaken(marketplace) == []


async def test_a_report_brings_back_an_order_that_is_over(marketplace: Marketplace, http: httpx2.AsyncClient) -> None:
    order_id = await paid(marketplace, changes={"order.reachable_after": "0h", "undo.by": []})
    assert await marketplace.handle(order_id).result() == "canceled: unilateral"
    body = event("evt-1", {"order": order_id, **RETURNED})
    assert [await results(http, body), await results(http, body)] == [["taken"], ["repeated"]]
    assert (await marketplace.recourse.order(order_id).state()).settlement == "blocked"


async def test_what_nobody_signed_is_turned_away_and_counted(
    marketplace: Marketplace, http: httpx2.AsyncClient, app: FastAPI
) -> None:
    order_id = await paid(marketplace)
    body = event("evt-1", {"order": order_id, **RETURNED})
    for signed in ("", "0" * 64, signature(body + b" ")):
        answer = await post(http, body, signed=signed)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")
        assert answer.json()["detail"] == "The bank did not sign this."
    assert app.state.site.reported.of("bank", "bad_signature") == 3
    assert (await marketplace.recourse.order(order_id).state()).record_length == 1


@pytest.mark.parametrize("body", [b"", b"{", b'{"id": "evt-1"}', event("x" * 201, {"order": "o", **RETURNED})])
async def test_what_cannot_be_read_is_said_to_be(http: httpx2.AsyncClient, app: FastAPI, body: bytes) -> None:
    answer = await post(http, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_event")
    assert answer.json()["detail"].endswith(".")
    assert app.state.site.reported.of("bank", "unreadable") == 1


async def test_an_event_for_no_order_of_ours_is_taken_and_kept_for_operators(
    marketplace: Marketplace, http: httpx2.AsyncClient
) -> None:
    others = await paid(marketplace, "other")
    about = [{"order": name, **RETURNED} for name in ("unknown", "\x00", "x" * 300, others)]
    for number, one in enumerate(about):
        assert await results(http, event(f"evt-{number}", one)) == ["not_ours"]
    assert await results(http, event("evt-0", about[0])) == ["not_ours"]
    assert await results(http, event("evt-9")) == []
    assert sorted(await untaken(marketplace)) == [
        ("evt-0", "unknown", "no_such_order"),
        ("evt-1", "\\0", "no_such_order"),
        ("evt-2", "x" * 200, "no_such_order"),
        ("evt-3", others, "other_provider"),
    ]
    assert (await marketplace.recourse.order(others).state()).settlement == "settled"


async def test_what_an_order_refuses_is_recorded_once_and_kept_for_operators(
    marketplace: Marketplace, http: httpx2.AsyncClient
) -> None:
    order_id = await paid(marketplace)
    for _ in range(2):
        assert await results(http, event("evt-1", {"order": order_id, **RETURNED, "leg": "7.payout"})) == ["refused"]
    assert await results(http, event("evt-2", {"order": order_id, "event": "nonsense"})) == ["refused"]
    assert await untaken(marketplace) == [("evt-2", order_id, "malformed"), ("evt-1", order_id, "no_such_payment")]
    entries = (await read_record(marketplace.recourse.pool, order_id))[1:]
    assert [entry.content["code"] for entry in entries] == ["no_such_payment", "malformed"]


async def test_a_chargeback_that_is_closed_before_it_was_opened_comes_again(
    marketplace: Marketplace, http: httpx2.AsyncClient
) -> None:
    order_id = await paid(marketplace)
    opened = event("evt-1", {"order": order_id, "event": "chargeback_opened", "amount": 500, "reference": "dp_1"})
    closed = event("evt-2", {"order": order_id, "event": "chargeback_closed", "outcome": "won", "reference": "dp_1"})
    early = await post(http, closed)
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (503, "too_early", "60")
    assert await untaken(marketplace) == [("evt-2", order_id, "too_early")]
    assert [await results(http, opened), await results(http, closed)] == [["taken"], ["taken"]]
    assert await untaken(marketplace) == []
    # Doubled, and under other ids.
    assert [await results(http, body) for body in (opened, closed)] == [["repeated"], ["repeated"]]
    again = [body.replace(b"evt-", b"more-") for body in (opened, closed)]
    assert [await results(http, body) for body in again] == [["repeated"], ["repeated"]]
    [chargeback] = (await marketplace.recourse.order(order_id).state()).chargebacks
    assert (chargeback.status, await untaken(marketplace)) == ("won", [])


async def test_a_payment_that_came_back_before_its_answer_did_comes_again(
    marketplace: Marketplace, http: httpx2.AsyncClient, bank: ReportingBank
) -> None:
    bank.troubles.append("after")
    order_id = await marketplace.order(provider="bank", requirements="awaited")
    assert (await marketplace.by("client", order_id, "request", kind="cancel")).applied
    early = await post(http, event("evt-1", {"order": order_id, **RETURNED}))
    assert (early.status_code, early.json()["code"]) == (503, "too_early")
    assert (await marketplace.recourse.order(order_id).state()).record_length == 1


async def test_only_providers_that_post_events_have_a_path(http: httpx2.AsyncClient) -> None:
    body = event("evt-1", {"order": "unknown", **RETURNED})
    for name in ("mute", "ledger", "unknown", "x" * 200):
        answer = await post(http, body, path=f"/payments/{name}/events")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_provider")
    assert (await post(http, body, path="/payments/slow/events")).status_code == 200


async def test_too_much_is_turned_away(http: httpx2.AsyncClient, app: FastAPI) -> None:
    large = await post(http, b"x" * (LARGEST_MESSAGE + 1))
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    object.__setattr__(app.state.site, "reports", Rates(2))
    answers = [await post(http, event(f"evt-{number}")) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) > 0


async def test_while_the_database_is_away_the_provider_is_to_send_it_again(
    marketplace: Marketplace, bank: ReportingBank, dsn: str
) -> None:
    order_id = await paid(marketplace)
    body = event("evt-1", {"order": order_id, **RETURNED})
    parts = urlsplit(dsn)
    async with line(parts.hostname or "", parts.port or 0) as between:
        pool = await connect(parts._replace(netloc=f"{parts.username}@127.0.0.1:{between.port}").geturl())
        recourse = Recourse(marketplace.client, pool, task_queue=marketplace.queue)
        made = make_app(recourse, KEYS, providers={"bank": bank})
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(made), base_url="http://recourse.test") as http:
            await between.cut()
            away = await post(http, body)
            assert (away.status_code, away.json()["code"]) == (503, "database_unreachable")
            await between.mend()
            assert await results(http, body) == ["taken"]
        await pool.close()
