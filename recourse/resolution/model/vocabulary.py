"""The words of the contract: roles, phases, kinds and codes, each in one place."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["client", "freelancer", "operator", "system"]
Party = Literal["client", "freelancer"]
By = Party | Literal["system"]
Initiator = By | Literal["operator"]
Phase = Literal["waiting_requirements", "in_progress", "delivered", "in_revision", "completed", "canceled"]
OpenPhase = Literal["waiting_requirements", "in_progress", "delivered", "in_revision"]
Lateness = Literal["on_time", "late", "very_late"]
Kind = Literal["cancel", "extension", "update", "partial_refund", "extra"]
RequestKind = Literal["cancel", "extension", "update", "partial_refund", "extra", "undo"]
RequestStatus = Literal["open", "accepted", "declined", "withdrawn", "lapsed", "superseded", "escalated"]
Silence = Literal["accept", "decline", "escalate", "lapse"]
Stage = Literal["mediation", "ruling", "appeal", "closed"]
How = Literal[
    "mutual",
    "expired_accepted",
    "unilateral",
    "forced_late",
    "regretted",
    "mediated",
    "ruling",
    "fallback",
    "abandoned",
    "charged_back",
]
Fault = Literal["client", "freelancer", "none"]
ExemptBecause = Literal["waiting_requirements", "operator", "new_order", "chargeback"]
SettlementStatus = Literal["none", "held", "executing", "settled", "retrying", "blocked"]
Right = Literal["waiting_requirements", "very_late", "regret_window", "full_return"]
Fallback = Literal["cancel_full_refund", "cancel_split", "continue", "for_who_spoke"]
# What a fallback comes to when the case is over; `completes`: a delivered order is completed.
FallbackEnd = Literal["cancel_full_refund", "cancel_split", "continue", "completes", "let_them_decide"]
# `refund`: a part of the price goes back after completion.
RulingOutcome = Literal["cancel", "continue", "let_them_decide", "refund"]
Visibility = Literal["public", "private"]
Rating = Literal["positive", "negative"]

# Who must act next.
Whose = Literal["client", "freelancer", "both", "operator", "nobody"]

PARTIES: tuple[Party, ...] = get_args(Party)
OPEN_PHASES: tuple[OpenPhase, ...] = get_args(OpenPhase)


def party_of(role: str) -> Party:
    """The side that a role speaks for; the client's where it speaks for neither."""
    return "freelancer" if role == "freelancer" else "client"


def other(party: Party) -> Party:
    """The other side of the order."""
    return "freelancer" if party == "client" else "client"


class Frozen(BaseModel):
    """A value of the rules: immutable, and strict about names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class View(BaseModel):
    """A value that readers get: immutable, and readers ignore the fields that they do not know.

    Amounts are in minor units of the order's currency, instants in UTC.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)


def unless_default(default: Any) -> Any:
    """A field of stored data that is left out while it has its default: what an order does not use costs it nothing."""
    return Field(default=default, exclude_if=lambda value: value == default)


def if_any(description: str) -> Any:
    """A field that is left out where it is None."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)
