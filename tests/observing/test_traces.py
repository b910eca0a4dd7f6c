"""What a real collector is sent by a real worker and a real web server, and that orders are led alike without them."""

import asyncio
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.api.common.v1 import Header, Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from recourse.database.migrate import migrate
from recourse.database.orders import read_record
from recourse.database.pool import connect as connect_database
from recourse.local.process import free_ports, start, stop
from recourse.resolution.model.commands import COMMANDS
from recourse.running import connected_for_work, how_workflows_run
from recourse.runtime.names import workflow_id
from recourse.runtime.temporal_connection import connect
from recourse.starter.client import Recourse
from recourse.workflows.order import WORKFLOWS
from tests.activities.receivers import http_receiver
from tests.conftest import _named, run_on
from tests.http.conftest import SECRETS, token
from tests.http.processes import environment
from tests.observing.collecting import Collector, Traced, collector
from tests.observing.conftest import TROUBLED
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace
from tests.process.processes import RECOURSE, worker_process

# What somebody wrote, who they are, how they prove it, and what a row or an address held.
MARKED = (
    "QCOMMENTQ",
    "QNOTEQ",
    "QCOMMANDQ",
    "QPATHQ",
    "QQUERYQ",
    "QSTATEQ",
    "qclientq",
    "qfreelancerq",
    "eyJ",
    "Bearer",
)
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNREADABLE = (
    Payload(metadata={"encoding": b"json/plain"}, data=b"{"),
    Payload(metadata={"encoding": b"json/plain"}, data=b'"QNOTEQ"'),
    Payload(metadata={"encoding": b"json/plain"}, data=b'{"traceparent": 17}'),
    Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\xff"),
    Payload(),
)
# Fails the first step that is written, and quotes the row.
FAILS_ONCE = (
    "CREATE SEQUENCE attempts",
    "GRANT USAGE ON SEQUENCE attempts TO PUBLIC",
    """CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.content::text LIKE '%QCOMMENTQ%' AND nextval('attempts') = 1 THEN
         RAISE 'QNOTEQ' USING DETAIL = NEW.content::text; END IF; RETURN NEW; END $$""",
    "CREATE TRIGGER fails BEFORE INSERT ON record_entries FOR EACH ROW EXECUTE FUNCTION fail_once()",
)


# The last that the order and the web server do.
AWAITED = {"RunActivity:pay", "RunActivity:deliver_notices", "POST /orders/{order_id}/commands/accept"}


@dataclass(frozen=True)
class Told:
    """What the collector has, of which order; what the order's record says, and its history."""

    collector: Collector
    order_id: str
    codes: list[str]
    history: WorkflowHistory

    def named(self, name: str) -> list[Traced]:
        """The spans of one name that are about the order or about no order."""
        wanted = (workflow_id(self.order_id), None)
        return [
            one
            for one in self.collector.spans
            if one.name == name and one.about.get("temporalWorkflowID") in wanted  #
        ]


async def _garbage(marketplace: Marketplace, order_id: str) -> None:
    """Signals that are refused, with headers that claim to be of a trace."""
    for header in UNREADABLE:
        await marketplace.client.workflow_service.signal_workflow_execution(
            SignalWorkflowExecutionRequest(
                namespace=marketplace.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
                signal_name="QCOMMANDQ",
                input=Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b"{}")]),
                header=Header(fields={"_tracer-data": header}),
            )
        )


async def _written(pool: Any) -> None:
    """Wait until the order is in the database: a web server knows it from then on."""
    async with asyncio.timeout(PATIENCE):
        while not await pool.fetchval("SELECT EXISTS (SELECT FROM orders)"):  # noqa: ASYNC110 - in the database
            await asyncio.sleep(0.02)


