"""Where each cent goes. All sums are cumulative, so splitting a payout never makes or loses a cent (rules, 7)."""

from typing import Literal

from pydantic import Field

from recourse.resolution.model.amounts import LARGEST
from recourse.resolution.model.order import Order
from recourse.resolution.model.payments import Sums
from recourse.resolution.model.vocabulary import SettlementStatus, View

# The final payment of a closed order is due or made.
FINAL: frozenset[SettlementStatus] = frozenset({"executing", "retrying", "blocked", "settled"})


class Balances(View):
    """Where the money is; together it is what the client paid in."""

    client: int = Field(description="What the client has got back, in minor units.")
    freelancer: int = Field(description="What the freelancer has got, in minor units.")
    platform: int = Field(description="What the marketplace has got, in minor units.")
    contested: int = Field(
        default=0,
        exclude_if=lambda amount: not amount,
        description="What the client's bank has taken until it decides, in minor units.",
    )
    held: int = Field(description="What is still in escrow, in minor units.")

    @classmethod
    def of(cls, moved: Sums, held: int) -> "Balances":
        """So much moved, and so much held."""
        return cls(**dict(moved), held=held)

    @property
    def parts(self) -> dict[str, int]:
        """The amounts by name; what is contested, where anything is."""
        amounts: dict[str, int] = {name: getattr(self, name) for name in Balances.model_fields}
        return {name: amount for name, amount in amounts.items() if name != "contested" or amount}


class Money(Balances):
    """Where the money is; together it is what the client paid in."""

    contested: int = Field(default=0, description="What the client's bank has taken until it decides, in minor units.")


def round_half_up(numerator: int, denominator: int) -> int:
    """The whole number nearest to a non-negative fraction, half a unit upwards."""
    return (2 * numerator + denominator) // (2 * denominator)


def commission(order: Order, gross: int) -> int:
    """The platform's share of the freelancer's gross, rounded down."""
    rate = order.policy.money.commission
    return gross * rate.numerator // rate.denominator


def fee_returned(order: Order, refunded: int) -> int:
    """The part of the service fee that goes back with so much of the price, half a unit up. An extra takes nothing
    back that went back before it."""
    return max(round_half_up(order.service_fee * refunded, order.price), order.fee_back_at_least)


def extra_fee(order: Order, amount: int) -> int:
    """The service fee of one more extra: that of all extras, by what the order was opened with, less what earlier
    extras paid (rules, 16). Elsewhere they may have paid more."""
    terms = order.terms
    return max(round_half_up(terms.service_fee * (order.extras + amount), terms.price) - order.extra_fees, 0)


def at_the_end(order: Order, gross: int, ending: Literal["canceled", "completed"]) -> Sums:
    """Where everything is when the freelancer's total gross is `gross` and nothing stays in escrow."""
    price, fee = order.price, order.service_fee
    back = price - gross
    returned = fee_returned(order, back)
    if ending == "canceled" and order.policy.money.fee_back == "full":
        returned = fee
    elif ending == "canceled" and order.policy.money.fee_back == "none":
        # What went back with partial refunds is not taken again.
        returned = fee_returned(order, order.refunded)
    share = commission(order, gross)
    return Sums(client=back + returned, freelancer=gross - share, platform=share + fee - returned)


def while_open(order: Order) -> Sums:
    """What partial refunds and parts paid at once have moved so far."""
    share = commission(order, order.released)
    return Sums(
        client=order.refunded + fee_returned(order, order.refunded),
        freelancer=order.released - share,
        platform=share,
    )


def final_gross(order: Order) -> int:
    """The freelancer's total gross of a closed order."""
    return order.resolution.gross if order.resolution else order.price - order.refunded


def target(order: Order) -> Sums:
    """Where the money should be by now. Held money waits where it is."""
    if order.settlement in FINAL:
        return final_sums(order)
    return while_open(order)


def final_sums(order: Order) -> Sums:
    """Where the money of a closed order ends up: what a party keeps beyond its part, the platform bears."""
    sums = at_the_end(order, final_gross(order), "completed" if order.phase == "completed" else "canceled")
    return sums.plus(Sums(**order.beyond, platform=-sum(order.beyond.values()))) if order.beyond else sums


def committed(order: Order) -> Sums:
    """What was paid, and what open legs are to pay, by account."""
    sums = order.moved
    for leg in order.open_legs:
        sums = sums.plus_paid(leg.id, leg.amount)
    return sums


def owed(order: Order) -> Sums:
    """What is to be moved out of escrow and no payment is made of yet, by account; negative: what an account is paid or
    to be paid beyond its part."""
    due = target(order).minus(committed(order))
    if not order.charged_back or order.settlement in FINAL:
        return due
    # What a chargeback took beyond the client's part is reckoned with the final payment. Until then the platform adds
    # what legs are to pay and escrow has no more.
    client = max(due.client, 0)
    free = held(order) - sum(leg.amount for leg in order.open_legs)
    return due.model_copy(update={"client": client, "platform": min(due.platform, free - client - due.freelancer)})


def loss(order: Order) -> tuple[int, int]:
    """What lost chargebacks took of a closed order beyond what its client is still to get, and no event says yet: in
    all, and what of it the freelancer's payouts are lowered by."""
    ends = final_sums(order)
    lost = max(committed(order).client - ends.client, 0) if order.charged_back else 0
    if order.policy.money.chargeback_loss != "freelancer":
        return lost, 0
    # What it owes and does not have stays with payouts that came back.
    uncovered = max(order.debts.get("freelancer", 0) - order.moved.freelancer, 0)
    return lost, min(lost, max(ends.freelancer - order.moved.freelancer - uncovered, 0))


def held(order: Order) -> int:
    """What is in escrow."""
    return order.price + order.service_fee - order.moved.total


def gross_bounds(order: Order) -> tuple[int, int]:
    """The least and the most that the freelancer's total gross can be: what is released, what is not refunded."""
    return order.released, order.price - order.refunded


def compensation(order: Order) -> int:
    """What a client's cancel request gives the freelancer at least where the client needs approval (rules, 16)."""
    share = order.policy.requests.cancel.compensation.of(order.phase)
    return (order.price - order.refunded) * share.numerator // share.denominator


def extra_bounds(order: Order) -> tuple[int, int]:
    """The least and the most that one more extra can cost."""
    return 1, LARGEST - order.extras


def chargeback_bounds(order: Order) -> tuple[int, int]:
    """The least and the most that a bank can take: no more than what was paid, and not what it has taken for good."""
    return 1, order.price + order.service_fee - order.charged_back


def late_refund_bounds(order: Order) -> tuple[int, int]:
    """The least and the most of the price that a ruling after completion can give back."""
    return 1, order.price - order.refunded


def refund_bounds(order: Order) -> tuple[int, int]:
    """The least and the most of the price that one more partial refund can give back."""
    share = order.policy.requests.partial_refund.at_most
    cap = order.price * share.numerator // share.denominator - order.refunded
    return 1, min(cap, order.price - order.refunded - order.released)


def balances(order: Order) -> Balances:
    """Where the money is now."""
    return Balances.of(order.moved, held(order))


def in_the_end(order: Order) -> Balances:
    """Where the money is now, or where a closed order's money ends up. What a bank disputes is where it is now."""
    if not order.closed or order.open_chargeback:
        return balances(order)
    lost, from_payouts = loss(order)
    shift = Sums(client=lost, freelancer=-from_payouts, platform=from_payouts - lost)
    return Balances.of(final_sums(order).plus(shift), 0)
