"""Money that goes on only when an operator or a bank decides: payments that are blocked or came back, chargebacks."""

from typing import Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import View

StuckStatus = Literal["blocked", "returned", "contested"]


class StuckMoney(View):
    """A payment that is blocked or came back, or what a client's bank has taken; for operators."""

    order_id: str = Field(description="The order's id.")
    client: str = Field(description="The client's id.")
    freelancer: str = Field(description="The freelancer's id.")
    status: StuckStatus = Field(description="`contested`: the client's bank has taken it and not decided yet.")
    leg: str | None = Field(description="The leg of a payment, such as `1.payout`.")
    amount: int = Field(description="How much, in minor units.")
    currency: str = Field(description="The currency, by ISO 4217.")
    reason: str | None = Field(description="Why the payment provider can never pay it.")
    reference: str | None = Field(description="The provider's reference of a chargeback.")
    respond_by: AwareDatetime | None = Field(description="Until when the bank can be answered.")


def stuck_money(order: Order) -> list[StuckMoney]:
    """What of an order's money is stuck: the chargeback first, then the payments."""
    terms, taken = order.terms, order.open_chargeback
    whose = {
        "order_id": terms.order_id,
        "client": terms.client,
        "freelancer": terms.freelancer,
        "currency": terms.currency,
    }
    nothing = dict.fromkeys(("leg", "reason", "reference", "respond_by"))
    found = [
        StuckMoney.model_validate(
            {**nothing, **whose, "status": leg.status, "leg": leg.id, "amount": leg.amount, "reason": leg.reason}
        )
        for leg in order.legs
        if leg.stuck
    ]
    if taken:
        said = {"amount": taken.amount, "reference": taken.reference, "respond_by": taken.respond_by}
        found.insert(0, StuckMoney.model_validate({**nothing, **whose, "status": "contested", **said}))
    return found
