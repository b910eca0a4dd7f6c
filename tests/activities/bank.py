"""A payment provider as a marketplace would write it: it pays each key once, and can be told to fail."""

from collections import deque
from typing import Literal

from recourse.activities.providers import CannotPay
from recourse.database.payments import PaymentLeg

Trouble = Literal["before", "after"]


class Bank:
    """Pays each idempotency key once. `troubles`: how the next calls fail, before or after the money has moved."""

    def __init__(self, *troubles: Trouble) -> None:
        self.troubles: deque[Trouble] = deque(troubles)
        self.asked: list[PaymentLeg] = []
        self.moved: dict[str, PaymentLeg] = {}

    async def pay(self, leg: PaymentLeg) -> str:
        self.asked.append(leg)
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble == "before":
            raise ConnectionError("the bank does not answer")
        known = self.moved.setdefault(leg.key, leg)
        if known.amount != leg.amount:
            raise CannotPay("this key was used for another payment")
        if trouble == "after":
            raise TimeoutError("the bank's answer was lost")
        return f"ref-{leg.key}"


class Impatient(Bank):
    """One that cannot be loaded."""

    timeout = 600


class Backward(Bank):
    """One that cannot be loaded either."""

    late = -1


def opened() -> Bank:
    return Bank()


def closed_for_today() -> Bank:
    raise OSError("no key to the vault")


def not_a_bank() -> str:
    return "a till"
