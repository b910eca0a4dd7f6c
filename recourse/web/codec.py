"""The codec server: it decrypts payloads for the Temporal UI and the `temporal` command line, for people who may.

Temporal itself never sees a key. A browser that shows the UI, or the command line, sends the encrypted payloads here
and gets them back in plain, so its callers read what operators read.
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import structlog
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from recourse.runtime.encryption import WORKFLOW_ID, CannotOpen, Encryption
from recourse.runtime.keys import KeyRing

LARGEST = 16 * 1024 * 1024  # bytes of one call
_ALLOWED_HEADERS = "authorization, authorization-extras, content-type, x-namespace"
Headers = Mapping[str, str]
Event = MutableMapping[str, Any]
Send = Callable[[Event], Awaitable[None]]
Receive = Callable[[], Awaitable[Event]]


class Login(Protocol):
    """A way to know who calls."""

    def who(self, headers: Headers) -> str | None:
        """The caller's name, or None: nobody who may."""


class TokenLogin:
    """`Authorization: Bearer TOKEN`, such as the command line sends with `--codec-auth`. Each token has a name."""

    def __init__(self, tokens: KeyRing) -> None:
        self._tokens = {name: base64.b64encode(token) for name, token in tokens.keys.items()}

    def who(self, headers: Headers) -> str | None:
        """The name of the token."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        found = [name for name, token in self._tokens.items() if hmac.compare_digest(token, given.strip().encode())]
        return found[0] if found and scheme.lower() == "bearer" else None


class ProxyLogin:
    """A proxy in front has let somebody in (OpenID Connect or whatever it does) and says who, in a header that it
    takes away from everybody else. This server must then be reachable through that proxy only."""

    def __init__(self, header: str) -> None:
        self._header = header.lower()

    def who(self, headers: Headers) -> str | None:
        """Whom the proxy names."""
        return headers.get(self._header) or None


class Open:
    """Everybody on this machine: for looking around on loopback."""

    def who(self, headers: Headers) -> str | None:
        """Nobody in particular."""
        return "somebody on this machine"


class _Answer(Exception):
    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status, self.text = status, text


class CodecServer:
    """An ASGI application: `POST /decode`, `POST /encode` where that is wanted, `GET /healthz`.

    `origins`: the addresses at which the Temporal UI is served, and no other web page gets an answer. `encodes`:
    whether commands typed into the UI are encrypted too; such payloads are bound to no order.
    """

    def __init__(
        self, encryption: Encryption, logins: Sequence[Login], origins: Sequence[str], *, encodes: bool = False
    ) -> None:
        self._encryption, self._logins = encryption, logins
        self._origins, self._encodes = frozenset(origins), encodes
        self._log = structlog.get_logger("codec")

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answer one call."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get("origin")
        answer: list[tuple[str, str]] = [("cache-control", "no-store"), ("vary", "origin")]
        if origin in self._origins and origin is not None:
            answer += [("access-control-allow-origin", origin), ("access-control-allow-credentials", "true")]
        try:
            if origin is not None and origin not in self._origins:
                raise _Answer(403, f"{origin} is not among RECOURSE_CODEC_ORIGINS.")
            status, content, kind = await self._answered(scope["method"], scope["path"], headers, receive)
        except _Answer as problem:
            status, content, kind = problem.status, problem.text, "text/plain; charset=utf-8"
        if scope["method"] == "OPTIONS" and status == 204:
            answer += [("access-control-allow-methods", "POST"), ("access-control-allow-headers", _ALLOWED_HEADERS)]
        if content:
            answer.append(("content-type", kind))
        if status == 401:
            answer.append(("www-authenticate", "Bearer"))
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content.encode()})

    async def _answered(self, method: str, path: str, headers: Headers, receive: Receive) -> tuple[int, str, str]:
        if path == "/healthz":
            return 200, "ok", "text/plain; charset=utf-8"
        work = {"/decode": self._decode, "/encode": self._encode}.get(path)
        if work is None or (path == "/encode" and not self._encodes):
            raise _Answer(404, "There are /decode and, where this server was started with --encode, /encode.")
        if method == "OPTIONS":
            return 204, "", ""
        if method != "POST":
            raise _Answer(405, "Send a POST.")
        who = next((name for login in self._logins if (name := login.who(headers))), None)
        if who is None:
            raise _Answer(401, "Who are you? Send a bearer token, or come through the proxy that knows you.")
        try:
            payloads = Parse(await _body(receive), Payloads()).payloads
        except (ParseError, UnicodeDecodeError) as error:
            raise _Answer(400, 'Send JSON: {"payloads": [{"metadata": {…}, "data": …}]}.') from error
        done = Payloads(payloads=[work(payload) for payload in payloads])
        named = {payload.metadata.get(WORKFLOW_ID, b"").decode(errors="replace") for payload in payloads}
        self._log.info(path.strip("/"), who=who, payloads=len(payloads), workflows=sorted(named - {""}))
        return 200, MessageToJson(done, indent=None), "application/json"

    def _decode(self, payload: Payload) -> Payload:
        try:
            return self._encryption.open(payload)
        except CannotOpen as error:
            # One that cannot be read must not hide the others.
            why = json.dumps(f"This payload cannot be read: {error}.")
            return Payload(metadata={"encoding": b"json/plain"}, data=why.encode())

    def _encode(self, payload: Payload) -> Payload:
        return self._encryption.seal(payload)


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False) and message["type"] == "http.request"
        if len(body) > LARGEST:
            raise _Answer(413, f"At most {LARGEST} bytes are taken at once.")
    return body
