"""A payment provider as a marketplace would write it: it pays each key once, and can be told to fail."""

from collections import deque
from typing import Literal

from recourse.activities.contract import Payment

Trouble = Literal["before", "after"]


class Bank:
    """Pays each idempotency key once. `troubles`: how the next calls fail, before or after the money has moved."""

    def __init__(self, *troubles: Trouble) -> None:
        self.troubles: deque[Trouble] = deque(troubles)
        self.asked: list[Payment] = []
        self.moved: dict[str, Payment] = {}

    async def pay(self, payment: Payment) -> None:
        self.asked.append(payment)
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble == "before":
            raise ConnectionError("the bank does not answer")
        known = self.moved.setdefault(payment.idempotency_key, payment)
        if known != payment:
            raise ValueError("this key was used for another payment")
        if trouble == "after":
            raise TimeoutError("the bank's answer was lost")


def opened() -> Bank:
    return Bank()


def closed_for_today() -> Bank:
    raise OSError("no key to the vault")


def not_a_bank() -> str:
    return "a till"
