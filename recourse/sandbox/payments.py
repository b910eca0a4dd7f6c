"""A payment provider that does what a test asks for: by the amount, as payment sandboxes do, or for one order."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from recourse.activities.providers import CannotPay
from recourse.database.payments import PaymentLeg
from recourse.sandbox.reporting import Reports

NAME = "sandbox"
Answer = Literal["pay", "fail", "hang", "lose_answer", "refuse", "return", "charge_back"]
# The last two digits of what a leg pays, in minor units.
BY_AMOUNT: dict[int, Answer] = {1: "fail", 2: "hang", 3: "lose_answer", 4: "refuse", 5: "return", 6: "charge_back"}


class PaymentFailed(Exception):
    """What the provider answers if it is to pay nothing now."""


@dataclass(frozen=True)
class Attempt:
    """A leg of a payment that was asked for, what the provider answered, and whether the money moved with it."""

    at: datetime
    payment: PaymentLeg
    answer: Answer
    moved: bool


class SandboxPayments:
    """A payment provider for tests.

    `pay` moves the money. `fail` does not, for now. `hang` does not answer until another answer is chosen.
    `lose_answer` moves the money and then fails once, as if the answer were lost. `refuse` says that it can never pay.
    `return` pays, and then reports that the money came back. `charge_back` pays, and then reports that the client's
    bank has taken all that the client paid.
    """

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self.attempts: list[Attempt] = []
        self._told: dict[str, Answer] = {}
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def will(self, order_id: str, answer: Answer) -> None:
        """Answer so for this order from now on, whatever the amount."""
        self._told[order_id] = answer
        self._changed.pop(order_id, asyncio.Event()).set()

    def of(self, order_id: str) -> list[Attempt]:
        """What was asked for an order, in order."""
        return [attempt for attempt in self.attempts if attempt.payment.order_id == order_id]

    async def pay(self, payment: PaymentLeg) -> None:
        """Move the money once, or fail as a test wants it."""
        while (answer := self._answer(payment)) == "hang":
            self._note(payment, answer, moved=False)
            await self._changed[payment.order_id].wait()
        paid = any(one.moved for one in self.of(payment.order_id) if one.payment.key == payment.key)
        if answer == "lose_answer" and paid:
            answer = "pay"
        self._note(payment, answer, moved=answer not in ("fail", "refuse") and not paid)
        if answer == "refuse":
            raise CannotPay("The account is closed.")
        if answer == "fail":
            raise PaymentFailed("The payment provider does not pay now, as the test has chosen.")
        if answer == "lose_answer":
            raise PaymentFailed("The payment provider has paid, and its answer is lost.")
        if answer == "return" and not paid:
            self._reports.soon(payment, {"event": "returned", "leg": payment.leg})
        if answer == "charge_back" and not paid:
            self._reports.soon(payment, {"event": "chargeback_opened"})

    def _answer(self, payment: PaymentLeg) -> Answer:
        return self._told.get(payment.order_id) or BY_AMOUNT.get(payment.amount % 100, "pay")

    def _note(self, payment: PaymentLeg, answer: Answer, *, moved: bool) -> None:
        self.attempts.append(Attempt(datetime.now(UTC), payment, answer, moved))
