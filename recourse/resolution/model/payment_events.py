"""What can happen to an order's payments: a part of its events."""

from typing import Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.payments import Sums
from recourse.resolution.model.vocabulary import Frozen, Party, if_any


class SettlementDue(Frozen):
    """The hold is over: the money is to move now."""

    event: Literal["settlement_due"] = "settlement_due"


class MoneyMoved(Frozen):
    """`told`: the parties hear of it by itself, because the money had been held or its provider had failed.
    `rest_at`: more became owed while this payment was being retried; when that is paid."""

    event: Literal["money_moved"] = "money_moved"
    sums: Sums = Field(description="What moved.")
    final: bool = Field(description="Whether nothing is left to move.")
    told: bool = Field(description="Whether the parties are told.")
    rest_at: AwareDatetime | None = Field(default=None, description="When the rest is paid.")


class PaymentFailed(Frozen):
    """`sums` is what the provider did not move; it is tried again as it is."""

    event: Literal["payment_failed"] = "payment_failed"
    sums: Sums = Field(description="What did not move.")
    retry_at: AwareDatetime = Field(description="When it is tried again.")


class PaymentMade(Frozen):
    """A payment of up to three legs, of which the provider is asked afterwards. `blocked` says why it is not asked.

    What the platform gives, a negative amount, is held at once."""

    event: Literal["payment_made"] = "payment_made"
    sums: Sums = Field(description="What is to move.")
    final: bool = Field(description="Whether it is the last that moves.")
    blocked: str | None = if_any("Why operators must look at it first.")


class LegPaid(Frozen):
    event: Literal["leg_paid"] = "leg_paid"
    leg: str = Field(description="The leg of the payment, such as `1.refund`.")
    amount: int = Field(description="What moved, in minor units.")
    reference: str | None = if_any("The provider's reference; the record keeps it apart.")
    by_hand: bool = Field(default=False, description="Whether it was paid outside of the payment provider.")
    former_key: int | None = if_any("The number of the former key under which it had been paid before it was lowered.")


class LegLowered(Frozen):
    """Less is left to pay, under a new key; a leg that is lowered to nothing is void."""

    event: Literal["leg_lowered"] = "leg_lowered"
    leg: str = Field(description="The leg of the payment, such as `1.payout`.")
    amount: int = Field(description="What is left to pay, in minor units.")


class PaidBeyond(Frozen):
    """A party had been paid more than is its part now, and keeps it; the platform bears that."""

    event: Literal["paid_beyond"] = "paid_beyond"
    party: Party = Field(description="The party that keeps it.")
    amount: int | None = if_any("What it keeps, in minor units; the record keeps it apart.")


class ChargebackOpened(Frozen):
    """The client's bank has taken an amount; the order stands still until the bank decides."""

    event: Literal["chargeback_opened"] = "chargeback_opened"
    amount: int = Field(description="What the bank took, in minor units.")
    from_platform: int = Field(description="What of it was not held any more, in minor units.")
    respond_by: AwareDatetime | None = Field(description="Until when the marketplace can answer the bank.")
    since: AwareDatetime = Field(description="When the clocks stopped, if nothing else had stopped them before.")
    reference: str | None = if_any("The provider's reference; the record keeps it apart.")


class ChargebackClosed(Frozen):
    event: Literal["chargeback_closed"] = "chargeback_closed"
    outcome: Literal["won", "lost"] = Field(description="`won`: the money is back. `lost`: the client has it.")
    by: Literal["system", "clock"] = Field(description="`clock`: nobody closed it, so it counts as lost.")


class LossBorne(Frozen):
    """What a lost chargeback took beyond what the client was still to get. The platform bears it, but for what the
    freelancer's payouts are lowered by."""

    event: Literal["loss_borne"] = "loss_borne"
    amount: int = Field(description="The loss, in minor units.")
    from_payouts: int = Field(description="What the freelancer's payouts are lowered by, in minor units.")


class DebtRecorded(Frozen):
    """The freelancer owes the platform more. Collecting it is the marketplace's business."""

    event: Literal["debt_recorded"] = "debt_recorded"
    amount: int | None = if_any("What it owes more, in minor units; the record keeps it apart.")


class LegRetried(Frozen):
    """An operator has a leg tried again, under a new key."""

    event: Literal["leg_retried"] = "leg_retried"
    leg: str = Field(description="The leg of the payment, such as `1.refund`.")


class LegReturned(Frozen):
    """The money of a leg that the provider had paid has come back, and is held again."""

    event: Literal["leg_returned"] = "leg_returned"
    leg: str = Field(description="The leg of the payment, such as `1.refund`.")
    amount: int = Field(description="What came back, in minor units.")


class LegBlocked(Frozen):
    """The provider can never pay it; operators decide."""

    event: Literal["leg_blocked"] = "leg_blocked"
    leg: str = Field(description="The leg of the payment, such as `1.refund`.")
    amount: int = Field(description="What did not move, in minor units.")
    reason: str | None = if_any("What the provider said; the record keeps it apart.")


class LegsFailed(Frozen):
    """The provider did not pay them; they are tried again together."""

    event: Literal["legs_failed"] = "legs_failed"
    legs: tuple[str, ...] = Field(description="The legs, such as `1.refund`.")
    retry_at: AwareDatetime = Field(description="When they are tried again.")


class MoneySettled(Frozen):
    """All money of a closed order has moved. `told`: the parties hear of it by itself."""

    event: Literal["money_settled"] = "money_settled"
    told: bool = Field(description="Whether the parties are told.")


AnyPaymentEvent = (
    MoneyMoved
    | PaymentFailed
    | PaymentMade
    | LegPaid
    | LegLowered
    | PaidBeyond
    | ChargebackOpened
    | ChargebackClosed
    | LossBorne
    | DebtRecorded
    | LegRetried
    | LegReturned
    | LegBlocked
    | LegsFailed
    | MoneySettled
    | SettlementDue
)
