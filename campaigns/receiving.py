"""Receivers on loopback that behave badly on purpose: one for notices, and a bank that pays."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

from recourse.activities.webhook import payload
from recourse.local.process import free_port
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.payments import ACCOUNTS

# The status to answer with; None: hang up without an answer.
Answer = Callable[[dict[str, str], bytes], int | None]


class Receiver:
    """An HTTP server of one address, which can be away, and takes `seconds` for each answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._port = free_port()
        self.seconds = 0.0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens, unless it is away."""
        return f"http://127.0.0.1:{self._port}/"

    async def come(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def go(self) -> None:
        """Be away: nobody answers at the address."""
        if self._server:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = (line.partition(":") for line in head.split("\r\n")[1:])
            headers = {name.strip().lower(): value.strip() for name, _, value in lines}
            status = self._answer(headers, await reader.readexactly(int(headers.get("content-length", "0"))))
            await asyncio.sleep(self.seconds)
            if status is not None:
                writer.write(f"HTTP/1.1 {status} \r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
                await writer.drain()
        writer.close()


class WebhookSink:
    """What a marketplace's receiver of notices was sent, and what it said to that."""

    def __init__(self, random: Random, fails: float) -> None:
        self._random, self.fails = random, fails
        self.taken: Counter[str] = Counter()
        self.first: list[str] = []
        self.bodies: dict[str, set[bytes]] = {}

    def answer(self, headers: dict[str, str], body: bytes) -> int | None:
        """Take a notice, or be out of order."""
        notice = headers.get("webhook-id", "")
        self.bodies.setdefault(notice, set()).add(body)
        if self._random.random() < self.fails:
            return self._random.choice((500, 503, None))
        if not self.taken[notice]:
            self.first.append(notice)
        self.taken[notice] += 1
        return 204

    def differences(self, order_id: str, notices: Sequence[Notice]) -> list[str]:
        """What it was sent about an order, and is not what these notices are, in this order."""
        wrong, heard = [], [one for one in self.first if one.rpartition(".")[0].rpartition(".")[0] == order_id]
        if heard != [notice.id for notice in notices]:
            wrong.append(f"the receiver heard {heard}, to be told were {[notice.id for notice in notices]}")
        for notice in notices:
            bodies = self.bodies.get(notice.id, set())
            if bodies != {payload(notice).encode()}:
                wrong.append(f"notice {notice.id} was sent as {bodies}")
        return wrong


class Bank:
    """A payment provider that pays once for each idempotency key, and at times fails after it has paid."""

    def __init__(self, random: Random, fails: float) -> None:
        self._random, self._fails = random, fails
        self.paid: dict[str, dict[str, Any]] = {}
        self.contradictions: list[str] = []
        self.failed_after_the_effect = 0
        self.asked_again = 0

    def answer(self, headers: dict[str, str], body: bytes) -> int | None:
        """Pay, unless this was paid; fail at most once for each payment, before or after the effect."""
        payment = json.loads(body)
        key = payment["key"]
        if key in self.paid:
            self.asked_again += 1
            if _sum(self.paid[key]) != _sum(payment):
                self.contradictions.append(f"{key} is both {self.paid[key]} and {payment}")
            return 204
        self.paid[key] = payment
        if self._random.random() < self._fails:
            self.failed_after_the_effect += 1
            return self._random.choice((500, None))
        return 204

    def total(self, order_id: str) -> dict[str, int]:
        """What it has paid for an order, by who got it."""
        mine = [payment for payment in self.paid.values() if payment["order_id"] == order_id]
        return {who: sum(one["amount"] for one in mine if one["name"] == leg) for leg, who in ACCOUNTS.items()}


def _sum(payment: dict[str, Any]) -> tuple[Any, ...]:
    return payment["order_id"], payment["leg"], payment["amount"], payment["currency"]


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[Receiver]:
    """A receiver that listens as long as the block runs."""
    receiver = Receiver(answer)
    await receiver.come()
    try:
        yield receiver
    finally:
        await receiver.go()
