"""What the payment provider of a sandbox reports: payments that come back, and what clients' banks do."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from recourse.database.payments import PaymentLeg
from recourse.errors import RecourseError
from recourse.resolution.model.outcome import Outcome
from recourse.sandbox.clocks import Clocks
from recourse.starter.client import Recourse

EVERY = 0.1  # seconds between two looks whether an order knows that a payment is made
TO_ANSWER = timedelta(days=7)  # that a bank gives, where a test does not say


class Reports:
    """Gives orders the command `payment_event`, as the endpoint for a provider's webhooks does."""

    def __init__(self, recourse: Recourse, clocks: Clocks) -> None:
        self._recourse, self._clocks = recourse, clocks
        self._waiting: set[asyncio.Task[None]] = set()

    async def send(self, order_id: str, fields: Mapping[str, Any]) -> Outcome:
        """Report something at once. What is left out of a chargeback is filled in."""
        if fields["event"] == "chargeback_opened":
            order = await self._recourse.order(order_id).state()
            lost = sum(one.amount for one in order.chargebacks if one.status == "lost")
            usual = {
                "amount": order.price + order.service_fee - lost,
                "respond_by": (self._clocks.of(order_id) + TO_ANSWER).isoformat(timespec="seconds"),
                "reference": f"dp_{secrets.token_hex(4)}",
            }
            fields = {**usual, **fields}
        sender = {"actor": {"role": "system", "id": "sandbox"}, "command_id": f"evt_{secrets.token_hex(8)}"}
        return await self._recourse.order(order_id).send("payment_event", {**fields, **sender})

    def soon(self, paid: PaymentLeg, fields: Mapping[str, Any]) -> None:
        """Report something as soon as the order knows that a payment is made."""
        task = asyncio.create_task(self._afterwards(paid, fields))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """Report nothing any more."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def _afterwards(self, paid: PaymentLeg, fields: Mapping[str, Any]) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                order = await self._recourse.order(paid.order_id).state()
                if any((leg.id, leg.key, leg.status) == (paid.leg, paid.turn, "done") for leg in order.legs):
                    await self.send(paid.order_id, fields)
                    return
            except RecourseError:
                # The database or the worker may be away for a while.
                continue
