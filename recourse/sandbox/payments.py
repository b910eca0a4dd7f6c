"""A payment provider that does what a test asks for: by the amount, as payment sandboxes do, or for one order."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from recourse.database.payments import PaymentLeg

NAME = "sandbox"
Answer = Literal["pay", "fail", "block", "lose_answer"]
# The last two digits of what a leg pays, in minor units.
BY_AMOUNT: dict[int, Answer] = {1: "fail", 2: "block", 3: "lose_answer"}


class PaymentFailed(Exception):
    """What the provider answers where it shall not pay."""


@dataclass(frozen=True)
class Attempt:
    """A leg of a payment that was asked for, what the provider answered, and whether the money moved with it."""

    at: datetime
    payment: PaymentLeg
    answer: Answer
    moved: bool


class SandboxPayments:
    """A payment provider for tests.

    `pay` moves the money. `fail` refuses. `block` does not answer until it is told otherwise. `lose_answer` moves the
    money and then fails once, as if the answer were lost.
    """

    def __init__(self) -> None:
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
        while (answer := self._answer(payment)) == "block":
            self._note(payment, answer, moved=False)
            await self._changed[payment.order_id].wait()
        paid = any(one.moved for one in self.of(payment.order_id) if one.payment.key == payment.key)
        if answer == "lose_answer" and paid:
            answer = "pay"
        self._note(payment, answer, moved=answer != "fail" and not paid)
        if answer == "fail":
            raise PaymentFailed("The payment provider refuses, as it was told to.")
        if answer == "lose_answer":
            raise PaymentFailed("The payment provider has paid, and its answer is lost.")

    def _answer(self, payment: PaymentLeg) -> Answer:
        return self._told.get(payment.order_id) or BY_AMOUNT.get(payment.amount % 100, "pay")

    def _note(self, payment: PaymentLeg, answer: Answer, *, moved: bool) -> None:
        self.attempts.append(Attempt(datetime.now(UTC), payment, answer, moved))
