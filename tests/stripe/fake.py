"""The fake of Stripe on a port of loopback: keys that are remembered for a day, and what can go wrong on the way."""

import copy
import json
import re
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stripe import WebhookSignature

from tests.stripe.books import KEPT, Books, Kept, Refusal, Thing

KEY, WEBHOOK_SECRET = "sk_test_fake", "whsec_fake"
# What may happen to a call: no answer although it was done, no answer and not done, an error although it was done, a
# refund that is accepted and made later, or an error.
LOST, DROPPED, DONE_BUT_BROKEN, PENDING = "lost", "dropped", "done but broken", "pending"
Trouble = str | Refusal
BUSY = Refusal(429, "Too many requests.", "rate_limit", headers={"Retry-After": "7"})
IN_USE = Refusal(409, "The key is in use.", "idempotency_key_in_use", kind="idempotency_error")
BROKEN = Refusal(500, "Something is broken at Stripe.", kind="api_error")
AWAY = Refusal(503, "Stripe is away.", kind="api_error")


class FakeStripe(Books):
    """The fake, and where it listens. `troubles` befall the next calls, in turn, or, unless `all_calls`, those of them
    that change something; None: none. `refused`: what was asked for under which key, and refused."""

    url = ""

    def forget(self) -> None:
        super().forget()
        self.troubles: deque[Trouble | None] = deque()
        self.all_calls = False
        self.calls: list[tuple[str, str, Thing]] = []
        self.refused: list[tuple[str, Thing]] = []
        self.lock = threading.Lock()

    def signed(
        self, event: Thing, secret: str = WEBHOOK_SECRET, *, at: int | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of a webhook."""
        body = json.dumps(event)
        return {"Stripe-Signature": WebhookSignature.generate_signature_header(body, secret, at)}, body.encode()

    def answer(
        self, method: str, path: str, given: Thing, headers: Mapping[str, str]
    ) -> tuple[int, Thing, dict[str, str]]:
        """Status, body and headers of the answer to a call; ConnectionError: none comes."""
        with self.lock:
            self.calls.append((method, path, given))
            hit = self.troubles and (self.all_calls or method == "POST")
            trouble = self.troubles.popleft() if hit else None
            if trouble == DROPPED:
                raise ConnectionError
            key = headers.get("Idempotency-Key")
            try:
                if headers.get("Authorization") != f"Bearer {KEY}":
                    raise Refusal(401, "Invalid API Key provided.")
                if isinstance(trouble, Refusal):
                    raise trouble
                answer = self._once(key, (method, path, given), pending=trouble == PENDING)
                if trouble == DONE_BUT_BROKEN and method == "POST" and answer[0] == 200:
                    self.keys[str(key)].status, self.keys[str(key)].body = BROKEN.status, BROKEN.body
                    raise BROKEN
            except Refusal as refusal:
                return refusal.status, refusal.body, {**refusal.headers}
            if trouble == LOST:
                raise ConnectionError
            return answer

    def _once(
        self, key: str | None, request: tuple[str, str, Thing], *, pending: bool = False
    ) -> tuple[int, Thing, dict[str, str]]:
        known = self.keys.get(key or "")
        if known and self.now() - known.at < KEPT:
            if known.request != request:
                raise Refusal(400, "Keys can only be used with the same parameters.", kind="idempotency_error")
            return known.status, known.body, {"Idempotent-Replayed": "true"}
        try:
            method, path, given = request
            status, body = 200, self._do(method, path, {**given, "_status": "pending"} if pending else given)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
            if key:
                self.refused.append((key, request[2]))
        if key and request[0] == "POST":
            self.keys[key] = Kept(request, self.now(), status, body)
        return status, body, {}

    def _do(self, method: str, path: str, given: Thing) -> Thing:
        _, _, kind, *rest = path.split("/")
        match method, kind, rest:
            case "GET", ("refunds" | "transfers"), []:
                made = self.listed(kind[:-1], given)
            case "GET", ("payment_intents" | "refunds" | "transfers" | "accounts" | "charges"), [id_]:
                made = self.get(id_, kind[:-1], "intent" if kind == "payment_intents" else "id")
            case "POST", ("payment_intents" | "refunds" | "transfers" | "accounts"), []:
                made = getattr(self, f"post_{kind}")(given)
            case "POST", "payment_intents", [id_]:
                made = self.post_payment_intent(id_, given)
            case "POST", "transfers", [id_, "reversals"]:
                made = self.post_reversals(id_, given)
            case _:
                raise Refusal(404, f"Unrecognized request URL ({method}: {path}).")
        shown: Thing = copy.deepcopy(made)
        for place in given.get("expand", {}).values():
            self._expand(shown, place.split("."))
        return shown

    def _expand(self, shown: Any, place: list[str]) -> None:
        if isinstance(shown, list):
            for each in shown:
                self._expand(each, place)
        elif isinstance(shown, dict) and place:
            if isinstance(value := shown.get(place[0]), str):
                shown[place[0]] = copy.deepcopy(self.things[value])
            self._expand(shown[place[0]], place[1:])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Each answer is one packet; otherwise its second part waits for the first part's receipt.
    wbufsize = -1
    fake: FakeStripe

    def do_GET(self) -> None:
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _answer(self, form: str) -> None:
        try:
            given = unflattened(form)
            status, body, headers = self.fake.answer(self.command, urlsplit(self.path).path, given, dict(self.headers))
        except ConnectionError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text)), "Request-Id": "req_fake"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who gave up waiting is no error of the fake's."""


def unflattened(form: str) -> Thing:
    """`a[b]=1&a[c]=2` as `{"a": {"b": "1", "c": "2"}}`."""
    given: Thing = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        *outer, last = re.findall(r"[^\[\]]+", name)
        place = given
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = value
    return given


@contextmanager
def fake_stripe() -> Iterator[FakeStripe]:
    """A fake that listens on loopback until the end of the block."""
    fake = FakeStripe()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": fake}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
