"""The clients of Python over HTTP: the same methods and outcomes as those of the client on Temporal itself."""

import asyncio
import inspect
import re
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

import recourse.sync
import recourse.temporal
from recourse import (
    Applied,
    BadInput,
    BadOpening,
    CallFailed,
    Client,
    Display,
    Freelancer,
    NoSuchGroup,
    NoSuchOrder,
    OpeningState,
    Operator,
    OrderExists,
    OrderHandle,
    Recourse,
    ServerUnreachable,
    Terms,
    Unanswered,
    UnknownCursor,
)
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.shown.groups import GROUP_COMMANDS
from recourse.web.serving import serving
from tests.http.conftest import token
from tests.outcomes import applied, code, repeated
from tests.process.conftest import Marketplace

CLIENT, FREELANCER, OPERATOR = Client("c-1"), Freelancer("f-1"), Operator("op-1")
# What no client needs a method for: probes, what payment providers call, and what browsers do with a store of files.
NO_METHOD = {"healthz", "readyz", "take_event", "announce_file", "file_arrived"}
NAMES = {
    "start_order": "start",
    "list_them": "list",
    "show_order": "show",
    "show_actions": "actions",
    "show_notices": "notices",
    "export_record": "record",
    "list_files": "files",
    "upload_file": "upload",
    "read_file": "download",
    "show_group": "show",
    "show_changes": "changes_page",
    "show_queue": "queue",
    "issue_link": "link",
    "issue_token": "token",
    "end_it": "end_session",
}


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """The API on a port of loopback, which stops when the test ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with serving(app, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
async def shop(address: str) -> AsyncIterator[Recourse]:
    """The client of a marketplace's backend."""
    async with Recourse.connect(address, lambda: token("service")) as client:
        yield client


def terms(**more: Any) -> Terms:
    now = datetime.now(UTC).replace(microsecond=0)
    known = {"client": CLIENT.id, "freelancer": FREELANCER.id, "price": 10_000, "service_fee": 550}
    usual = {"order_id": f"h-{uuid.uuid4().hex}", "ordered_at": now, "delivery_time": timedelta(days=5)}
    return Terms(**{**known, **usual, **more})


async def started(shop: Recourse, **more: Any) -> OrderHandle:
    return await shop.start(terms(**more), "resolution_center")


async def test_an_order_is_started_commanded_read_and_followed(shop: Recourse) -> None:
    display = Display(title="Logo for a bakery")
    given = terms()
    before = (await shop.changes_page("now")).next
    order = await shop.start(given, "resolution_center", emails={"client": "ada@example.com"}, display=display)
    assert (await shop.start(given, "resolution_center")).id == order.id == given.order_id

    asked = await order.request(by=CLIENT, kind="cancel", comment="We stopped.", command_id="web-1")
    again = await order.request(by=CLIENT, kind="cancel", comment="We stopped.", command_id="web-1")
    own = await order.accept(by=CLIENT)
    ahead = await order.preview("accept", {"actor": {"role": "freelancer", "id": "f-1"}})
    actions = await order.actions("freelancer")
    accepted = await order.accept(by=FREELANCER, expected_version=1)

    assert again == repeated(asked)
    assert code(own) == "not_yours_to_answer"
    assert ahead.phase == "canceled"  # type: ignore[union-attr]
    assert {"accept", "decline"} <= actions.actions.keys()
    assert isinstance(accepted, Applied)
    page = await order.show("client")
    assert (page.phase, page.price, page.display) == ("canceled", 10_000, display)
    assert (await order.notices("freelancer"))[0].name == "request_opened"
    assert (await order.record("operator"))["order_id"] == order.id
    seen = [change async for change in shop.changes(before, follow=False)]
    assert [change.what for change in seen if change.order_id == order.id] == ["opened", "request", "accept", "accept"]
    listed = await shop.list(party=CLIENT, phase="canceled", limit=200)
    assert order.id in [one.order_id for one in listed.orders]


async def test_fields_of_every_kind_arrive_as_they_were_given(shop: Recourse, marketplace: Marketplace) -> None:
    order = await started(shop)
    asked = await order.request(
        by=FREELANCER, kind="extension", extend_by=timedelta(hours=36), private_note="I am ill."
    )
    assert asked.applied
    request = (await marketplace.recourse.order(order.id).state()).request
    assert request
    assert (request.extend_by, request.private_note) == (timedelta(hours=36), "I am ill.")
    wrong = await order.preview("request", {"actor": CLIENT, "kind": "cancel", "amount": "much"})
    assert wrong.refused == "malformed"  # type: ignore[union-attr]
    sent = await order.signal("message", {"actor": CLIENT, "comment": "By signal.", "command_id": "one"})
    assert (sent.status, sent.command_id) == ("sent", "one")


