"""What can happen to an order. Each event is a fact, told once; `evolve` says what it changes."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.durations import Duration
from recourse.resolution.model.order import Resolution, Sums
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
    due_at: AwareDatetime


class Delivered(Frozen):
    event: Literal["delivered"] = "delivered"


class RevisionRequested(Frozen):
    event: Literal["revision_requested"] = "revision_requested"


class Completed(Frozen):
    event: Literal["completed"] = "completed"
    by: By


class RequestOpened(Frozen):
    event: Literal["request_opened"] = "request_opened"
    number: int
    kind: RequestKind
    by: Party
    version: int
    amount: int | None = None
    extend_by: Duration | None = None
    reason: str | None = None
    comment: str | None = None
    private_note: str | None = if_any("A note to operators; the record keeps it apart.")
    answer_due_at: AwareDatetime | None = None
    reminder_at: AwareDatetime | None = None
    communicated: bool = False
    asks: bool = True


class RequestCountered(Frozen):
    event: Literal["request_countered"] = "request_countered"
    by: Party
    version: int
    amount: int
    comment: str | None = None
    answer_due_at: AwareDatetime
    reminder_at: AwareDatetime | None = None


class RequestEnded(Frozen):
    """`by_deadline`: nobody answered in time. The offer that ended then is remembered, so that a late answer to it
    is `expired`, whatever came after."""

    event: Literal["request_ended"] = "request_ended"
    status: RequestStatus
    kind: RequestKind
    by: By
    comment: str | None = None
    by_deadline: bool = False


class RequestReopened(Frozen):
    event: Literal["request_reopened"] = "request_reopened"
    answer_due_at: AwareDatetime
    reminder_at: AwareDatetime | None = None


class AnswerReminded(Frozen):
    event: Literal["answer_reminded"] = "answer_reminded"


class DueDateMoved(Frozen):
    event: Literal["due_date_moved"] = "due_date_moved"
    due_at: AwareDatetime


class PartRefunded(Frozen):
    """The client gets `amount` of the price back, the order goes on [R43]."""

    event: Literal["part_refunded"] = "part_refunded"
    amount: int


class PartReleased(Frozen):
    """The freelancer has earned `gross` in all so far; it is paid at once [R51-R57]."""

    event: Literal["part_released"] = "part_released"
    gross: int


class OrderCanceled(Frozen):
    event: Literal["order_canceled"] = "order_canceled"
    resolution: Resolution
    hold_until: AwareDatetime | None = None
    follow_up_at: AwareDatetime | None = None


class ResolutionChanged(Frozen):
    """A second ruling, or a new order between the two, changes how a canceled order counts."""

    event: Literal["resolution_changed"] = "resolution_changed"
    resolution: Resolution


class CancellationUndone(Frozen):
    event: Literal["cancellation_undone"] = "cancellation_undone"
    phase: OpenPhase
    due_at: AwareDatetime | None
    by_ruling: bool = False


class SettlementDue(Frozen):
    """The hold is over: the money is to move now."""

    event: Literal["settlement_due"] = "settlement_due"


class MoneyMoved(Frozen):
    """`told`: the parties hear of it by itself, because the money had been held or its provider had failed.
    `rest_at`: more became owed while this payment was being retried; when that is paid."""

    event: Literal["money_moved"] = "money_moved"
    sums: Sums
    final: bool
    told: bool
    rest_at: AwareDatetime | None = None


class PaymentFailed(Frozen):
    """`sums` is what the provider did not move; it is tried again as it is."""

    event: Literal["payment_failed"] = "payment_failed"
    sums: Sums
    retry_at: AwareDatetime


class AutoCompleteStopped(Frozen):
    """`left` is what it had left at the instant at which that counts which stops it."""

    event: Literal["auto_complete_stopped"] = "auto_complete_stopped"
    left: Duration


class AutoCompleteStarted(Frozen):
    event: Literal["auto_complete_started"] = "auto_complete_started"
    completes_at: AwareDatetime


class CaseOpened(Frozen):
    event: Literal["case_opened"] = "case_opened"
    by: By
    due_at: AwareDatetime
    initiator: By
    reason: str | None = None
    request: int | None = None
    took_request: bool = False
    escalated: bool = False
    review: bool = False
    dormant: bool = False


class CaseReminded(Frozen):
    event: Literal["case_reminded"] = "case_reminded"


class ProposalMade(Frozen):
    event: Literal["proposal_made"] = "proposal_made"
    version: int
    amount: int
    explanation: str
    due_at: AwareDatetime


class ProposalAccepted(Frozen):
    event: Literal["proposal_accepted"] = "proposal_accepted"
    by: Party


class RulingNeeded(Frozen):
    event: Literal["ruling_needed"] = "ruling_needed"
    by: By
    by_deadline: bool = False


class SettlementOffered(Frozen):
    event: Literal["settlement_offered"] = "settlement_offered"
    by: Party
    amount: int


class RulingMade(Frozen):
    event: Literal["ruling_made"] = "ruling_made"
    outcome: Literal["cancel", "continue", "let_them_decide"]
    operator: str | None
    amount: int | None = None
    explanation: str
    appealable_until: AwareDatetime | None = None
    overdue: bool = False


class CaseClosed(Frozen):
    event: Literal["case_closed"] = "case_closed"
    because: Literal[
        "proposal", "ruling", "fallback", "appeal_over", "settled", "withdrawn", "completed", "canceled_alone"
    ]
    by: By | Literal["operator"]


class AppealOpened(Frozen):
    event: Literal["appeal_opened"] = "appeal_opened"
    by: Party
    comment: str
    due_at: AwareDatetime


class AppealUndecided(Frozen):
    event: Literal["appeal_undecided"] = "appeal_undecided"


class MessageSent(Frozen):
    event: Literal["message_sent"] = "message_sent"
    by: Party
    comment: str


class EvidenceAdded(Frozen):
    event: Literal["evidence_added"] = "evidence_added"
    by: Party
    title: str
    kind: str
    sha256: str
    address: str


class FeedbackLeft(Frozen):
    event: Literal["feedback_left"] = "feedback_left"
    by: Party
    visibility: Visibility
    rating: Rating
    text: str


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
