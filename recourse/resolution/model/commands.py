"""The commands and their fields, and reading them from plain JSON without ever failing."""

from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StrictBool, model_validator

from recourse.resolution.model.command import AMOUNT, Command
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.fields import Instant, Int64, Name, NonBlank, NonEmptyText, Text
from recourse.resolution.model.operator_commands import (
    HoldOrder,
    LiftHold,
    OpenCase,
    PaymentEvent,
    Propose,
    ReleaseCase,
    RetryPayment,
    Rule,
    SettleByHand,
    TakeCase,
    TakeNote,
)
from recourse.resolution.model.vocabulary import Kind, Rating, Visibility


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
    about = "Asks the other side to cancel, to extend, for an update, for a partial refund, or to buy an extra."
    sample = {"kind": "cancel", "reason": "other", "comment": "I no longer need it."}
    for_operators = ("private_note",)

    kind: Kind = Field(description="The kind of request.")
    reason: Name | None = Field(default=None, description="A reason code of the order's policy.")
    private_note: Text | None = Field(default=None, description="Note that only operators can read.")
    attestations: tuple[Name, ...] = Field(default=(), max_length=50, description="The confirmations that are made.")
    amount: Int64 | None = Field(
        default=None,
        description="In minor units: what the freelancer gets before commission, what the client gets back in a "
        "partial refund, or what an extra costs.",
    )
    extend_by: Annotated[Duration, Field(gt=timedelta(0))] | None = Field(
        default=None, description="How much more time an extension or an extra asks for."
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
    about = "Escalates a declined cancel request, or after completion a complaint, to an operator."


class GiveTime(Command):
    name = "give_time"
    roles = ("client", "freelancer")
    about = "Gives the other side more time to answer your open request."
    sample = {"by": "24h"}

    by: Annotated[Duration, Field(gt=timedelta(0))] = Field(
        description="How much more time, such as `24h`; it counts like the window."
    )


class GoAway(Command):
    name = "away"
    roles = ("client", "freelancer")
    about = "Says that you are away: your own answer windows stand still until then."
    sample = {"until": "2030-01-01T12:00:00Z"}

    until: Instant = Field(description="When you are back; cut to what the policy leaves you.")


class ComeBack(Command):
    name = "back"
    roles = ("client", "freelancer")
    about = "Says that you are back: your answer windows run again."


class NoteToStaff(Command):
    name = "note_to_staff"
    roles = ("client", "freelancer")
    about = "Writes a note to operators; the other side does not learn of it."
    sample = {"text": "Please look at the second file."}
    for_operators = ("text",)
    unseen = True

    text: NonBlank = Field(description="The note; only operators can read it.")


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
    | GiveTime
    | GoAway
    | ComeBack
    | HoldOrder
    | LiftHold
    | OpenCase
    | TakeCase
    | ReleaseCase
    | TakeNote
    | NoteToStaff
)
# A new command in the union has its signal and update at once; `decide` fails the type check until it has a rule.
COMMANDS: dict[str, type[AnyCommand]] = {command.name: command for command in get_args(AnyCommand)}
