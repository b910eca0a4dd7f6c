"""A payment provider in memory that misbehaves as real ones do, and an adapter that stands it."""

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from recourse.ports import BadSignature, CannotPay, PaymentLeg, PaymentReport, PaymentToCheck, TryLater
from recourse.resolution.model.payments import LegName
from recourse.testing.payments.control import Booked, Fault, ProviderControl, Webhook

__all__ = ["FakeAdapter", "FakeProvider", "FakeRefusal", "FakeStatus", "FakeTransfer"]

_SECRET = b"the secret of the fake provider's webhooks"


class FakeStatus(Exception):
    """The fake provider answers with an error's status. `retry_after`: seconds, with 429."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.retry_after = retry_after


class FakeRefusal(Exception):
    """The fake provider answers that it will never do this."""


@dataclass(frozen=True)
class FakeTransfer:
    """A transfer as the fake provider shows it. `amount` is in minor units."""

    id: str
    key: str
    order_id: str
    leg: str
    amount: int
    currency: str
    status: Literal["pending", "paid", "failed", "returned"]


class FakeProvider(ProviderControl):
    """A provider whose API has two calls: `transfer` and `transfers`. It keeps each idempotency key for 24 hours."""

    def __init__(self) -> None:
        self.now = datetime(2025, 3, 3, 9, tzinfo=UTC)
        self._faults: deque[Fault | None] = deque()
        self._transfers: dict[str, FakeTransfer] = {}
        self._keys: dict[str, tuple[FakeTransfer, datetime]] = {}
        self._refused: list[Booked] = []
        self._closed: set[tuple[str, str]] = set()
        self._sent: list[Webhook] = []

    # Its API.

    async def transfer(self, key: str, order_id: str, leg: str, amount: int, currency: str) -> FakeTransfer:
        """Move money. Under a key that it knows it answers with what became of the first call."""
        fault = self._next_fault()
        made = self._made(key, order_id, leg, amount, currency, fault)
        if fault is Fault.ANSWER_LOST:
            raise TimeoutError("the answer was lost")
        if fault is Fault.SERVER_ERROR_AFTER:
            raise FakeStatus(500)
        return made

    async def transfers(self, order_id: str) -> list[FakeTransfer]:
        """Every transfer of an order, with what became of it."""
        fault = self._next_fault()
        if fault in (Fault.ANSWER_LOST, Fault.SERVER_ERROR_AFTER):
            raise FakeStatus(500)
        return [transfer for transfer in self._transfers.values() if transfer.order_id == order_id]

    def _next_fault(self) -> Fault | None:
        fault = self._faults.popleft() if self._faults else None
        match fault:
            case Fault.CUT:
                raise ConnectionError("the connection was cut")
            case Fault.TIMEOUT:
                raise TimeoutError("no answer")
            case Fault.CONFLICT:
                raise FakeStatus(409)
            case Fault.RATE_LIMITED:
                raise FakeStatus(429, retry_after=90)
            case Fault.SERVER_ERROR:
                raise FakeStatus(500)
        return fault

    def _made(self, key: str, order_id: str, leg: str, amount: int, currency: str, fault: Fault | None) -> FakeTransfer:
        known, since = self._keys.get(key, (None, self.now))
        if known is not None and self.now - since < self.forgets_after:
            if (known.amount, known.currency) != (amount, currency):
                raise FakeRefusal(f"The key {key} was used for another amount.")
            return self._transfers[known.id]
        if (order_id, leg.rpartition(".")[2]) in self._closed:
            self._refused.append(Booked(key, amount, currency, "refused", ""))
            raise FakeRefusal("The receiver's account is closed.")
        number = f"t-{len(self._transfers) + 1}"
        status: Literal["pending", "paid"] = "pending" if fault is Fault.SETTLES_LATER else "paid"
        made = FakeTransfer(number, key, order_id, leg, amount, currency, status)
        self._transfers[number], self._keys[key] = made, (made, self.now)
        return made

    # What the kit does with it.

    def collect(self, order: PaymentToCheck) -> Mapping[str, str]:
        """It pays from the marketplace's account, whatever the client paid."""
        return {"payment": f"payment-{order.order_id}", "destination": f"account-{order.order_id}"}

    def inject(self, faults: Sequence[Fault | None]) -> None:
        self._faults = deque(faults)

    def advance(self, by: timedelta) -> None:
        self.now += by

    def book(self) -> Iterable[Booked]:
        moved = [Booked(one.key, one.amount, one.currency, one.status, one.id) for one in self._transfers.values()]
        return [*moved, *self._refused]

    def settle(self, key: str) -> None:
        self._become(key, "pending", "paid")

    def fail(self, key: str) -> None:
        self._become(key, "pending", "failed")

    def give_back(self, key: str) -> None:
        self._become(key, "paid", "returned")

    def _become(self, key: str, before: str, after: Literal["paid", "failed", "returned"]) -> None:
        for number, transfer in self._transfers.items():
            if (transfer.key, transfer.status) == (key, before):
                self._transfers[number] = replace(transfer, status=after)
                if after != "paid":
                    self._send({"transfer": number, "order": transfer.order_id, "leg": transfer.leg, "became": after})

    def _send(self, event: dict[str, str]) -> None:
        body = json.dumps({"id": f"event-{event['transfer']}-{event['became']}", **event}).encode()
        self._sent.append(self.signed(body))

    @staticmethod
    def signed(body: bytes) -> Webhook:
        """A webhook as the fake provider sends it."""
        return Webhook({"signature": hmac.new(_SECRET, body, hashlib.sha256).hexdigest()}, body)

    def webhooks(self) -> Iterable[Webhook]:
        sent, self._sent = self._sent, []
        return sent

    def charge_back(self, order_id: str, amount: int) -> None:
        """The marketplace's account bears it, and no transfer changes."""

    def decide(self, order_id: str, outcome: Literal["won", "lost"]) -> None:
        """Nor then."""

    def close_account(self, order_id: str, leg: LegName) -> None:
        self._closed.add((order_id, leg))

    def open_account(self, order_id: str, leg: LegName) -> None:
        self._closed.discard((order_id, leg))


