"""A payment provider that posts what happens to its payments, with a signature, and keeps books of its own."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from recourse.errors import BadInput
from recourse.ports import BadSignature, Movement, PaymentReport
from tests.activities.bank import Bank, Trouble

SECRET = b"the bank's secret"
HEADER = "bank-signature"


class ReportingBank(Bank):
    """Its events are JSON: an id, and what it says of orders."""

    def read_event(self, headers: Mapping[str, str], body: bytes) -> list[PaymentReport]:
        if not hmac.compare_digest(headers.get(HEADER, ""), signature(body)):
            raise BadSignature("The bank did not sign this.")
        try:
            event = json.loads(body)
            return [
                PaymentReport(order_id=about.pop("order"), event_id=event["id"], fields=about)
                for about in event["about"]
            ]
        except (ValueError, KeyError) as error:
            raise BadInput("The bank's event is not of a kind that is known here.") from error


class BookkeepingBank(ReportingBank):
    """It lists what it has moved, too; `returned` has the keys of what came back."""

    def __init__(self, *troubles: Trouble) -> None:
        super().__init__(*troubles)
        self.returned: set[str] = set()

    def movements(self, since: datetime) -> Iterator[Movement]:
        for key, leg in self.moved.items():
            yield Movement(
                key=key,
                order_id=leg.order_id,
                leg=leg.leg,
                amount=leg.amount,
                currency=leg.currency,
                status="returned" if key in self.returned else "paid",
                reference=f"ref-{key}",
                at=datetime.now(UTC),
            )


class SlowBank(ReportingBank):
    """The same, as a coroutine."""

    async def read_event(self, headers: Mapping[str, str], body: bytes) -> list[PaymentReport]:  # type: ignore[override]
        return super().read_event(headers, body)


def signature(body: bytes) -> str:
    """With what the bank signs a body."""
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


def event(event_id: str, *about: dict[str, Any]) -> bytes:
    """The body of an event."""
    return json.dumps({"id": event_id, "about": about}).encode()