async def _call(http: httpx2.AsyncClient, order_id: str) -> None:
    """Requests of every kind: taken, refused, of a party and with what nobody may see in any place."""
    as_client = {"Authorization": f"Bearer {token('client', 'qclientq')}"}
    as_other = {"Authorization": f"Bearer {token('freelancer', 'qfreelancerq')}"}
    asked = {"kind": "cancel", "comment": "QCOMMENTQ", "private_note": "QNOTEQ"}
    traced = {"traceparent": CALLER, "tracestate": "a=QSTATEQ", "baggage": "a=QSTATEQ"}
    given = await http.post(f"/orders/{order_id}/commands/request", json=asked, headers={**as_client, **traced})
    assert given.status_code == 200, given.text
    assert (await http.post(f"/orders/{order_id}/commands/QPATHQ", json=asked, headers=as_client)).status_code == 404
    assert (await http.get("/pages/QPATHQ")).status_code == 404
    assert (await http.get("/pages/sign-in", params={"token": "QQUERYQ"})).status_code < 500
    assert (await http.get(f"/pages/orders/{order_id}", params={"q": "QQUERYQ"})).status_code < 500
    assert (await http.request("QPATHQ", "/orders")).status_code == 405
    said = await http.post(f"/orders/{order_id}/commands/accept", json={"comment": "QCOMMENTQ"}, headers=as_other)
    assert said.status_code == 200, said.text


@pytest.fixture(scope="module")
async def told(postgres_server: str, migrated: str, temporal_address: str) -> AsyncIterator[Told]:
    """One order that meets trouble in the database and at the bank, from its start until the bank fails."""
    await run_on(postgres_server, "DROP DATABASE IF EXISTS recourse_traced", "CREATE DATABASE recourse_traced")
    dsn = _named(postgres_server, "recourse_traced")
    await migrate(dsn)
    await run_on(dsn, *FAILS_ONCE)
    queue, pool = f"traced-{secrets.token_hex(4)}", await connect_database(dsn)
    client = await connect(target_host=temporal_address)
    marketplace = Marketplace(Recourse(client, pool, task_queue=queue), queue)
    [port] = free_ports(1)
    web = environment(
        DATABASE_URL=dsn, TEMPORAL_ADDRESS=temporal_address, RECOURSE_TASK_QUEUE=queue, RECOURSE_TOKEN_KEYS=SECRETS
    )
    with tempfile.TemporaryDirectory() as folder:
        async with collector() as collecting, http_receiver() as receiver:
            receiver.will(500)
            settings = {
                "RECOURSE_WEBHOOK_URL": receiver.url,
                "RECOURSE_WEBHOOK_SECRET": "whsec_" + "A" * 32,
                "RECOURSE_PAYMENT_PROVIDERS": TROUBLED,
                **collecting.told,
                "OTEL_SERVICE_NAME": "our-worker",
            }
            log = Path(folder) / "web.log"
            serving: list[str | Path] = [RECOURSE, "serve", "--port", str(port)]
            running = await start(serving, log=log, environment={**web, **collecting.told})
            try:
                async with (
                    worker_process(Path(folder), queue, dsn, temporal_address, **settings) as worker,
                    httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http,
                ):
                    await worker.until(200, "ok")
                    order_id = await marketplace.order(
                        "resolution_center",
                        {"undo.by": []},
                        client="qclientq",
                        freelancer="qfreelancerq",
                        provider="bank",
                    )
                    await _written(pool)
                    await _garbage(marketplace, order_id)
                    await _call(http, order_id)
                    await collecting.until(lambda spans: {one.name for one in spans} >= AWAITED)
            finally:
                await stop(running, signal.SIGTERM)
            entries = await read_record(pool, order_id)
            history = await marketplace.handle(order_id).fetch_history()
            codes = [str(entry.content.get("code", "applied")) for entry in entries]
            yield Told(collecting, order_id, codes, history)
    await pool.close()


def test_a_request_is_named_after_its_route_and_goes_on_in_the_callers_trace(told: Told) -> None:
    [asked] = told.named("POST /orders/{order_id}/commands/request")
    assert asked.service == "recourse"
    assert asked.about == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/orders/{order_id}/commands/request",
    }
    _, trace, caller, _ = CALLER.split("-")
    assert (asked.span.trace_id.hex(), asked.span.parent_span_id.hex()) == (trace, caller)
    [call] = told.named("StartWorkflowUpdate:request")
    assert call.span.parent_span_id == asked.span.span_id
    assert call.about == {"temporalWorkflowID": workflow_id(told.order_id)}
    names = {one.name for one in told.collector.spans if one.service == "recourse"}
    assert {"GET /pages/sign-in", "GET /pages/orders/{order_id}", "GET", "POST", "_OTHER /orders"} <= names
    assert not [name for name in names if "readyz" in name]


