"""What can happen to an order. Each event is a fact, recorded once; `evolve` says what it changes."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.durations import Duration
from recourse.resolution.model.order import Resolution
from recourse.resolution.model.payment_events import (
    LegBlocked,
    LegPaid,
    LegRetried,
    LegReturned,
    LegsFailed,
    MoneyMoved,
    MoneySettled,
    PaymentFailed,
    PaymentMade,
)
from recourse.resolution.model.vocabulary import (
    Frozen,
    OpenPhase,
    Party,
    Rating,
    RequestKind,
    RequestStatus,
    Visibility,
    if_any,
)

By = Party | Literal["system"]


class RequirementsSubmitted(Frozen):
    event: Literal["requirements_submitted"] = "requirements_submitted"
    due_at: AwareDatetime = Field(description="When the work is due.")


class Delivered(Frozen):
    event: Literal["delivered"] = "delivered"


class RevisionRequested(Frozen):
    event: Literal["revision_requested"] = "revision_requested"


class Completed(Frozen):
    event: Literal["completed"] = "completed"
    by: By = Field(description="Who completed it; `system`: it completed by itself.")


class RequestOpened(Frozen):
    event: Literal["request_opened"] = "request_opened"
    number: int = Field(description="The number of the request within the order, from 1.")
    kind: RequestKind = Field(description="What is asked for.")
    by: Party = Field(description="The party that asks.")
    version: int = Field(description="The version of the offer; an answer names it as `expected_version`.")
    amount: int | None = Field(default=None, description="The amount offered, in minor units.")
    extend_by: Duration | None = Field(default=None, description="How much longer an extension is to last.")
    reason: str | None = Field(default=None, description="The reason code.")
    comment: str | None = Field(default=None, description="What the party wrote.")
    private_note: str | None = if_any("A note to operators; the record keeps it apart.")
    answer_due_at: AwareDatetime | None = Field(default=None, description="The deadline of the answer.")
    reminder_at: AwareDatetime | None = Field(default=None, description="When the party that must answer is reminded.")
    communicated: bool = Field(default=False, description="Whether the party had sent a message before.")
    asks: bool = Field(default=True, description="Whether the other side must answer.")


class RequestCountered(Frozen):
    event: Literal["request_countered"] = "request_countered"
    by: Party = Field(description="The party that names another amount.")
    version: int = Field(description="The version of the offer; an answer names it as `expected_version`.")
    amount: int = Field(description="The other amount, in minor units.")
    comment: str | None = Field(default=None, description="What the party wrote.")
    answer_due_at: AwareDatetime = Field(description="The deadline of the answer.")
    reminder_at: AwareDatetime | None = Field(default=None, description="When the party that must answer is reminded.")


class RequestEnded(Frozen):
    """`by_deadline`: nobody answered in time. The offer that ended then is remembered, so that a late answer to it
    is `expired`, whatever came after."""

    event: Literal["request_ended"] = "request_ended"
    status: RequestStatus = Field(description="How it ended.")
    kind: RequestKind = Field(description="What was asked for.")
    by: By = Field(description="Who ended it; `system`: a deadline or another event did.")
    comment: str | None = Field(default=None, description="What somebody wrote.")
    by_deadline: bool = Field(default=False, description="Whether nobody answered in time.")


class RequestReopened(Frozen):
    event: Literal["request_reopened"] = "request_reopened"
    answer_due_at: AwareDatetime = Field(description="The deadline of the answer.")
    reminder_at: AwareDatetime | None = Field(default=None, description="When the party that must answer is reminded.")


class AnswerReminded(Frozen):
    event: Literal["answer_reminded"] = "answer_reminded"


class DueDateMoved(Frozen):
    event: Literal["due_date_moved"] = "due_date_moved"
    due_at: AwareDatetime = Field(description="When the work is due now.")


class PartRefunded(Frozen):
    """The client gets `amount` of the price back, the order goes on [R43]."""

    event: Literal["part_refunded"] = "part_refunded"
    amount: int = Field(description="What of the price goes back, in minor units.")


class PartReleased(Frozen):
    """The freelancer has earned `gross` in all so far; it is paid at once [R51-R57]."""

    event: Literal["part_released"] = "part_released"
    gross: int = Field(description="What the freelancer has earned so far before commission, in minor units.")


class OrderCanceled(Frozen):
    event: Literal["order_canceled"] = "order_canceled"
    resolution: Resolution = Field(description="How it was canceled.")
    hold_until: AwareDatetime | None = Field(default=None, description="Until when the money is held.")
    follow_up_at: AwareDatetime | None = Field(default=None, description="When the freelancer is told to follow up.")


class ResolutionChanged(Frozen):
    """A second ruling, or a new order between the two, changes how a canceled order counts."""

    event: Literal["resolution_changed"] = "resolution_changed"
    resolution: Resolution = Field(description="How it counts now.")


class CancellationUndone(Frozen):
    event: Literal["cancellation_undone"] = "cancellation_undone"
    phase: OpenPhase = Field(description="The phase in which the order goes on.")
    due_at: AwareDatetime | None = Field(description="When the work is due.")
    by_ruling: bool = Field(default=False, description="Whether an operator ruled so.")


class SettlementDue(Frozen):
    """The hold is over: the money is to move now."""

    event: Literal["settlement_due"] = "settlement_due"


class AutoCompleteStopped(Frozen):
    """`left` is what it had left at the instant at which that counts which stops it."""

    event: Literal["auto_complete_stopped"] = "auto_complete_stopped"
    left: Duration = Field(description="The time that was left.")


class AutoCompleteStarted(Frozen):
    event: Literal["auto_complete_started"] = "auto_complete_started"
    completes_at: AwareDatetime = Field(description="When the order completes by itself.")


class CaseOpened(Frozen):
    event: Literal["case_opened"] = "case_opened"
    by: By = Field(description="Who opened it; `system`: a deadline or the policy did.")
    due_at: AwareDatetime = Field(description="When the policy's fallback decides in place of an operator.")
    initiator: By = Field(description="Who began the cancellation.")
    reason: str | None = Field(default=None, description="The reason code.")
    request: int | None = Field(default=None, description="The number of the request that it came from.")
    took_request: bool = Field(default=False, description="Whether that request was still open.")
    escalated: bool = Field(default=False, description="Whether a party escalated it.")
    review: bool = Field(
        default=False, description="Whether an operator reviews a request before it is put to the other side."
    )
    dormant: bool = Field(default=False, description="Whether nobody had moved the order for long.")


class CaseReminded(Frozen):
    event: Literal["case_reminded"] = "case_reminded"


class ProposalMade(Frozen):
    event: Literal["proposal_made"] = "proposal_made"
    version: int = Field(description="The version of the offer; an answer names it as `expected_version`.")
    amount: int = Field(description="The freelancer's gross, in minor units.")
    explanation: str = Field(description="Why; both parties read it.")
    due_at: AwareDatetime = Field(description="The deadline of the parties' answers.")


class ProposalAccepted(Frozen):
    event: Literal["proposal_accepted"] = "proposal_accepted"
    by: Party = Field(description="The party that accepted.")


class RulingNeeded(Frozen):
    event: Literal["ruling_needed"] = "ruling_needed"
    by: By = Field(description="Who declined the proposal; `system`: nobody answered it in time.")
    by_deadline: bool = Field(default=False, description="Whether nobody answered in time.")


class SettlementOffered(Frozen):
    event: Literal["settlement_offered"] = "settlement_offered"
    by: Party = Field(description="The party that offers it.")
    amount: int = Field(description="The freelancer's gross, in minor units.")


class RulingMade(Frozen):
    event: Literal["ruling_made"] = "ruling_made"
    outcome: Literal["cancel", "continue", "let_them_decide"] = Field(description="What was ruled.")
    operator: str | None = Field(description="The operator's id; null: nobody ruled in time.")
    amount: int | None = Field(default=None, description="The freelancer's gross of a canceled order, in minor units.")
    explanation: str = Field(description="Why.")
    appealable_until: AwareDatetime | None = Field(default=None, description="The deadline of an appeal.")
    overdue: bool = Field(default=False, description="Whether the policy's fallback decided in place of an operator.")


class CaseClosed(Frozen):
    event: Literal["case_closed"] = "case_closed"
    because: Literal[
        "proposal", "ruling", "fallback", "appeal_over", "settled", "withdrawn", "completed", "canceled_alone"
    ] = Field(description="What closed it.")
    by: By | Literal["operator"] = Field(description="Who closed it.")


class AppealOpened(Frozen):
    event: Literal["appeal_opened"] = "appeal_opened"
    by: Party = Field(description="The party that appeals.")
    comment: str = Field(description="Why.")
    due_at: AwareDatetime = Field(description="When the ruling stands if nobody decides.")


class AppealUndecided(Frozen):
    event: Literal["appeal_undecided"] = "appeal_undecided"


class MessageSent(Frozen):
    event: Literal["message_sent"] = "message_sent"
    by: Party = Field(description="The party that wrote it.")
    comment: str = Field(description="The message.")


class EvidenceAdded(Frozen):
    event: Literal["evidence_added"] = "evidence_added"
    by: Party = Field(description="The party that added it.")
    title: str = Field(description="The title of the file.")
    kind: str = Field(description="The kind of the file.")
    sha256: str = Field(description="The SHA-256 of the file.")
    address: str = Field(description="Where the file can be read.")


class FeedbackLeft(Frozen):
    event: Literal["feedback_left"] = "feedback_left"
    by: Party = Field(description="The party that left it.")
    visibility: Visibility = Field(description="Who may read it.")
    rating: Rating = Field(description="The rating.")
    text: str = Field(description="The text of the review.")


class FollowedUp(Frozen):
    event: Literal["followed_up"] = "followed_up"


Event = Annotated[
    RequirementsSubmitted
    | Delivered
    | RevisionRequested
    | Completed
    | RequestOpened
    | RequestCountered
    | RequestEnded
    | RequestReopened
    | AnswerReminded
    | DueDateMoved
    | PartRefunded
    | PartReleased
    | OrderCanceled
    | ResolutionChanged
    | CancellationUndone
    | SettlementDue
    | MoneyMoved
    | PaymentFailed
    | PaymentMade
    | LegPaid
    | LegRetried
    | LegReturned
    | LegBlocked
    | LegsFailed
    | MoneySettled
    | AutoCompleteStopped
    | AutoCompleteStarted
    | CaseOpened
    | CaseReminded
    | ProposalMade
    | ProposalAccepted
    | RulingNeeded
    | SettlementOffered
    | RulingMade
    | CaseClosed
    | AppealOpened
    | AppealUndecided
    | MessageSent
    | EvidenceAdded
    | FeedbackLeft
    | FollowedUp,
    Field(discriminator="event"),
]
