"""What can happen in a case."""

from typing import Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.vocabulary import By, Frozen, Initiator, Party, RulingOutcome, if_any


class CaseOpened(Frozen):
    event: Literal["case_opened"] = "case_opened"
    by: Initiator = Field(description="Who opened it; `system`: a deadline or the policy did.")
    due_at: AwareDatetime = Field(description="When the policy's fallback decides in place of an operator.")
    initiator: Initiator = Field(description="Who began the cancellation.")
    reason: str | None = Field(default=None, description="The reason code.")
    request: int | None = Field(default=None, description="The number of the request that it came from.")
    took_request: bool = Field(default=False, description="Whether that request was still open.")
    escalated: bool = Field(default=False, description="Whether a party escalated it.")
    review: bool = Field(
        default=False, description="Whether an operator reviews a request before it is put to the other side."
    )
    dormant: bool = Field(default=False, description="Whether nobody had moved the order for long.")
    explanation: str | None = if_any("Why an operator, or a party after completion, opened it.")


class CaseReminded(Frozen):
    event: Literal["case_reminded"] = "case_reminded"


class CaseTaken(Frozen):
    event: Literal["case_taken"] = "case_taken"
    operator: str = Field(description="The operator that works on it.")
    former: str | None = Field(default=None, description="The operator that had it before.")


class CaseReleased(Frozen):
    event: Literal["case_released"] = "case_released"
    operator: str = Field(description="The operator that gave it back.")


class ProposalMade(Frozen):
    event: Literal["proposal_made"] = "proposal_made"
    version: int = Field(description="The version of the offer; an answer names it as `expected_version`.")
    amount: int = Field(description="The freelancer's gross, in minor units.")
    explanation: str = Field(description="Why; both parties read it.")
    due_at: AwareDatetime = Field(description="The deadline of the parties' answers.")
    own_due_at: dict[Party, AwareDatetime] = Field(
        default={}, exclude_if=lambda due: not due, description="The deadline of each party, where one is away."
    )


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
    outcome: RulingOutcome = Field(description="What was ruled.")
    operator: str | None = Field(description="The operator's id; null: nobody ruled in time.")
    amount: int | None = Field(
        default=None,
        description="In minor units: the freelancer's gross of a canceled order, or what of the price goes back.",
    )
    explanation: str = Field(description="Why.")
    appealable_until: AwareDatetime | None = Field(default=None, description="The deadline of an appeal.")
    overdue: bool = Field(default=False, description="Whether the policy's fallback decided in place of an operator.")


class CaseClosed(Frozen):
    event: Literal["case_closed"] = "case_closed"
    because: Literal[
        "proposal",
        "ruling",
        "fallback",
        "appeal_over",
        "settled",
        "withdrawn",
        "completed",
        "canceled_alone",
        "charged_back",
    ] = Field(description="What closed it.")
    by: By | Literal["operator"] = Field(description="Who closed it.")


class AppealOpened(Frozen):
    event: Literal["appeal_opened"] = "appeal_opened"
    by: Party = Field(description="The party that appeals.")
    comment: str = Field(description="Why.")
    due_at: AwareDatetime = Field(description="When the ruling stands if nobody decides.")


class AppealUndecided(Frozen):
    event: Literal["appeal_undecided"] = "appeal_undecided"
