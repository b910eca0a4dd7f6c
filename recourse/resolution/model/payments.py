"""Payments in legs: what of the money goes to whom, and how far each leg has come (rules, 13)."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.data_version import Since
from recourse.resolution.model.vocabulary import Frozen, Party, unless_default

LegName = Literal["refund", "payout", "fee"]
LegStatus = Literal["waiting", "done", "blocked", "returned", "void"]
# The account that each leg pays to, in the order in which the legs are tried.
ACCOUNTS: dict[LegName, Literal["client", "freelancer", "platform"]] = {
    "refund": "client",
    "payout": "freelancer",
    "fee": "platform",
}
# The party that gets each leg; the marketplace's own share is for operators to see.
PAID_TO: dict[LegName, Party | None] = {"refund": "client", "payout": "freelancer", "fee": None}
# Such a leg may still be paid; its money is held.
OPEN: frozenset[LegStatus] = frozenset({"waiting", "blocked", "returned"})


def _unless(default: Any) -> Any:
    # A state stays small where legs are as the built-in ledger makes them.
    return Field(default=default, exclude_if=lambda value: value == default)


class Leg(Frozen):
    """One leg of a payment. `key` is 1 for its first idempotency key, and grows with each new one: a key never stands
    for another amount, and never for another try after the provider said no or the money came back. `keys`: how
    many it has had, if it was paid under a former one."""

    payment: int
    name: LegName
    amount: int
    status: Annotated[LegStatus, Since(2)] = _unless("done")
    key: int = _unless(1)
    keys: Annotated[int, Since(2)] = _unless(0)
    attempts: int = _unless(1)
    reason: str | None = _unless(None)
    reference: str | None = _unless(None)
    by_hand: bool = _unless(False)

    @property
    def id(self) -> str:
        """Its name within the order, such as `1.refund`."""
        return f"{self.payment}.{self.name}"

    @property
    def stuck(self) -> bool:
        """Whether only an operator can go on with it."""
        return self.status in ("blocked", "returned")

    @property
    def open(self) -> bool:
        """Whether it may still be paid."""
        return self.status in OPEN

    @property
    def next_key(self) -> int:
        """A key that it has not had."""
        return max(self.key, self.keys) + 1

    def key_in(self, order_id: str) -> str:
        """Its idempotency key."""
        return f"{order_id}.payment.{self.id}{f'.{self.key}' if self.key > 1 else ''}"


def leg_name(leg: str) -> LegName:
    """The kind of a leg such as `1.refund`."""
    return next(name for name in ACCOUNTS if leg.endswith(f".{name}"))


ChargebackStatus = Literal["open", "won", "lost"]


class Chargeback(Frozen):
    """What the client's bank took, until it decides and afterwards. `from_platform` is the part of it that was not held
    any more; the rest came from escrow."""

    amount: int
    opened_at: AwareDatetime
    status: ChargebackStatus = "open"
    respond_by: AwareDatetime | None = unless_default(None)
    reference: str | None = unless_default(None)
    from_platform: int = unless_default(0)


class LegAnswer(Frozen):
    """What the payment provider says to a leg: it is paid, or it never can be.

    `former_key`: it was paid under a former key already, with `amount`, and the answer had been lost.
    """

    status: Literal["done", "blocked"]
    reference: str | None = None
    reason: str | None = None
    former_key: int | None = _unless(None)
    amount: int | None = _unless(None)


class Sums(Frozen):
    """Money moved out of escrow so far, in minor units."""

    client: int = Field(default=0, description="To the client, in minor units.")
    freelancer: int = Field(default=0, description="To the freelancer, in minor units.")
    platform: int = Field(default=0, description="To the marketplace, in minor units.")
    contested: int = Field(
        default=0, exclude_if=lambda amount: not amount, description="To a bank that disputes it, in minor units."
    )

    def minus(self, other: "Sums") -> "Sums":
        """The difference, account by account."""
        return self._with(other, -1)

    def plus(self, other: "Sums") -> "Sums":
        """The sum, account by account."""
        return self._with(other, 1)

    def plus_paid(self, leg: str, amount: int) -> "Sums":
        """The sum with what a leg, such as `1.refund`, pays."""
        account = ACCOUNTS[leg_name(leg)]
        return self.model_copy(update={account: getattr(self, account) + amount})

    def _with(self, other: "Sums", sign: int) -> "Sums":
        added = {name: getattr(self, name) + sign * getattr(other, name) for name in Sums.model_fields}
        return self.model_copy(update=added)

    @property
    def given(self) -> "Sums":
        """What the platform gives of its own; it is held until the legs that it is for are paid."""
        return Sums(platform=min(self.platform, 0))

    @property
    def paid(self) -> int:
        """What the legs of a payment of these sums come to."""
        return self.total - self.given.total

    @property
    def total(self) -> int:
        """What has left escrow in all."""
        return self.client + self.freelancer + self.platform + self.contested
