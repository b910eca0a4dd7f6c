"""What two parties can have open between them: a request, or a case with its proposal, offers and ruling (rules, 1)."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.durations import Duration
from recourse.resolution.model.vocabulary import (
    PARTIES,
    Frozen,
    Party,
    RequestKind,
    RequestStatus,
    Stage,
    if_any,
    unless_default,
)


class Request(Frozen):
    """A proposal by one party to the other; the latest of the order.

    `at_least`: the least gross that its opener may name; `given`: how much time its opener has given the other side.
    """

    number: int
    kind: RequestKind
    status: RequestStatus
    opened_by: Party
    asked: Party
    version: int
    amount: int | None
    extend_by: Duration | None
    reason: str | None
    comment: str | None
    private_note: str | None
    answer_due_at: AwareDatetime | None
    reminder_at: AwareDatetime | None
    counters: int = 0
    communicated: bool = False
    spoken: tuple[Party, ...] = ()
    escalated_by: tuple[Party, ...] = ()
    ruled_on: bool = False
    at_least: int = unless_default(0)
    given: Duration = unless_default(timedelta(0))

    @property
    def explained(self) -> bool:
        """Whether its opener said why, in a text that is not blank."""
        return bool(self.comment and self.comment.strip())


class ExpiredOffer(Frozen):
    """An offer that its deadline ended, and who should have answered it."""

    version: int
    asked: tuple[Party, ...]


class Proposal(Frozen):
    """An operator's proposal in mediation; both parties must accept it."""

    version: int = Field(description="The version of the offer; an answer names it as `expected_version`.")
    amount: int = Field(description="The freelancer's gross, in minor units.")
    explanation: str = Field(description="Why; both parties read it.")
    due_at: AwareDatetime = Field(description="The deadline of the parties' answers.")
    accepted_by: tuple[Party, ...] = Field(default=(), description="The parties that have accepted it.")
    own_due_at: dict[Party, AwareDatetime] = Field(
        default={}, exclude_if=lambda due: not due, description="The deadline of each party, where one was away."
    )

    def due_for(self, party: Party) -> datetime:
        """The deadline of one party."""
        return self.own_due_at.get(party, self.due_at)


class Offers(Frozen):
    """What each party said it would end the case at: the freelancer's gross."""

    client: int | None = if_any("The client's offer, in minor units.")
    freelancer: int | None = if_any("The freelancer's offer, in minor units.")

    def of(self, party: Party) -> int | None:
        """The standing offer of one party."""
        return self.client if party == "client" else self.freelancer


class Ruling(Frozen):
    """An operator's decision."""

    outcome: Literal["cancel", "continue", "refund"]
    operator: str
    amount: int | None
    explanation: str


class Case(Frozen):
    """What the operator decides; the latest of the order.

    `appealable_until` is set while a first ruling can be appealed; `request` is the number of the request it
    came from, `took_request` tells whether that request was still open when the case took it over. `taken_by`: the
    operator that works on it; `spoke_at`: when each side first said something in it.
    """

    stage: Stage
    opened_by: Party | Literal["system", "operator"]
    opened_at: AwareDatetime
    due_at: AwareDatetime
    initiator: Party | Literal["system", "operator"]
    reason: str | None
    request: int | None
    took_request: bool
    review: bool
    dormant: bool
    communicated: bool
    explained: bool
    reminders_sent: int = 0
    clock_from: AwareDatetime
    proposal: Proposal | None = None
    offers: Offers = Offers()
    ruling: Ruling | None = None
    appealable_until: AwareDatetime | None = None
    appeals: int = 0
    taken_by: str | None = unless_default(None)
    spoke_at: dict[Party, AwareDatetime] = unless_default({})

    @property
    def handled(self) -> bool:
        """Whether an operator works on it."""
        return self.taken_by is not None

    @property
    def whose(self) -> tuple[Party, ...]:
        """The parties that may take it back while it has no ruling: the one that escalated, and the one whose own open
        request it took over. No party takes back a case that an operator opened."""
        if self.opened_by == "operator":
            return ()
        mine = {self.opened_by, self.initiator if self.took_request else None}
        return tuple(party for party in PARTIES if party in mine)

    @property
    def open(self) -> bool:
        """Whether it still waits for a decision, or for an appeal."""
        return self.stage != "closed"
