"""What can happen to an order. Each event is a fact, recorded once; `evolve` says what it changes."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.case_events import (
    AppealOpened,
    AppealUndecided,
    CaseClosed,
    CaseOpened,
    CaseReleased,
    CaseReminded,
    CaseTaken,
    ProposalAccepted,
    ProposalMade,
    RulingMade,
    RulingNeeded,
    SettlementOffered,
)
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.opening_state import Imported
from recourse.resolution.model.order import Resolution
from recourse.resolution.model.payment_events import AnyPaymentEvent
from recourse.resolution.model.standing import ClocksMoved, HoldLifted, OrderHeld
from recourse.resolution.model.vocabulary import (
    By,
    Frozen,
    Initiator,
    OpenPhase,
    Party,
    Rating,
    RequestKind,
    RequestStatus,
    Visibility,
    if_any,
)


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
    at_least: int | None = if_any("The least amount that the party may name, in minor units.")


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
    by: Initiator = Field(description="Who ended it; `system`: a deadline or another event did.")
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
    """The client gets `amount` of the price back [R43]; the order goes on, or stays completed, at the reduced price."""

    event: Literal["part_refunded"] = "part_refunded"
    amount: int = Field(description="What of the price goes back, in minor units.")


class ExtraAgreed(Frozen):
    """The price and its service fee grow; the marketplace has collected both from the client [R36]."""

    event: Literal["extra_agreed"] = "extra_agreed"
    amount: int = Field(description="What the extra costs, in minor units.")
    service_fee: int = Field(description="The service fee on it, in minor units.")


class TimeGiven(Frozen):
    event: Literal["time_given"] = "time_given"
    by: Party = Field(description="The party that gives it.")
    length: Duration = Field(description="How much time it gives.")
    answer_due_at: AwareDatetime = Field(description="The deadline of the answer now.")
    reminder_at: AwareDatetime | None = Field(default=None, description="When the party that must answer is reminded.")


class WentAway(Frozen):
    event: Literal["went_away"] = "went_away"
    by: Party = Field(description="The party that is away.")
    until: AwareDatetime = Field(description="When it is back.")
    asked: bool = Field(default=False, description="Whether it has something to answer.")


class CameBack(Frozen):
    """It came back before its time, by a command of its own."""

    event: Literal["came_back"] = "came_back"
    by: Party = Field(description="The party that is back.")


class AnswersMoved(Frozen):
    """The windows of a party stood still, or do so no more."""

    event: Literal["answers_moved"] = "answers_moved"
    by: Party = Field(description="The party that must answer.")
    answer_due_at: AwareDatetime | None = Field(default=None, description="The deadline of its answer to the request.")
    reminder_at: AwareDatetime | None = Field(default=None, description="When it is reminded of that.")
    proposal_due_at: AwareDatetime | None = Field(default=None, description="The deadline of its answer to a proposal.")


class NoteTaken(Frozen):
    """A note for operators; its text is kept apart in the record."""

    event: Literal["note_taken"] = "note_taken"
    by: Party | Literal["operator"] = Field(description="Who wrote it.")
    told: bool = Field(default=False, description="Whether operators are told.")


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


class AutoCompleteStopped(Frozen):
    """`left` is what it had left at the instant at which that counts which stops it."""

    event: Literal["auto_complete_stopped"] = "auto_complete_stopped"
    left: Duration = Field(description="The time that was left.")


class AutoCompleteStarted(Frozen):
    event: Literal["auto_complete_started"] = "auto_complete_started"
    completes_at: AwareDatetime = Field(description="When the order completes by itself.")


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
    Imported
    | RequirementsSubmitted
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
    | ExtraAgreed
    | TimeGiven
    | WentAway
    | CameBack
    | AnswersMoved
    | CaseTaken
    | CaseReleased
    | NoteTaken
    | OrderHeld
    | HoldLifted
    | ClocksMoved
    | OrderCanceled
    | ResolutionChanged
    | CancellationUndone
    | AnyPaymentEvent
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
