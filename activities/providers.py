"""The port to a payment provider: what an adapter implements, and what it says (docs/payments.md)."""

from collections.abc import Awaitable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import AwareDatetime, Field

from recourse.activities.extensions import load_named
from recourse.database.payments import PaymentLeg
from recourse.errors import BadInput
from recourse.resolution.model.vocabulary import Frozen

BUILT_IN = "ledger"


class CannotPay(Exception):
    """Raised by a provider: this can never be paid. Operators read the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TryLater(Exception):
    """Raised by a provider: ask again later, as after the status 429. `after`: in how many seconds, if it says so."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class BadSignature(BadInput):
    """Raised by `read_event`: the event's signature is missing, wrong or too old; anybody may have sent it."""


class BadProvider(BadInput):
    """A configured payment provider cannot be used; the text says which and why."""


class PaymentToCheck(Frozen):
    """The money that must be there before an order starts: `amount`, in minor units, is price and service fee.

    `payment` is what the marketplace collected it with, `destination` the freelancer's account at the provider.
    """

    order_id: str
    payment: str | None
    destination: str | None
    amount: int
    currency: str


class Movement(Frozen):
    """Money that the provider has moved for an order, or failed to move, as its own books have it.

    `key` is the idempotency key, `leg` the leg's name within the order, such as `1.refund`; None where the provider
    does not know them. `amount` is in minor units. `returned`: it was paid and has come back.
    """

    key: str | None
    order_id: str | None
    leg: str | None
    amount: int
    currency: str
    status: Literal["paid", "returned", "failed"]
    reference: str
    at: AwareDatetime


class PaymentReport(Frozen):
    """What a provider reports of an order: the fields of the command `payment_event`, under the provider's event id."""

    order_id: str = Field(min_length=1)
    event_id: str = Field(min_length=1)
    fields: Mapping[str, Any]


@runtime_checkable
class PaymentProvider(Protocol):
    """What a marketplace's payment provider must do. Its methods may be coroutines; others run in threads.

    Optional:

    - `find(leg) -> str | None`: the reference of a leg that was asked for before and is paid. Without it, a leg that is
      lowered after an answer was lost is blocked until an operator has found out whether it was paid.
    - `check(payment: PaymentToCheck) -> None`: at an order's start, whether its money is there; else `CannotPay`.
    - `movements(since: datetime)`: an iterable, or asynchronous iterable, of `Movement`: what it has moved since then.
    - `read_event(headers, body) -> list[PaymentReport]`: what one of its webhooks says. Raises BadSignature, BadInput.
    - `concurrency: int`: how many of its calls run at once; 16 without it. `timeout: float`: how many seconds a call
      may take; 10 without it, 20 at most. `late: float`: for how many seconds after a call without an answer money may
      still move; 120 without it.
    """

    def pay(self, leg: PaymentLeg) -> Awaitable[str | None] | str | None:
        """Move the money of one leg, once for each key, however often asked; returns the provider's reference or None.

        `CannotPay` says that it never can be paid, `TryLater` that the provider asks for time. Any other exception
        means: not yet. It is then asked again with the same leg and key, also where the money did move and only the
        answer was lost.
        """


def load_providers(text: str) -> dict[str, PaymentProvider]:
    """The providers that `RECOURSE_PAYMENT_PROVIDERS` names, as `name=package.module:factory`. Raises BadProvider."""
    return load_named(text, "pay", {BUILT_IN: "is the built-in escrow ledger"}, BadProvider)
