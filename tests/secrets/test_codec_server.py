"""The codec server: who may have payloads decrypted, from where, and that the real command line reads them by it."""

import asyncio
import base64
import binascii
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.common import RawValue

from recourse.local.temporal import find_program
from recourse.runtime.encryption import Encryption
from recourse.runtime.keys import KeyRing
from recourse.web.codec import LARGEST, CodecServer, Open, ProxyLogin, TokenLogin
from tests.patience import PATIENCE
from tests.process.test_messages import JSON
from tests.secrets.conftest import NEW, NONE, OLD, ONLY_OLD, RING, Keyed

TOKEN = base64.b64encode(b"a token of just thirty-two bytes").decode()
ANNA = KeyRing({"anna": base64.b64decode(TOKEN)})
UI = "https://temporal.marketplace.test"
PLAIN = Payload(metadata=JSON, data=b'"Sesame"')
SEALED = Encryption(RING).seal(PLAIN)


def server(**options: Any) -> httpx2.AsyncClient:
    app = CodecServer(Encryption(RING), [TokenLogin(ANNA), ProxyLogin("X-Forwarded-Email")], [UI], **options)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://codec.test")


def body(*payloads: Payload) -> bytes:
    return json.dumps(MessageToDict(Payloads(payloads=payloads))).encode()


def read(response: httpx2.Response) -> list[Payload]:
    return list(ParseDict(response.json(), Payloads()).payloads)


KNOWN = {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("headers", [KNOWN, {"x-forwarded-email": "anna@marketplace.test"}], ids=["token", "proxy"])
async def test_who_is_known_gets_payloads_decrypted(headers: dict[str, str]) -> None:
    async with server() as client:
        response = await client.post("/decode", content=body(SEALED, PLAIN), headers=headers)

    assert response.status_code == 200
    assert read(response) == [PLAIN, PLAIN]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer \xe4"},
        {"x-forwarded-email": ""},
    ],
    ids=repr,
)
async def test_nobody_else_gets_anything(headers: dict[str, str]) -> None:
    async with server() as client:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        response = await client.post("/decode", content=body(SEALED), headers=raw)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert "Sesame" not in response.text


async def test_only_the_pages_of_the_ui_get_an_answer_in_a_browser() -> None:
    async with server() as client:
        preflight = await client.options("/decode", headers={"origin": UI, "access-control-request-method": "POST"})
        from_ui = await client.post("/decode", content=body(SEALED), headers={**KNOWN, "origin": UI})
        elsewhere = await client.post("/decode", content=body(SEALED), headers={**KNOWN, "origin": "https://evil.test"})
        nowhere = await client.post("/decode", content=body(SEALED), headers={**KNOWN, "origin": "null"})

    assert preflight.status_code == 204
    assert "x-namespace" in preflight.headers["access-control-allow-headers"]
    for response in (preflight, from_ui):
        assert response.headers["access-control-allow-origin"] == UI
    for response in (elsewhere, nowhere):
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers


async def test_it_encrypts_only_where_it_was_told_to() -> None:
    async with server() as client:
        refused = await client.post("/encode", content=body(PLAIN), headers=KNOWN)
    async with server(encodes=True) as client:
        done = await client.post("/encode", content=body(PLAIN), headers=KNOWN)

    assert refused.status_code == 404
    assert Encryption(RING).open(*read(done)) == PLAIN


async def test_one_payload_that_cannot_be_read_says_why_and_does_not_hide_the_others() -> None:
    changed = Payload()
    changed.CopyFrom(SEALED)
    changed.data = changed.data[:-1]
    foreign = Encryption(KeyRing({"lost": NEW})).seal(PLAIN)
    async with server() as client:
        response = await client.post("/decode", content=body(changed, foreign, SEALED), headers=KNOWN)

    *unreadable, good = read(response)
    assert good == PLAIN
    assert "was changed" in json.loads(unreadable[0].data)
    assert "the key 'lost', which is not in RECOURSE_PAYLOAD_KEYS" in json.loads(unreadable[1].data)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/decode", b"", 400),
        ("POST", "/decode", b'{"payloads": 1}', 400),
        ("POST", "/decode", b"\xff", 400),
        ("POST", "/decode", b"[" * 100_000, 400),
        ("POST", "/decode", b"x" * (LARGEST + 1), 413),
        ("GET", "/decode", b"", 405),
        ("POST", "/", b"", 404),
        ("GET", "/healthz", b"", 200),
    ],
)
async def test_calls_that_make_no_sense_are_answered(method: str, path: str, content: bytes, status: int) -> None:
    async with server() as client:
        response = await client.request(method, path, content=content, headers=KNOWN)

    assert response.status_code == status


