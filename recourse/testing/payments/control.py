"""What the kit needs of the fake provider behind an adapter."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Literal

from recourse.ports import PaymentToCheck
from recourse.resolution.model.payments import LegName

__all__ = ["OF_A_CALL", "Booked", "Fault", "ProviderControl", "Webhook"]

LIVE = frozenset({"pending", "paid"})


class Fault(Enum):
    """What can go wrong at a provider, in words. Those of `OF_A_CALL` happen to a call, the others to its world."""

    CUT = "the connection is cut before the effect"
    TIMEOUT = "no answer comes, and there was no effect"
    ANSWER_LOST = "the answer is lost after the effect"
    CONFLICT = "status 409: a call with this key is still running"
    RATE_LIMITED = "status 429 with Retry-After"
    SERVER_ERROR = "status 500 without an effect"
    SERVER_ERROR_AFTER = "status 500 after the effect"
    SETTLES_LATER = "the provider accepts it, and settles it later"
    FAILS_LATER = "what the provider accepted fails"
    RETURNED = "what was paid comes back"
    CHARGED_BACK = "the client's bank takes money back"
    ACCOUNT_CLOSED = "the provider refuses a receiver for good"


OF_A_CALL = frozenset({
    *(Fault.CUT, Fault.TIMEOUT, Fault.ANSWER_LOST, Fault.CONFLICT, Fault.RATE_LIMITED, Fault.SERVER_ERROR),
    *(Fault.SERVER_ERROR_AFTER, Fault.SETTLES_LATER),
})  # fmt: skip


@dataclass(frozen=True)
class Booked:
    """A payment as the provider's book has it now.

    `key` is the idempotency key that it was asked for with, `amount` in minor units. `pending`: accepted, and not
    settled yet. `failed`: accepted, and never settled. `returned`: paid, and come back. `refused`: never accepted, and
    asking again under this key would not help.
    """

    key: str
    amount: int
    currency: str
    status: Literal["pending", "paid", "failed", "returned", "refused"]
    reference: str

    @property
    def live(self) -> bool:
        """Whether the money has moved, or is on its way."""
        return self.status in LIVE


@dataclass(frozen=True)
class Webhook:
    """A report that the provider has sent and nobody has received yet."""

    headers: Mapping[str, str]
    body: bytes


class ProviderControl(ABC):
    """The kit's handle on the fake provider behind an adapter: how the world treats the adapter, and what really moved.

    `faults` are those that the fake provider can play; leave out what your provider cannot do. `legs`: where money
    moves at the provider; leave out `fee` where the platform's share simply stays on its account. `forgets_after`: how
    long it knows an idempotency key.
    """

    faults: Collection[Fault] = frozenset(Fault)
    legs: Collection[LegName] = ("refund", "payout", "fee")
    currencies: Sequence[str] = ("USD", "JPY", "KWD")
    forgets_after: timedelta = timedelta(hours=24)

    @abstractmethod
    def collect(self, order: PaymentToCheck) -> Mapping[str, str]:
        """The client pays for an order, so that there is money to move; the order's `payment` and `destination`."""

    @abstractmethod
    def inject(self, faults: Sequence[Fault | None]) -> None:
        """How the next calls of the provider go, in order, instead of what was injected before; None: well."""

    @abstractmethod
    def advance(self, by: timedelta) -> None:
        """Time passes at the provider; it forgets keys."""

    @abstractmethod
    def book(self) -> Iterable[Booked]:
        """Every payment that the adapter has ever asked for."""

    def settle(self, key: str) -> None:
        """What is pending under this key is paid."""
        raise NotImplementedError

    def fail(self, key: str) -> None:
        """What is pending under this key fails (`Fault.FAILS_LATER`)."""
        raise NotImplementedError

    def give_back(self, key: str) -> None:
        """What was paid under this key comes back (`Fault.RETURNED`)."""
        raise NotImplementedError

    def webhooks(self) -> Iterable[Webhook]:
        """What the provider has sent since the kit last asked, for adapters that have `read_event`."""
        return ()

    def charge_back(self, order_id: str, amount: int) -> None:
        """The client's bank takes so much of what the client paid (`Fault.CHARGED_BACK`)."""
        raise NotImplementedError

    def decide(self, order_id: str, outcome: Literal["won", "lost"]) -> None:
        """The client's bank decides about it."""
        raise NotImplementedError

    def close_account(self, order_id: str, leg: LegName) -> None:
        """From now on the receiver of these legs is refused for good (`Fault.ACCOUNT_CLOSED`)."""
        raise NotImplementedError

    def open_account(self, order_id: str, leg: LegName) -> None:
        """The receiver can be paid again."""
        raise NotImplementedError
