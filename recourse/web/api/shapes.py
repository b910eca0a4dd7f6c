"""What the API answers with. The values come from the rules as they are; these models say their types.

A test holds that no view has a key that is not named here.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recourse.resolution.model.dispute import Offers, Proposal
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.outcome import Turn
from recourse.resolution.model.vocabulary import (
    ExemptBecause,
    Fault,
    How,
    Kind,
    Lateness,
    Party,
    Phase,
    RequestKind,
    RequestStatus,
    SettlementStatus,
    Silence,
    Stage,
    Visibility,
)


class Answered(BaseModel):
    """A value of the API. Money is in minor units of the order's currency, instants are in UTC."""

    model_config = ConfigDict(from_attributes=True)


class Money(Answered):
    """Where the money is; together it is what the client paid in."""

    client: int
    freelancer: int
    platform: int
    held: int


class RequestShown(Answered):
    """The order's latest request. `silence_means` is there while it is open; `private_note` for operators only."""

    number: int
    kind: RequestKind
    status: RequestStatus
    opened_by: Party
    asked: Party
    version: int
    amount: int | None
    reason: str | None
    comment: str | None
    answer_due_at: datetime | None
    extend_by: Duration | None
    silence_means: Silence | None = None
    private_note: str | None = None


class RulingShown(Answered):
    """An operator's decision."""

    outcome: Literal["cancel", "continue"]
    amount: int | None
    explanation: str


class CaseShown(Answered):
    """The order's latest case."""

    stage: Stage
    opened_by: Party | Literal["system"]
    opened_at: datetime
    due_at: datetime
    appeals: int
    offers: Offers
    proposal: Proposal | None
    ruling: RulingShown | None


class ResolutionShown(Answered):
    """How a canceled order ended. `gross` is what the freelancer gets before commission."""

    how: How
    initiator: Party | Literal["system"]
    reason: str | None
    fault: Fault
    exempt: bool
    exempt_because: ExemptBecause | None
    communicated: bool
    gross: int


class OrderShown(Answered):
    """An order as one role sees it now."""

    order_id: str
    policy: str
    client: str
    freelancer: str
    currency: str
    price: int
    service_fee: int
    ordered_at: datetime
    phase: Phase
    lateness: Lateness
    due_at: datetime | None
    completes_at: datetime | None
    closed_at: datetime | None
    request: RequestShown | None
    case: CaseShown | None
    resolution: ResolutionShown | None
    turn: Turn
    settlement: SettlementStatus
    settles_at: datetime | None
    money: Money
    scores: dict[Party, dict[str, float | None]]
    flags: dict[Party, list[str]]
    reviews: dict[Party, list[Visibility]]
    record_length: int


class Bounds(Answered):
    """The least and the most that an amount can be."""

    at_least: int
    at_most: int


class Durations(Answered):
    """The shortest and the longest that a duration can be."""

    at_least: str
    at_most: str


class Action(Answered):
    """A command that would be applied now: its fields, their bounds, and until when."""

    about: str
    fields: list[str]
    until: datetime | None
    kinds: list[Kind] | None = None
    reasons: list[str] | None = None
    attestations: list[str] | None = None
    no_agreement_attestations: list[str] | None = None
    extend_by: Durations | None = None
    outcomes: list[str] | None = None
    rating: list[str] | None = None
    amount: Bounds | None = None
    refund: Bounds | None = None
    visibility: list[Visibility] | None = None


class Actions(Answered):
    """What a role can do now, by command, and what a clock will allow later."""

    actions: dict[str, Action]
    available_at: dict[str, datetime]


class Change(Answered):
    """A score before and after."""

    before: float | None
    after: float | None


class Outlook(Answered):
    """Where an order would stand. `money` is where it ends up."""

    phase: Phase
    how: How | None
    exempt: bool | None
    fault: Fault | None
    money: Money
    settlement: SettlementStatus
    settles_at: datetime | None
    due_at: datetime | None
    request: dict[str, str] | None
    case: dict[str, str] | None
    reviews: dict[Party, list[Visibility]]
    scores: dict[Party, dict[str, Change]]


class IfNobodyActs(Outlook):
    """What time alone decides next, and when."""

    at: datetime


class Ahead(Outlook):
    """What a command would lead to; and, where others must still act, what follows from that."""

    if_accepted: Outlook | None = None
    if_nobody_acts: IfNobodyActs | None = None


class WouldBeRefused(BaseModel):
    """A command that would be refused, with the details of the refusal beside its code."""

    model_config = ConfigDict(extra="allow")

    refused: str
    message: str


class Sent(Answered):
    """A command that is kept for the order, which has not answered yet."""

    status: Literal["sent"]
    command: str
    command_id: str


class Listed(Answered):
    """An order in a list."""

    order_id: str
    policy: str
    phase: Phase
    turn: str
    turn_until: datetime | None
    next_clock: str | None
    next_clock_at: datetime | None
    settlement: SettlementStatus
    case_stage: Stage | None


class OrderList(Answered):
    """A page of orders by id. `next` goes into `after` for the next page; null on the last one."""

    orders: list[Listed]
    next: str | None


class QueuedCase(Answered):
    """A case that waits for a decision. `turn` is whose turn it is: the parties' while a proposal is on the table."""

    order_id: str
    policy: str
    client: str
    freelancer: str
    currency: str
    price: int
    phase: Phase
    stage: Stage
    due_at: datetime
    overdue: bool
    turn: str
    turn_until: datetime | None


class Queue(Answered):
    """The undecided cases, those due next first. `next` goes into `after` for the next page; null on the last one."""

    cases: list[QueuedCase]
    next: str | None


class Started(Answered):
    """An order that has started. Where it `can_be_read` not yet, no worker has taken it up so far."""

    order_id: str
    workflow_id: str
    policy: str
    can_be_read: bool