def codec_command(*options: str) -> list[str]:
    return [sys.executable, "-c", "from recourse.cli import main; main()", "codec", "--port", "0", *options]


@asynccontextmanager
async def codec_process(said: list[str], **environment: str) -> AsyncIterator[str]:
    """`recourse codec` as it runs in production; its address. What it says goes to `said` when it ends."""
    keys = ",".join(f"{name}={base64.b64encode(key).decode()}" for name, key in (("new", NEW), ("old", OLD)))
    process = await asyncio.create_subprocess_exec(
        *codec_command(),
        env={**os.environ, "RECOURSE_PAYLOAD_KEYS": keys, "PYTHONUNBUFFERED": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            first = (await process.stdout.readline()).decode()
        assert first.startswith("Listening on "), first
        yield first.removeprefix("Listening on ").strip().rstrip(".")
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = await process.communicate()
        said.append(first + rest.decode())
    assert process.returncode == 0


async def temporal(*arguments: str) -> str:
    """What the `temporal` command line answers."""
    process = await asyncio.create_subprocess_exec(
        str(await find_program()), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode()


async def test_the_temporal_command_line_reads_an_order_by_it(keyed: Keyed, temporal_address: str) -> None:
    marketplace, said = await keyed.marketplace(RING), list[str]()
    async with keyed.working(RING):
        order_id = await marketplace.order()
        await marketplace.by("client", order_id, "message", comment="Sesame")
    show = ("workflow", "show", "-w", f"order-{order_id}", "--address", temporal_address, "-o", "json")
    async with codec_process(said, RECOURSE_CODEC_TOKENS=f"anna={TOKEN}") as address:
        by_it = ("--codec-endpoint", f"http://{address}", "--codec-auth", f"Bearer {TOKEN}")
        without, read = plain_texts(await temporal(*show)), plain_texts(await temporal(*show, *by_it))

    assert "Sesame" not in without
    assert "Sesame" in read
    assert "client: message" in read
    assert "anna" in said[0]
    assert f"order-{order_id}" in said[0]
    for secret in ("Sesame", TOKEN, base64.b64encode(NEW).decode()):
        assert secret not in said[0]


def plain_texts(document: str) -> str:
    """A JSON document with its base64 texts decoded."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts(inner)
        elif isinstance(value, str):
            with contextlib.suppress(binascii.Error):
                yield base64.b64decode(value, validate=True).decode(errors="replace")

    return "\n".join(texts(json.loads(document)))


async def test_a_command_that_the_ui_had_encrypted_is_taken_by_its_order(keyed: Keyed) -> None:
    marketplace = await keyed.marketplace(RING)
    actor = {"role": "client", "id": "c-1"}
    typed = Payload(metadata=JSON, data=json.dumps({"actor": actor, "comment": "typed into the UI"}).encode())
    async with server(encodes=True) as client:
        [encrypted] = read(await client.post("/encode", content=body(typed), headers=KNOWN))
    async with keyed.working(RING, refuse_plain=True):
        order_id = await marketplace.order()
        handle = (await keyed.client(NONE)).get_workflow_handle(f"order-{order_id}")
        await handle.signal("message", RawValue(encrypted))
        assert (await marketplace.by("client", order_id, "message", comment="and by a program")).applied

    assert (await marketplace.recourse.order(order_id).state()).record_length == 2


@pytest.mark.parametrize(
    ("options", "environment", "why"),
    [
        ((), {"RECOURSE_PAYLOAD_KEYS": ""}, "RECOURSE_PAYLOAD_KEYS is not set"),
        ((), {}, "No login is set up"),
        (("--open", "--host", "0.0.0.0"), {}, "--open is for loopback"),
        ((), {"RECOURSE_CODEC_TOKENS": "anna=short"}, "RECOURSE_CODEC_TOKENS: key anna"),
    ],
)
async def test_it_does_not_start_where_nobody_or_everybody_could_use_it(
    options: tuple[str, ...], environment: dict[str, str], why: str
) -> None:
    keys = {"RECOURSE_PAYLOAD_KEYS": f"new={base64.b64encode(NEW).decode()}"}
    process = await asyncio.create_subprocess_exec(
        *codec_command(*options), env={**os.environ, **keys, **environment}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert process.returncode == 2
    assert why in said.decode()


async def test_everybody_may_where_it_was_opened_on_loopback() -> None:
    app = CodecServer(Encryption(ONLY_OLD), [Open()], [])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://codec.test") as client:
        response = await client.post("/decode", content=body(Encryption(ONLY_OLD).seal(PLAIN)))

    assert read(response) == [PLAIN]
