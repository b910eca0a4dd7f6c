"""Webhooks: signed as Standard Webhooks says, with everything in them that their reader needs, as data."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import version
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from recourse.activities.extensions import NotDelivered
from recourse.activities.webhook import BadSignature, WebhookChannel, _wait, verify_webhook
from recourse.runtime.keys import read_secrets
from tests.activities.conftest import Written
from tests.activities.receivers import HANG_UP, HttpReceiver

OLD, NEW, OTHER = (f"whsec_{base64.b64encode(letter * 32).decode()}" for letter in (b"o", b"n", b"x"))


@pytest.fixture
async def channel(web: HttpReceiver) -> AsyncIterator[WebhookChannel]:
    made = WebhookChannel(web.url, [NEW], patience=1)
    yield made
    await made.close()


async def test_a_request_to_cancel_carries_all_that_its_reader_needs(
    pool: Any, web: HttpReceiver, channel: WebhookChannel
) -> None:
    order = await Written(pool, "glimmer").open()
    attestations = ["discussed", "tried_to_resolve", "agreed_compensation"]
    await order.by(
        "client",
        "request",
        kind="cancel",
        reason="no_longer_needed",
        comment="We stopped.\u2028\U0001f4e6",
        amount=3_000,
        attestations=attestations,
        private_note="not for them",
    )
    await order.deliver(channel)

    [request] = web.requests
    assert request.headers["content-type"] == "application/json"
    assert request.headers["recourse-schema"] == "v2"
    assert request.headers["user-agent"] == f"Recourse/{version('recourse')}"
    assert verify_webhook(NEW, request.headers, request.body) == request.json
    assert request.json["type"] == "request_opened"
    assert request.json["timestamp"] == "2025-03-04T10:00:00Z"
    told = request.json["data"]
    assert told == {
        "to": "freelancer",
        "order_id": order.order_id,
        "phase": "in_progress",
        "request": {
            "number": 1,
            "kind": "cancel",
            "status": "open",
            "opened_by": "client",
            "version": 1,
            "amount": 3_000,
            "extend_by": None,
            "reason": "no_longer_needed",
        },
        "case": None,
        "resolution": None,
        "amounts": {"client": 0, "freelancer": 0, "platform": 0, "held": 10_550, "currency": "USD"},
        "if_accepted": {"client": 7_385, "freelancer": 2_400, "platform": 765, "held": 0, "currency": "USD"},
        "settlement": "none",
        "turn": "freelancer",
        "deadline": "2025-03-06T10:00:00Z",
        "silence_means": "escalate",
        "answers": ["accept", "decline", "counter"],
        "comment": "We stopped.\u2028\U0001f4e6",
        "reason": "no_longer_needed",
        "amount": 3_000,
        "version": 1,
    }


async def test_the_signature_is_one_that_standard_webhooks_verifies(
    pool: Any, web: HttpReceiver, channel: WebhookChannel
) -> None:
    order = await Written(pool).open()
    [notice] = await order.messages(1)
    await order.deliver(channel)

    [request] = web.requests
    assert request.headers["webhook-id"] == notice
    assert Webhook(NEW).verify(request.body, request.headers) == request.json
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(request.body, request.headers)


async def test_while_secrets_change_a_receiver_with_either_takes_it(pool: Any, web: HttpReceiver) -> None:
    both = WebhookChannel(web.url, [NEW, OLD])
    order = await Written(pool).open()
    await order.messages(1)
    await order.deliver(both)
    await both.close()

    [request] = web.requests
    signatures = request.headers["webhook-signature"].split(" ")
    sent_at = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    assert signatures[0] == Webhook(NEW).sign(request.headers["webhook-id"], sent_at, request.body.decode())
    assert len(signatures) == 2
    for known in (NEW, OLD, [OTHER, OLD], f"{OTHER} {NEW}"):
        assert verify_webhook(known, request.headers, request.body) == request.json
    with pytest.raises(BadSignature):
        verify_webhook(OTHER, request.headers, request.body)


def _signed(at: datetime, body: str = '{"type":"x"}') -> dict[str, str]:
    return {
        "Webhook-Id": "o-1.3.1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(NEW).sign("o-1.3.1", at, body),
    }


def test_what_was_changed_or_is_not_fresh_does_not_verify() -> None:
    now, body = datetime.now(UTC), '{"type":"x"}'
    good = _signed(now)
    assert verify_webhook(NEW, good, body) == {"type": "x"}
    bad: list[tuple[dict[str, str], str | bytes]] = [
        (good, '{"type":"y"}'),
        (good, '{"type":"x"} '),
        ({**good, "Webhook-Id": "o-1.3.2"}, body),
        ({**good, "Webhook-Timestamp": str(int(now.timestamp()) - 1)}, body),
        (_signed(now - timedelta(minutes=6)), body),
        (_signed(now + timedelta(minutes=6)), body),
        ({**good, "Webhook-Signature": good["Webhook-Signature"].replace("v1,", "v2,")}, body),
        ({**good, "Webhook-Signature": ""}, body),
        ({key: value for key, value in good.items() if key != "Webhook-Id"}, body),
        ({}, body),
        (_signed(now, "no json"), "no json"),
    ]
    for headers, changed in bad:
        with pytest.raises(BadSignature):
            verify_webhook(NEW, headers, changed)
    with pytest.raises(BadSignature):
        verify_webhook("", good, body)


@given(
    signature=st.text() | st.lists(st.text()).map(" v1,".join),
    timestamp=st.text() | st.integers().map(str) | st.floats().map(str),
    body=st.binary(),
)
def test_nothing_that_anybody_sends_gets_through_or_breaks_the_receiver(
    signature: str, timestamp: str, body: bytes
) -> None:
    headers = {"webhook-id": "x", "webhook-timestamp": timestamp, "webhook-signature": signature}
    with pytest.raises(BadSignature):
        verify_webhook(NEW, headers, body)


def test_secrets_are_read_and_never_repeated() -> None:
    assert read_secrets(f" {NEW}\n{OLD} ") == [NEW, OLD]
    assert read_secrets(NEW.rstrip("=")) == [NEW.rstrip("=")]
    for wrong, says in ((f"{NEW} hunter2!", "secret 2 is not base64"), ("whsec_c2hvcnQ=", "5 bytes")):
        with pytest.raises(ValueError, match=says) as refused:
            read_secrets(wrong)
        assert wrong.split()[-1] not in str(refused.value)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (500, "the receiver answered 500"),
        (302, "the receiver answered 302"),
        (HANG_UP, "webhook: RemoteProtocolError"),
        (b"nonsense\r\n\r\n", "webhook: RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\n", "webhook: RemoteProtocolError"),
    ],
    ids=["500", "redirect", "hang up", "nonsense", "half an answer"],
)
async def test_a_notice_that_is_not_taken_is_sent_again_under_the_same_id(
    pool: Any, web: HttpReceiver, channel: WebhookChannel, reply: Any, says: str
) -> None:
    order = await Written(pool).open()
    [notice] = await order.messages(1)
    web.will(reply)

    with pytest.raises(Exception, match=says):
        await order.deliver(channel)
    assert (await order.deliveries())[notice, "webhook"]["delivered_at"] is None
    await order.deliver(channel)
    assert await order.deliver(channel) == "0 delivered, up to step 0"

    assert web.ids == [notice, notice]
    assert {request.path for request in web.requests} == {"/hooks"}
    assert web.requests[0].body == web.requests[1].body
    row = (await order.deliveries())[notice, "webhook"]
    assert (row["attempts"], row["last_error"], row["leased_until"]) == (2, None, None)


async def test_who_said_yes_has_it_however_the_answer_ends(
    pool: Any, web: HttpReceiver, channel: WebhookChannel
) -> None:
    order = await Written(pool).open()
    await order.messages(3)
    web.will(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"HTTP/1.1 202 OK\r\n\r\n" + b"x" * 200_000)
    assert await order.deliver(channel) == "3 delivered, up to step 0"
    assert len(web.requests) == 3


async def test_an_address_where_nobody_listens_is_not_taken_for_an_answer(pool: Any, web: HttpReceiver) -> None:
    nobody = WebhookChannel("http://127.0.0.1:1/", [NEW])
    order = await Written(pool).open()
    notices = await order.by("client", "message", comment="Hello")
    with pytest.raises(NotDelivered, match="ConnectError"):
        await nobody.send(notices[0], "http://127.0.0.1:1/")
    await nobody.close()


async def test_webhooks_take_the_proxy_of_the_environment_but_for_the_hosts_that_it_excepts(
    monkeypatch: pytest.MonkeyPatch, pool: Any, web: HttpReceiver
) -> None:
    order = await Written(pool).open()
    [first] = await order.by("client", "message", comment="1")
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{web.port}")
    through = WebhookChannel("http://market.example/hooks", [NEW])
    await through.send(first, "http://market.example/hooks")
    await through.close()
    assert [request.path for request in web.requests] == ["http://market.example/hooks"]

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    proxied = WebhookChannel(web.url, [NEW])
    with pytest.raises(NotDelivered, match="ConnectError"):
        await proxied.send(first, web.url)
    await proxied.close()
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,::1,.internal.example")
    direct = WebhookChannel(web.url, [NEW])
    await direct.send(first, web.url)
    for elsewhere in ("http://[::1]:1/", "http://localhost:1/", "http://hooks.internal.example:1/"):
        assert direct._client._transport_for_url(httpx2.URL(elsewhere)) is direct._client._transport
    await direct.close()
    assert [request.path for request in web.requests[1:]] == ["/hooks"]


async def asked_to_wait(web: HttpReceiver, channel: WebhookChannel, status: int, *headers: str) -> NotDelivered:
    [told] = await Written().by("client", "message", comment="Hello")
    lines = "".join(f"{header}\r\n" for header in headers)
    web.will(f"HTTP/1.1 {status} Whatever\r\n{lines}Content-Length: 0\r\n\r\n".encode())
    with pytest.raises(NotDelivered) as failed:
        await channel.send(told, web.url)
    return failed.value


@pytest.mark.parametrize(
    ("status", "after", "seconds"),
    [
        (429, "120", 120),
        (503, "120", 120),
        (500, " 7 ", 7),
        (429, "3601", 3600),
        (429, "9" * 5000, 3600),
        (429, "0", None),
        (429, "-5", None),
        (429, "1.5", None),
        (429, "١٢", None),
        (429, "soon", None),
        (429, "", None),
        (429, None, None),
        (429, "Wed, 21 Oct 2015 07:28:00 GMT", None),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        (302, "120", None),
    ],
)
async def test_a_receiver_may_say_how_long_it_wants_nothing(
    web: HttpReceiver, channel: WebhookChannel, status: int, after: str | None, seconds: int | None
) -> None:
    failed = await asked_to_wait(web, channel, status, *([] if after is None else [f"Retry-After: {after}"]))
    assert failed.wait == (None if seconds is None else timedelta(seconds=seconds))
    assert not failed.gone


async def test_it_may_name_an_instant_in_each_way_that_http_has(web: HttpReceiver, channel: WebhookChannel) -> None:
    instant = (datetime.now(UTC) + timedelta(minutes=10)).replace(microsecond=0)
    for text in (
        format_datetime(instant, usegmt=True),
        instant.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
        instant.strftime("%a %b %d %H:%M:%S %Y"),
    ):
        failed = await asked_to_wait(web, channel, 503, f"Retry-After: {text}")
        assert failed.wait is not None
        assert failed.wait <= timedelta(minutes=10)


async def test_a_receiver_that_is_gone_says_so(web: HttpReceiver, channel: WebhookChannel) -> None:
    assert (await asked_to_wait(web, channel, 410)).gone


@given(after=st.text() | st.tuples(st.text(max_size=5), st.dates().map(str), st.text()).map(" ".join) | st.binary())
def test_whatever_a_receiver_asks_for_is_within_an_hour(after: str | bytes) -> None:
    answer = httpx2.Response(429, headers=[(b"retry-after", after if isinstance(after, bytes) else after.encode())])
    asked = _wait(answer, datetime.now(UTC))
    assert asked is None or timedelta(0) < asked <= timedelta(hours=1)


async def test_user_and_password_of_the_address_arrive_as_they_were_meant(web: HttpReceiver) -> None:
    [told] = await Written().by("client", "message", comment="Hello")
    url = web.url.replace("//", "//us%40er:p%3A%2Fw%23@")
    channel = WebhookChannel(url, [NEW])
    await channel.send(told, url)
    await channel.close()
    kind, _, login = web.requests[0].headers["authorization"].partition(" ")
    assert (kind, base64.b64decode(login)) == ("Basic", b"us@er:p:/w#")