def test_each_attempt_at_an_activity_is_a_span_and_of_its_error_only_the_type_is_told(told: Told) -> None:
    attempts = {name: told.named(f"RunActivity:{name}") for name in ("record_step", "deliver_notices", "pay")}
    for spans in attempts.values():
        assert {one.service for one in spans} == {"our-worker"}
        assert {one.about["temporalRunID"] for one in spans} == {told.history.run_id}
    failed = [one for spans in attempts.values() for one in spans if one.failed]
    assert {one.about["error.type"] for one in failed} >= {"RaiseError", "ConnectionError"}
    assert [one for one in told.collector.spans if one.span.events or one.span.status.message] == []
    again = [one for one in attempts["record_step"] if one.about["temporalAttempt"] == 2]
    assert [one.failed for one in again] == [False]


def test_no_span_holds_a_text_a_party_a_token_or_a_row(told: Told) -> None:
    assert len(told.collector.spans) > 15
    assert told.order_id.encode() in told.collector.raw
    assert [marked for marked in MARKED if marked.encode() in told.collector.raw] == []


def test_trace_headers_that_cannot_be_read_harm_no_order(told: Told) -> None:
    assert told.codes.count("unknown_command") == len(UNREADABLE)
    assert told.codes[-1] == "applied"


async def test_an_order_that_was_led_with_traces_replays_without_them(told: Told, temporal_address: str) -> None:
    headers = [event for event in told.history.events if "_tracer-data" in str(event)]
    assert len(headers) == len(UNREADABLE), "tracing wrote into the history"
    converter = connected_for_work(await connect(target_host=temporal_address)).data_converter
    replayer = Replayer(workflows=WORKFLOWS, data_converter=converter, **how_workflows_run())
    await replayer.replay_workflow(told.history)


async def run(program: str, *arguments: str, **env: str) -> tuple[int | None, str]:
    """A program's exit status and what it said on standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *arguments),
        env=environment(**env),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, err.decode()


@pytest.mark.parametrize("command", [("worker",), ("serve", "--port", "0")])
async def test_who_asks_for_traces_without_the_extra_is_told_so_in_one_sentence(
    command: tuple[str, ...], dsn: str
) -> None:
    program = "import sys; sys.modules['opentelemetry.sdk'] = None; from recourse.cli import main; main()"
    status, err = await run(
        program,
        *command,
        DATABASE_URL=dsn,
        RECOURSE_TOKEN_KEYS=SECRETS,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:9/v1/traces",
    )
    assert status == 2, err
    assert "pip install '/path/to/recourse[otel]'" in " ".join(err.split())
    assert "Traceback" not in err


async def test_where_nobody_asks_for_traces_nothing_of_it_is_loaded() -> None:
    program = (
        "import asyncio, sys, recourse.cli.serving, recourse.worker, recourse.web.app\n"
        "from recourse.runtime.temporal_connection import TemporalUnreachable, connect\n"
        "try: asyncio.run(connect(target_host='127.0.0.1:9'))\n"
        "except TemporalUnreachable: pass\n"
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules))"
    )
    assert await run(program, OTEL_EXPORTER_OTLP_ENDPOINT="") == (0, "")


async def test_a_collector_that_never_answers_holds_up_no_end() -> None:
    program = (
        "import time\n"
        "from opentelemetry.trace import SpanKind\n"
        "from recourse.runtime.spans import LAST_SPANS, span, started\n"
        "with span(started().tracer, 'any', SpanKind.CLIENT, {}): pass\n"
        "import atexit; began = time.monotonic()\n"
        "atexit._run_exitfuncs()\n"
        "assert time.monotonic() - began < LAST_SPANS * 3"
    )
    over = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    never = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with never:
        port = never.sockets[0].getsockname()[1]
        assert await run(program, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}") == (0, "")
        over.set()


def test_commands_are_what_calls_are_named_after() -> None:
    from recourse.runtime.spans import _known

    assert {_known(command) for command in COMMANDS} == set(COMMANDS)
    assert _known("QCOMMANDQ") == "other"
