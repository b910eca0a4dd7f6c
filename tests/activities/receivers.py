"""Receivers of notices: a real HTTP server and a real mail server on loopback, which do as they are told."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

Reply = int | bytes | Callable[[], Awaitable[int | bytes]]
HANG_UP = b""


@dataclass
class Request:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpReceiver:
    """Answers each request with the next of `replies`, and with 204 once there are none: a status, raw bytes, or
    something to wait for that says either."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    replies: deque[Reply] = field(default_factory=deque)
    open_at_once: dict[str, int] = field(default_factory=dict)
    most_at_once: int = 0
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]

    def will(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    async def has(self, count: int) -> None:
        """Wait until so many requests are there."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.requests) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader):
                async with self._came:
                    self.requests.append(request)
                    self._came.notify_all()
                notice = request.headers.get("webhook-id", "")
                self.open_at_once[notice] = self.open_at_once.get(notice, 0) + 1
                self.most_at_once = max(self.most_at_once, self.open_at_once[notice])
                reply = self.replies.popleft() if self.replies else 204
                try:
                    said = reply if isinstance(reply, int | bytes) else await reply()
                finally:
                    self.open_at_once[notice] -= 1
                if isinstance(said, bytes):
                    writer.write(said)
                    return
                moved = f"Location: {self.url}/elsewhere\r\n" if 300 <= said < 400 else ""
                writer.write(f"HTTP/1.1 {said} Whatever\r\n{moved}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"").decode()
    if not head:
        return None
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return Request(first.split()[1], headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def http_receiver() -> AsyncIterator[HttpReceiver]:
    receiver = HttpReceiver()
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(receiver.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


@dataclass
class Mail:
    """One message as it came in, with the envelope that decides who gets it."""

    sender: str
    to: list[str]
    message: EmailMessage

    @property
    def text(self) -> str:
        plain = self.message.get_body(("plain",))
        assert plain
        return str(plain.get_content()).replace("\r\n", "\n")


@dataclass
class MailReceiver:
    """Takes every message, but for those to an address in `refusals`."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    after_data: deque[str] = field(default_factory=deque)
    hangs_up_at_quit: bool = False
    silent_at_data: bool = False
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[str]:
        return [str(mail.message["Subject"]).rpartition(": ")[2] for mail in self.mails if mail.to == [address]]

    async def has(self, count: int) -> None:
        """Wait until so many mails are there."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.mails) >= count)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, _: Session, __: Envelope) -> str:  # noqa: N802
        if self.hangs_up_at_quit and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "221 Bye"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.silent_at_data:
            await asyncio.Event().wait()
        if self.after_data:
            return self.after_data.popleft()
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
        async with self._came:
            self.mails.append(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), message))
            self._came.notify_all()
        return "250 OK"


@asynccontextmanager
async def mail_receiver(*, utf8: bool = True) -> AsyncIterator[MailReceiver]:
    receiver = MailReceiver()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(receiver, enable_SMTPUTF8=utf8, loop=asyncio.get_running_loop()), "127.0.0.1", 0
    )
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
