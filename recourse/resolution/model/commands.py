"""The commands and their fields, and reading them from plain JSON without ever failing."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, StrictBool, model_validator

from recourse.resolution.model.durations import Duration
from recourse.resolution.model.fields import CommandId, Instant, Int64, Name, NonBlank, NonEmptyText, Text
from recourse.resolution.model.vocabulary import Fault, Frozen, Kind, Rating, Role, Visibility

AMOUNT: Any = Field(default=None, description="In minor units: what the freelancer gets before commission.")
LEG: Any = Field(description="The leg of a payment, such as `1.refund`.")
EXPLANATION: Any = Field(default=None, description="The reasons. Both parties receive them.")


class Actor(Frozen):
    """Who gives a command: a role, and the id that the marketplace knows them by."""

    role: Role = Field(description="The role of the actor.")
    id: Name = Field(description="The actor's id in the marketplace.")


class Command(Frozen):
    """What every command carries.

    For people: `about` says what the command does, `sample` has such fields as it takes besides the actor.
    """

    name: ClassVar[str]
    roles: ClassVar[tuple[Role, ...]]
    about: ClassVar[str]
    sample: ClassVar[dict[str, Any]] = {}

    actor: Actor = Field(description="Who gives the command.")
    command_id: CommandId | None = Field(
        default=None, description="Idempotency key, unique per actor. The same id again gets the first outcome."
    )
    expected_version: Int64 | None = Field(
        default=None,
        description="The version of the offer that you answer. If it has changed, the command is refused.",
    )
    sent_at: Instant | None = Field(
        default=None, description="Stamped by Recourse's own client and HTTP API; other senders leave it out."
    )
    comment: Text | None = Field(default=None, description="Message to the other party.")

    @property
    def said(self) -> str | None:
        """The comment, unless it is blank: an empty text explains nothing."""
        return self.comment if self.comment and self.comment.strip() else None


class SubmitRequirements(Command):
    name = "submit_requirements"
    roles = ("client",)
    about = "The client hands in what the freelancer needs; the delivery time starts."


class Deliver(Command):
    name = "deliver"
    roles = ("freelancer",)
    about = "The freelancer delivers; the auto-complete clock starts."


class AskRevision(Command):
    name = "ask_revision"
    roles = ("client",)
    about = "The client sends the delivery back for a revision."


class Complete(Command):
    name = "complete"
    roles = ("client",)
    about = "The client accepts the delivery; the freelancer is paid."


class MakeRequest(Command):
    name = "request"
    roles = ("client", "freelancer")
    about = "Asks the other side to cancel, to extend, for an update, or offers a partial refund."
    sample = {"kind": "cancel", "reason": "other", "comment": "I no longer need it."}

    kind: Kind = Field(description="The kind of request.")
    reason: Name | None = Field(default=None, description="A reason code of the order's policy.")
    private_note: Text | None = Field(default=None, description="Note that only operators can read.")
    attestations: tuple[Name, ...] = Field(default=(), max_length=50, description="The confirmations that are made.")
    amount: Int64 | None = Field(
        default=None,
        description="In minor units: what the freelancer gets before commission, or what the client gets back in a "
        "partial refund.",
    )
    extend_by: Annotated[Duration, Field(gt=timedelta(0))] | None = Field(
        default=None, description="How much more time an extension asks for."
    )
    approval: Literal["if_needed", "ask", "skip"] = Field(
        default="if_needed",
        description="`if_needed`: cancel at once if that is allowed; `ask`: ask anyway; `skip`: only if it is allowed.",
    )
    no_agreement: StrictBool = Field(default=False, description="The parties do not agree: an operator decides.")

    @model_validator(mode="after")
    def _extends_by_something(self) -> Self:
        if self.kind == "extension" and self.extend_by is None:
            raise ValueError("extend_by is required for an extension, such as '48h'")
        return self


class Accept(Command):
    name = "accept"
    roles = ("client", "freelancer")
    about = "Agrees to the open request, or to the operator's proposal."


class Decline(Command):
    name = "decline"
    roles = ("client", "freelancer")
    about = "Declines the open request, or the operator's proposal."


class Counter(Command):
    name = "counter"
    roles = ("client", "freelancer")
    about = "Answers a request with another amount."
    sample = {"amount": 5000}

    amount: Int64 | None = Field(
        default=None,
        description="In minor units: what the freelancer gets before commission, or what the client gets back in a "
        "partial refund.",
    )


class Withdraw(Command):
    name = "withdraw"
    roles = ("client", "freelancer")
    about = "Withdraws your own open request, or the case that you opened."


class Settle(Command):
    name = "settle"
    roles = ("client", "freelancer")
    about = "Offers a settlement amount while a case is open."
    sample = {"amount": 5000}

    amount: Int64 | None = AMOUNT


class UndoCancellation(Command):
    name = "undo"
    roles = ("client", "freelancer")
    about = "Undoes a cancellation, if the policy allows it."


class Escalate(Command):
    name = "escalate"
    roles = ("client", "freelancer")
    about = "Escalates a declined cancel request to an operator."


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

    outcome: Literal["cancel", "continue", "let_them_decide"] = Field(
        description="How the case ends; `cancel` needs an amount."
    )
    amount: Int64 | None = AMOUNT
    explanation: Text | None = EXPLANATION
    fault: Fault = Field(default="none", description="The party at fault for the cancellation.")
    exempt: StrictBool = Field(default=False, description="Do not count the cancellation in the freelancer's score.")


class Appeal(Command):
    name = "appeal"
    roles = ("client", "freelancer")
    about = "Appeals the ruling, once, with new words or evidence; another operator decides."
    sample = {"comment": "Page four was left out."}


class SendMessage(Command):
    name = "message"
    roles = ("client", "freelancer")
    about = "Sends a message to the other side; the record keeps it."
    sample = {"comment": "When will it be ready?"}

    comment: NonBlank = Field(description="Message to the other party.")


class AddEvidence(Command):
    name = "add_evidence"
    roles = ("client", "freelancer")
    about = "Records a file that is stored elsewhere: title, kind, SHA-256 and address."
    sample = {"title": "Chat", "kind": "screenshot", "sha256": "0" * 64, "address": "https://files.example/chat.png"}

    title: Name = Field(description="The file's title.")
    kind: Name = Field(description="The kind of file, such as `screenshot`.")
    sha256: Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{64}$")] = Field(
        description="The file's SHA-256 hash, 64 hexadecimal digits."
    )
    address: NonEmptyText = Field(description="Where the file is kept.")


class LeaveFeedback(Command):
    name = "leave_feedback"
    roles = ("client", "freelancer")
    about = "Reviews the other side, publicly or privately, once each."
    sample = {"visibility": "public", "rating": "positive", "text": "Quick and friendly."}

    visibility: Visibility = Field(description="Whether the other party can read it.")
    rating: Rating = Field(description="Your rating.")
    text: Text = Field(default="", description="Your review.")


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

    leg: Name = LEG
    reference: Name = Field(description="The reference of the payment. Only operators read it.")
    explanation: Text | None = Field(default=None, description="The reasons. Only operators read them.")


class PaymentEvent(Command):
    name = "payment_event"
    roles = ("system",)
    about = "The payment provider reports that a payment came back."
    sample = {"event": "returned", "leg": "1.payout", "reference": "re_81"}

    event: Literal["returned"] = Field(description="What happened.")
    leg: Name = LEG
    reference: Name | None = Field(default=None, description="The provider's reference. Only operators read it.")


class OrderAgain(Command):
    name = "order_again"
    roles = ("system",)
    about = "The two parties started another order; this affects scores only."


AnyCommand = (
    SubmitRequirements
    | Deliver
    | AskRevision
    | Complete
    | MakeRequest
    | Accept
    | Decline
    | Counter
    | Withdraw
    | Settle
    | UndoCancellation
    | Escalate
    | Propose
    | Rule
    | Appeal
    | SendMessage
    | AddEvidence
    | LeaveFeedback
    | RetryPayment
    | SettleByHand
    | PaymentEvent
    | OrderAgain
)
# A new command in the union has its signal and update at once; `decide` fails the type check until it has a rule.
COMMANDS: dict[str, type[AnyCommand]] = {command.name: command for command in get_args(AnyCommand)}