async def test_an_order_that_began_elsewhere_and_a_group_are_started_too(shop: Recourse) -> None:
    group = f"g-{uuid.uuid4().hex}"
    for part in (1, 2):
        await started(shop, group=group, part=part)
    outcomes = await shop.group(group).send("request", {"actor": CLIENT, "kind": "cancel"})
    with pytest.raises(CallFailed, match="amounts"):
        await shop.group(group).send("counter", {"actor": FREELANCER, "amounts": {3: 0}})
    assert [outcome.applied for outcome in outcomes] == [True, True]
    assert (await shop.group(group).show("client")).group == group
    with pytest.raises(NoSuchGroup):
        await shop.group("nobody's").show("client")
    began = datetime.now(UTC) - timedelta(days=3)
    state = OpeningState.model_validate({"phase": "delivered", "since": began - timedelta(days=1)})
    with pytest.raises(BadOpening) as bad:
        await shop.start(terms(ordered_at=began), "resolution_center", state=state)
    assert bad.value.contradictions


async def test_what_cannot_be_is_raised_as_the_client_on_temporal_raises_it(shop: Recourse, address: str) -> None:
    order = await started(shop)
    nobody = shop.order("nobody/has it?")
    for call in (nobody.show("client"), nobody.accept(by=CLIENT), nobody.record("client")):
        with pytest.raises((NoSuchOrder, CallFailed)):
            await call
    with pytest.raises(NoSuchOrder, match="There is no order nobody"):
        await shop.order("nobody").show("client")
    with pytest.raises(OrderExists, match="can never be reused"):
        await shop.start(terms(order_id=order.id, price=5), "resolution_center")
    with pytest.raises(UnknownCursor, match="Go on from an earlier one"):
        await shop.changes_page("17.00000000-0000-0000-0000-000000000000")
    with pytest.raises(CallFailed, match="is not one of") as failed:
        await shop.start(terms(), "none of ours")
    assert (failed.value.status, failed.value.code) == (422, "malformed")
    with pytest.raises(BadInput, match="needs its `actor`"):
        await order.send("accept", {})
    with pytest.raises(BadInput, match="write it like https://"):
        async with Recourse.connect("orders.example", "token"):
            pass
    async with Recourse.connect(address, "no token") as stranger:
        with pytest.raises(CallFailed) as failed:
            await stranger.queue()
    assert (failed.value.status, failed.value.code) == (401, "bad_token")


async def test_people_are_signed_in_and_out(shop: Recourse, address: str) -> None:
    order = await started(shop)
    link = await shop.link(CLIENT, order_id=order.id, lifetime=timedelta(minutes=5))
    issued = await shop.token(CLIENT, lifetime=timedelta(minutes=5))
    assert link.path.startswith("/pages/")
    async with Recourse.connect(address, issued.token) as client:
        assert (await client.order(order.id).message(by=CLIENT, comment="Hello.")).applied
        assert [one.id for one in (await shop.sessions(of=f"client:{CLIENT.id}", limit=200)).sessions].count(issued.id)
        await shop.end_session(issued.id)
        with pytest.raises(CallFailed, match="The token was ended"):
            await client.order(order.id).show("client")
    with pytest.raises(CallFailed) as failed:
        await shop.end_session(issued.id + "x")
    assert failed.value.status == 404


async def test_the_client_without_await_does_the_same(shop: Recourse, address: str) -> None:
    def sell() -> list[Any]:
        with recourse.sync.Recourse.connect(address, token("service")) as client:
            order = client.start(terms(), "resolution_center")
            asked = order.request(by=CLIENT, kind="cancel", command_id="one")
            own = order.accept(by=CLIENT)
            with pytest.raises(NoSuchOrder):
                client.order("nobody").show("client")
            seen = [change.what for change in client.changes(follow=False) if change.order_id == order.id]
            return [asked.applied, code(own), order.show("client").phase, seen]

    assert await asyncio.to_thread(sell) == [
        True,
        "not_yours_to_answer",
        "in_progress",
        ["opened", "request", "accept"],
    ]


