"""The shapes of notices. A test holds every notice of every story to them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from recourse.activities.letters import SENTENCES, SILENCE
from recourse.resolution.model.step import Receiver
from recourse.resolution.model.vocabulary import (
    Fault,
    How,
    Party,
    Phase,
    Rating,
    RequestKind,
    RequestStatus,
    SettlementStatus,
    Stage,
)
from recourse.web.api.shapes import Answered


def grows(*known: str) -> Any:
    """A word of a list that may grow within a version; the ones that are known now are examples."""
    return Field(json_schema_extra={"examples": list(known)})


class Amounts(Answered):
    """Where the money is, or where a closed order's money ends up, in minor units."""

    client: int
    freelancer: int
    platform: int
    held: int
    currency: str


class RequestTold(Answered):
    """The order's latest request."""

    number: int
    kind: RequestKind
    status: RequestStatus
    opened_by: Party
    version: int
    amount: int | None
    extend_by: str | None
    reason: str | None


class CaseTold(Answered):
    """The order's latest case."""

    stage: Stage
    opened_by: Party | Literal["system"]


class ResolutionTold(Answered):
    """How a canceled order ended."""

    how: How
    initiator: Party | Literal["system"]
    reason: str | None
    fault: Fault


class Told(Answered):
    """What a notice carries. The last ones are there only where they belong to what happened."""

    to: Receiver
    order_id: str
    phase: Phase
    request: RequestTold | None
    case: CaseTold | None
    resolution: ResolutionTold | None
    amounts: Amounts
    settlement: SettlementStatus
    turn: Literal["client", "freelancer", "both", "operator", "nobody"] = Field(description="Who must act next.")
    deadline: datetime | None = Field(description="Until when somebody can act.")
    silence_means: str | None = Field(
        description="What it means if nobody does.", json_schema_extra={"examples": list(SILENCE)}
    )
    answers: list[str] = Field(description="The commands with which this reader could answer.")
    if_accepted: Amounts | None = Field(default=None, description="Where the money would be then.")
    comment: str | None = None
    explanation: str | None = None
    reason: str | None = None
    amount: int | None = None
    version: int | None = None
    outcome: Literal["cancel", "continue", "let_them_decide"] | None = None
    status: RequestStatus | None = None
    text: str | None = None
    rating: Rating | None = None


class WebhookBody(Answered):
    """A notice, as a webhook brings it. Its id is the header `webhook-id`."""

    type: Annotated[str, grows(*SENTENCES)]
    timestamp: datetime
    data: Told
