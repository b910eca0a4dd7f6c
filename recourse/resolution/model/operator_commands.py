"""The commands of operators and of the payment provider, and their fields."""

from typing import Any, Literal

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from recourse.resolution.model.command import AMOUNT, EXPLANATION, Command
from recourse.resolution.model.fields import Instant, Int64, Name, NonBlank, Text
from recourse.resolution.model.vocabulary import Fault, RulingOutcome

LEG: Any = Field(description="The leg of a payment, such as `1.refund`.")
REASONS: Any = Field(default=None, description="The reasons. Only operators read them.")


class Propose(Command):
    name = "propose"
    roles = ("operator",)
    about = "Proposes a settlement to both parties, in mediation."
    sample = {"amount": 5000, "explanation": "Half of it is done."}

    amount: Int64 | None = AMOUNT
    explanation: Text | None = EXPLANATION


class Rule(Command):
    name = "rule"
    roles = ("operator",)
    about = "Decides the case."
    sample = {"outcome": "cancel", "amount": 5000, "explanation": "Half of it is done.", "fault": "none"}

    outcome: RulingOutcome = Field(
        description="How the case ends; `cancel` and, after completion, `refund` need an amount."
    )
    amount: Int64 | None = Field(
        default=None,
        description="In minor units: what the freelancer gets before commission, or what of the price is refunded.",
    )
    explanation: Text | None = EXPLANATION
    fault: Fault = Field(default="none", description="The party at fault for the cancellation.")
    exempt: StrictBool = Field(default=False, description="Do not count the cancellation in the freelancer's score.")


class OpenCase(Command):
    name = "open_case"
    roles = ("operator",)
    about = "Opens a case without a request of the parties, once, and once more after completion."
    sample = {"explanation": "Both complain."}

    explanation: Text | None = EXPLANATION


class TakeCase(Command):
    name = "take_case"
    roles = ("operator",)
    about = "Takes the open case: you work on it."
    unseen = True

    over: StrictBool = Field(default=False, description="Take it over from the operator that has it.")


class ReleaseCase(Command):
    name = "release_case"
    roles = ("operator",)
    about = "Gives the case back that you have taken."
    unseen = True


class HoldOrder(Command):
    name = "hold"
    roles = ("operator",)
    about = "Holds the order: it stands still for a while."
    sample = {"explanation": "A card may be stolen."}
    for_operators = ("explanation",)

    explanation: Text | None = REASONS


class LiftHold(Command):
    name = "lift_hold"
    roles = ("operator",)
    about = "Ends the hold: the order goes on."


class TakeNote(Command):
    name = "note"
    roles = ("operator",)
    about = "Writes a note that only operators can read."
    sample = {"text": "Called the client."}
    for_operators = ("text",)
    unseen = True

    text: NonBlank = Field(description="The note; only operators can read it.")


class RetryPayment(Command):
    name = "retry_payment"
    roles = ("operator",)
    about = "Tries a payment again that is blocked or came back."
    sample = {"leg": "1.payout"}

    leg: Name = LEG


class SettleByHand(Command):
    name = "settle_by_hand"
    roles = ("operator",)
    about = "Notes that a payment that is blocked or came back was made outside of the payment provider."
    sample = {"leg": "1.payout", "reference": "WIRE-77", "explanation": "Paid by our bank."}
    for_operators = ("reference", "explanation")

    leg: Name = LEG
    reference: Name = Field(description="The reference of the payment. Only operators read it.")
    explanation: Text | None = REASONS


class PaymentEvent(Command):
    name = "payment_event"
    roles = ("system",)
    about = "The payment provider reports that a payment came back, or what the client's bank does."
    sample = {"event": "returned", "leg": "1.payout", "reference": "re_81"}
    for_operators = ("reference",)

    event: Literal["returned", "chargeback_opened", "chargeback_closed"] = Field(description="What happened.")
    leg: Name | None = Field(
        default=None, validate_default=True, description="The leg of a payment that came back, such as `1.refund`."
    )
    amount: Int64 | None = Field(default=None, description="What the client's bank took, in minor units.")
    respond_by: Instant | None = Field(default=None, description="Until when the bank can be answered.")
    outcome: Literal["won", "lost"] | None = Field(
        default=None, validate_default=True, description="How the bank decided; `lost`: the client has the money."
    )
    reference: Name | None = Field(default=None, description="The provider's reference. Only operators read it.")

    @field_validator("leg", "outcome")
    @classmethod
    def _is_needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        needed = {"leg": "returned", "outcome": "chargeback_closed"}
        if value is None and info.data.get("event") == needed[info.field_name or ""]:
            raise ValueError("is missing")
        return value