class Faulty:
    """A server in front of the real one, which fails as often as it is told, in the ways that it is told."""

    def __init__(self, behind: str) -> None:
        self.faults: list[Callable[[asyncio.StreamWriter, bytes], Awaitable[bytes]] | str] = []
        self.calls: list[bytes] = []
        self._behind = httpx2.AsyncClient(base_url=behind)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        self.calls.append(head + body)
        fault = self.faults.pop(0) if self.faults else ""
        line, *lines = head.decode().split("\r\n")
        method, path, _ = line.split(" ")
        headers = dict(one.split(": ", 1) for one in lines if one and not one.lower().startswith("host"))
        if fault != "before":
            answer = await self._behind.request(method, path, content=body, headers=headers)
            if fault == "":
                kept = f"Content-Type: {answer.headers['content-type']}\r\nContent-Length: {len(answer.content)}\r\n"
                writer.write(f"HTTP/1.1 {answer.status_code} -\r\n{kept}Connection: close\r\n\r\n".encode())
                writer.write(answer.content)
        if isinstance(fault, str) and fault.startswith("HTTP"):
            writer.write(f"{fault}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def close(self) -> None:
        await self._behind.aclose()


@asynccontextmanager
async def in_front_of(address: str) -> AsyncIterator[tuple[Faulty, str]]:
    faulty = Faulty(address)
    server = await asyncio.start_server(faulty.take, "127.0.0.1", 0)
    try:
        yield faulty, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
        await faulty.close()


async def test_a_command_is_given_once_however_often_its_answer_is_lost(shop: Recourse, address: str) -> None:
    order = await started(shop)
    async with in_front_of(address) as (faulty, front), Recourse.connect(front, token("service")) as client:
        faulty.faults = [
            "before",
            "after",
            "HTTP/1.1 503 Busy",
            "HTTP/1.1 502 Proxy",
            "HTTP/1.1 429 -\r\nRetry-After: 0",
        ]
        asked = await client.order(order.id).request(by=CLIENT, kind="cancel")

    assert applied(asked).repeated
    assert len(faulty.calls) == 6
    ids = [set(re.findall(rb"(?i)\r\n(?:idempotency-key|x-request-id): (\w+)", call)) for call in faulty.calls]
    assert ids == [ids[0]] * 6
    assert asked.command_id.encode() in ids[0]
    assert [entry["fields"]["command"]["value"] for entry in (await order.record("operator"))["entries"]] == ["request"]


async def test_what_is_unknown_is_said_to_be_unknown_and_what_is_known_is_not(shop: Recourse, address: str) -> None:
    order = await started(shop)
    short = timedelta(milliseconds=300)
    async with in_front_of(address) as (faulty, front), Recourse.connect(front, token("service"), patience=short) as it:
        faulty.faults = ["after"] * 100
        with pytest.raises(Unanswered, match="the same command id, mine") as unanswered:
            await it.order(order.id).message(by=CLIENT, comment="Hello.", command_id="mine")
        with pytest.raises(ServerUnreachable, match="Nothing was done") as unread:
            await it.order(order.id).show("client")
    assert unanswered.value.command_id == "mine"
    assert unread.value.request_id
    async with Recourse.connect(front, token("service"), patience=short) as it:
        with pytest.raises(ServerUnreachable, match="Nothing was done"):
            await it.order(order.id).message(by=CLIENT, comment="Hello.")


@pytest.mark.parametrize(
    ("body", "says"), [(b"<html>", "Is it a server of Recourse"), (b"[]", "Is it a server of Recourse")]
)
async def test_an_answer_of_another_server_is_no_order(body: bytes, says: str) -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=body))
    async with httpx2.AsyncClient(transport=transport, base_url="http://elsewhere.test") as http:
        with pytest.raises(CallFailed, match=says) as failed:
            await Recourse(http, "token").order("1001").show("client")
    assert failed.value.code == "unreadable_answer"


def methods(kind: type) -> Iterator[tuple[str, list[str]]]:
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            yield name, list(inspect.signature(method).parameters)


def test_every_operation_of_the_api_has_a_method(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    operations = [operation for path in paths.values() for operation in path.values()]
    known = {name for kind in (Recourse, recourse.OrderHandle, recourse.GroupHandle) for name, _ in methods(kind)}
    commands = {*COMMANDS, *(f"preview_{name}" for name in COMMANDS), *(f"{name}_group" for name in GROUP_COMMANDS)}
    for operation in operations:
        whole = operation["operationId"]
        name = next((short for short in (*NAMES, *NO_METHOD, "set_display") if whole.startswith(short)), whole)
        assert whole in commands or name in NO_METHOD or NAMES.get(name, name) in known, whole


def test_the_three_clients_have_the_same_names() -> None:
    for name in ("Recourse", "OrderHandle", "GroupHandle"):
        awaited, plain = (dict(methods(getattr(module, name))) for module in (recourse, recourse.sync))
        assert awaited == plain
    order, direct = dict(methods(recourse.OrderHandle)), dict(methods(recourse.temporal.OrderHandle))
    # Files of evidence go through the server.
    assert set(order) - {"upload", "files", "download"} <= set(direct)
    assert {name: order[name] for name in COMMANDS} == {name: direct[name] for name in COMMANDS}
