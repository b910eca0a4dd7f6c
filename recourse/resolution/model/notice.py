"""What receivers are told: the names of notices, and what one carries."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.display import Display
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.money import Balances
from recourse.resolution.model.payments import ChargebackStatus
from recourse.resolution.model.vocabulary import (
    FallbackEnd,
    Fault,
    How,
    Party,
    Phase,
    Rating,
    RequestKind,
    RequestStatus,
    RulingOutcome,
    SettlementStatus,
    Silence,
    Stage,
    View,
    Whose,
    if_any,
)

Receiver = Literal["client", "freelancer", "operator"]
NoticeName = Literal[
    "requirements_submitted",
    "revision_requested",
    "order_delivered",
    "order_completed",
    "request_opened",
    "request_countered",
    "answer_reminder",
    "request_accepted",
    "request_declined",
    "request_withdrawn",
    "request_lapsed",
    "request_superseded",
    "case_withdrawn",
    "settlement_offered",
    "case_closed",
    "order_canceled",
    "cancellation_undone",
    "case_opened",
    "proposal_made",
    "ruling_made",
    "ruling_needed",
    "appeal_opened",
    "case_reminder",
    "case_overdue",
    "money_settled",
    "payment_blocked",
    "payment_returned",
    "chargeback_opened",
    "chargeback_closed",
    "debt_recorded",
    "message_received",
    "feedback_received",
    "follow_up",
    "note_received",
    "case_taken_over",
    "party_away",
    "time_given",
    "order_held",
    "hold_lifted",
]
NOTICES: tuple[NoticeName, ...] = get_args(NoticeName)
# What it means if nobody acts until the deadline of a notice.
Consequence = Literal[Silence, FallbackEnd, "ruling", "ruling_stands", "settles"]
# The commands with which a reader may be able to answer a notice.
NoticeAnswer = Literal[
    "accept",
    "decline",
    "counter",
    "settle",
    "withdraw",
    "propose",
    "rule",
    "undo",
    "appeal",
    "escalate",
    "complete",
    "ask_revision",
]


class Amounts(Balances):
    """Where the money is, or where a closed order's money ends up."""

    currency: str = Field(description="The currency of the amounts, by ISO 4217.")


class RequestTold(View):
    """The order's latest request."""

    number: int = Field(description="The number of the request within the order, from 1.")
    kind: RequestKind = Field(description="What is asked for.")
    status: RequestStatus = Field(description="`open` while it waits for an answer; then how it ended.")
    opened_by: Party = Field(description="The party that opened it.")
    version: int = Field(description="The version of the offer; an answer names it as `expected_version`.")
    amount: int | None = Field(
        description="The amount offered, in minor units: the freelancer's gross, or the client's part of a refund."
    )
    extend_by: Duration | None = Field(description="How much longer an extension is to last, such as `48h`.")
    reason: str | None = Field(description="The reason code, as the policy names it.")


class CaseTold(View):
    """The order's latest case."""

    stage: Stage = Field(description="Where the case stands.")
    opened_by: Party | Literal["system", "operator"] = Field(
        description="Who opened it; `system`: a deadline or the policy did."
    )


class ResolutionTold(View):
    """How a canceled order ended."""

    how: How = Field(description="What ended it.")
    initiator: Party | Literal["system", "operator"] = Field(description="Who began it.")
    reason: str | None = Field(description="The reason code of the request.")
    fault: Fault = Field(description="The party at fault.")


class ChargebackTold(View):
    """The order's latest chargeback."""

    amount: int = Field(description="What the client's bank took, in minor units.")
    status: ChargebackStatus = Field(description="`won`: the money is back. `lost`: the client has it for good.")
    respond_by: AwareDatetime | None = Field(description="Until when the marketplace can answer the bank.")


class NoticeBody(View):
    """What a notice carries: the order as it stands, what its reader can do, and what happened, where that says more.

    What a newer build adds is kept, and delivered.
    """

    model_config = ConfigDict(extra="allow", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    order_id: str = Field(description="The order's id.")
    phase: Phase = Field(description="Where the order stands.")
    request: RequestTold | None = Field(description="The latest request.")
    case: CaseTold | None = Field(description="The latest case.")
    resolution: ResolutionTold | None = Field(description="How a canceled order ended.")
    amounts: Amounts = Field(description="Where the money is now, or ends up if the order is closed.")
    settlement: SettlementStatus = Field(description="Where the final payment stands.")
    turn: Whose = Field(description="Who must act next.")
    deadline: AwareDatetime | None = Field(description="Until when somebody can act.")
    silence_means: Consequence | None = Field(description="What happens if nobody acts until then.")
    answers: list[NoticeAnswer] = Field(description="The commands with which this reader could answer.")
    if_accepted: Amounts | None = if_any("Where the money would be if everybody who is asked accepts.")
    comment: str | None = if_any("What somebody wrote.")
    explanation: str | None = if_any("Why the operator proposes or rules so.")
    reason: str | None = if_any("The reason code that was given.")
    amount: int | None = if_any("The amount that was named, in minor units.")
    version: int | None = if_any("The version of the offer that was made.")
    outcome: RulingOutcome | None = if_any("What the operator ruled.")
    status: RequestStatus | None = if_any("How the request ended.")
    leg: str | None = if_any("The leg of a payment, such as `1.refund`.")
    chargeback: ChargebackTold | None = if_any("The chargeback that was opened or closed.")
    text: str | None = if_any("The text of a public review.")
    rating: Rating | None = if_any("The rating of a public review.")
    until: AwareDatetime | None = if_any("Until when the other party is away, or the order is on hold.")
    for_: str | None = Field(
        default=None,
        alias="for",
        exclude_if=lambda value: value is None,
        description="The one operator that the notice is for, by id.",
    )


class Notice(BaseModel):
    """What one receiver is told."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="The same each time that the notice is sent.")
    to: Receiver = Field(description="The role that is told.")
    name: str = Field(description="What has happened.", json_schema_extra={"examples": list(NOTICES)})
    at: AwareDatetime = Field(description="When it happened.")
    body: NoticeBody = Field(description="What the notice carries.")


def read_notice(stored: Mapping[str, Any]) -> Notice:
    """A stored notice. Raises NeedsNewerBuild where it holds what only a newer build knows."""
    try:
        return Notice.model_validate(stored, extra="allow")
    except ValidationError as error:
        raise NeedsNewerBuild(f"Notice {stored['id']}") from error


class NoticeData(NoticeBody):
    """What a notice carries, whom it is for, and what people call the order."""

    to: Receiver = Field(description="The role that is told.")
    display: Display | None = if_any("What people call the order and its parties.")
    page_url: str | None = if_any("The order's page.")


class WebhookBody(View):
    """A notice, as a webhook brings it. Its id is the header `webhook-id`."""

    type: str = Field(description="What has happened.", json_schema_extra={"examples": list(NOTICES)})
    timestamp: AwareDatetime = Field(description="When it happened.")
    data: NoticeData = Field(description="What the notice carries.")