class FakeAdapter:
    """The adapter of the fake provider: short, and right."""

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider

    async def pay(self, leg: PaymentLeg) -> str:
        """Move the money of a leg."""
        try:
            transfer = await self.provider.transfer(leg.key, leg.order_id, leg.leg, leg.amount, leg.currency)
        except FakeRefusal as refusal:
            raise CannotPay(str(refusal)) from refusal
        except FakeStatus as error:
            if error.status == 429:
                raise TryLater("too many calls", after=error.retry_after) from error
            raise
        if transfer.status in ("failed", "returned"):
            raise CannotPay(f"The transfer {transfer.id} {transfer.status}.")
        if transfer.status == "pending":
            raise TryLater(f"the transfer {transfer.id} is not settled yet")
        return transfer.id

    async def find(self, leg: PaymentLeg) -> str | None:
        """The transfer that has moved it; None: none has, or it failed or came back."""
        for transfer in await self.provider.transfers(leg.order_id):
            if transfer.key == leg.key and transfer.status == "pending":
                # Nobody knows yet: "no" would let the leg be paid under another key.
                raise TryLater(f"the transfer {transfer.id} is not settled yet")
            if transfer.key == leg.key and transfer.status == "paid":
                return transfer.id
        return None

    def read_event(self, headers: Mapping[str, str], body: bytes) -> list[PaymentReport]:
        """What came back. A transfer that failed later did so, too."""
        if not hmac.compare_digest(headers.get("signature", ""), FakeProvider.signed(body).headers["signature"]):
            raise BadSignature("The signature is not the fake provider's.")
        event = json.loads(body)
        fields = {"event": "returned", "leg": event["leg"], "reference": event["transfer"]}
        return [PaymentReport(order_id=event["order"], event_id=event["id"], fields=fields)]
