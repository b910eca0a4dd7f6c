"""The order as the rules see it: terms, request, case, resolution, money. Nothing derived is stored."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.data_version import (
    DATA_VERSION,
    FIRST,
    Since,
    Version,
    dump_stored,
    needs_of,
    read_stored,
)
from recourse.resolution.model.dispute import Case, ExpiredOffer, Proposal, Request
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.fields import Name, Secret
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.payments import Chargeback, Leg, Sums
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.standing import AutoComplete, Away, Hold, Standstill
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.vocabulary import (
    ExemptBecause,
    Fault,
    Frozen,
    How,
    OpenPhase,
    Party,
    Phase,
    Rating,
    SettlementStatus,
    Visibility,
    if_any,
    unless_default,
)


class Opening(Frozen):
    """What an order starts with. The policy stays the order's own: editing a file never touches a running order.

    `record_salt` hides fields of the record from readers who may not see them; it is secret.
    `provider` names the payment provider that executes settlements; `ledger` is the built-in escrow ledger.
    """

    terms: Terms = Field(description="What was ordered.")
    policy: Policy = Field(description="The policy of the order; it never changes.")
    record_salt: Secret = Field(description="A secret that hides fields of the record; random, 16 characters or more.")
    opening_salt: Annotated[Secret | None, Since(2)] = Field(
        default=None, description="Another one; with it the record begins with the whole policy, not only its name."
    )
    provider: Name = Field(
        default="ledger", description="The name of the payment provider; `ledger` is the built-in one."
    )
    state: Annotated[OpeningState | None, Since(2)] = if_any("Where an order stands that began elsewhere.")
    made_for: Annotated[Version, Field(description="Set by Recourse's own clients; others leave it out.")] = (
        DATA_VERSION
    )
    needs: Annotated[Version, Field(description="Set by Recourse's own clients; others leave it out.")] = FIRST


class Resolution(Frozen):
    """How a canceled order ended. `gross` is what the freelancer gets before commission, in minor units."""

    how: How = Field(description="What ended it.")
    initiator: Party | Literal["system", "operator"] = Field(description="Who began it.")
    reason: str | None = Field(description="The reason code of the request.")
    fault: Fault = Field(description="The party at fault.")
    exempt: bool = Field(description="Whether it is left out of the freelancer's score.")
    exempt_because: ExemptBecause | None = Field(description="Why it is left out.")
    communicated: bool = Field(description="Whether the initiator had sent a message before its request.")
    explained: bool = Field(description="Whether the initiator said why.")
    gross: int = Field(description="The freelancer's part before commission, in minor units.")
    settled_between_parties: bool = Field(default=False, description="Whether the two parties agreed on it in a case.")


class Feedback(Frozen):
    """One review, by one party about the other."""

    by: Party
    visibility: Visibility
    rating: Rating
    text: str


class Order(Frozen):
    """One order, whole. Changed only by `resolution.evolve`.

    Until `cases_until` a case can be opened after completion; `late_cases`: who has opened one. `beyond`: what a party
    was paid beyond its part and keeps, which the platform bears, or (below zero) what a chargeback took of its payouts;
    `debts`: what it owes the platform. `paid_at`: the last that moved from outside, a leg or a chargeback.
    `imported`: the digest of the state with which it came from elsewhere. The state itself is in its record alone.
    """

    opening: Opening
    phase: Phase
    due_at: AwareDatetime | None
    delivered_once: bool = False
    revisions: int = 0
    request: Request | None = None
    declined: Request | None = None
    requests: int = 0
    offers: int = 0
    counted_requests: dict[Party, int] = {}
    declined_at: dict[Party, AwareDatetime] = {}
    free_at: dict[Party, AwareDatetime] = {}
    expired_offers: tuple[ExpiredOffer, ...] = ()
    case: Case | None = None
    last_case_end: AwareDatetime | None = None
    appeal_used: bool = False
    resolution: Resolution | None = None
    canceled_from: OpenPhase | None = None
    closed_at: AwareDatetime | None = None
    undo_used: bool = False
    settlement: SettlementStatus = "none"
    hold_until: AwareDatetime | None = None
    retry_at: AwareDatetime | None = None
    retries: int = 0
    provider_failed: bool = False
    unpaid: Sums | None = None
    released: int = 0
    refunded: int = 0
    moved: Sums = Sums()
    payments: int = 0
    legs: tuple[Leg, ...] = ()
    paid_at: AwareDatetime | None = None
    auto_complete: AutoComplete | None = None
    wrote: tuple[Party, ...] = ()
    wrote_at: dict[Party, AwareDatetime] = {}
    feedback: tuple[Feedback, ...] = ()
    follow_up_at: AwareDatetime | None = None
    heard_at: AwareDatetime
    decided_at: AwareDatetime
    record_length: int = 0
    record_hash: str = ""
    hidden_from: dict[Party, int] = {}
    extras: int = unless_default(0)
    extra_fees: int = unless_default(0)
    fee_back_at_least: int = unless_default(0)
    away: dict[Party, Away] = unless_default({})
    away_used: dict[Party, Duration] = unless_default({})
    operator_case_used: bool = unless_default(False)
    still: Annotated[Standstill | None, Since(2)] = unless_default(None)
    stood_still: Annotated[Duration, Since(2)] = unless_default(timedelta(0))
    hold_used: Duration = unless_default(timedelta(0))
    cases_until: AwareDatetime | None = unless_default(None)
    late_cases: tuple[Party | Literal["operator"], ...] = unless_default(())
    beyond: Annotated[dict[Party, int], Since(2)] = unless_default({})
    debts: dict[Party, int] = unless_default({})
    imported: str | None = unless_default(None)
    chargebacks: Annotated[tuple[Chargeback, ...], Since(2)] = unless_default(())
    made_for: Version = DATA_VERSION
    needs: Version = FIRST

    @property
    def terms(self) -> Terms:
        """What was ordered."""
        return self.opening.terms

    @property
    def policy(self) -> Policy:
        """The policy it was opened with."""
        return self.opening.policy

    @property
    def price(self) -> int:
        """The price with all extras, in minor units."""
        return self.terms.price + self.extras

    @property
    def service_fee(self) -> int:
        """The service fee with that of all extras, in minor units."""
        return self.terms.service_fee + self.extra_fees

    @property
    def closed(self) -> bool:
        """Whether it is completed or canceled."""
        return self.phase in ("completed", "canceled")

    @property
    def open_legs(self) -> tuple[Leg, ...]:
        """The legs of its payments that may still be paid."""
        return tuple(leg for leg in self.legs if leg.open)

    @property
    def open_request(self) -> Request | None:
        """The request that waits for an answer."""
        return self.request if self.request and self.request.status == "open" else None

    @property
    def disputed(self) -> Request | None:
        """The latest declined cancel request, which a party may take to an operator, whatever was asked since."""
        latest = self.request
        if latest and latest.kind == "cancel" and latest.status == "declined":
            return latest
        return self.declined

    @property
    def open_case(self) -> Case | None:
        """The case that is not closed."""
        return self.case if self.case and self.case.open else None

    @property
    def late_case(self) -> Case | None:
        """The open case of a completed order: it can only give a part of the price back, or nothing."""
        return self.open_case if self.phase == "completed" else None

    @property
    def open_proposal(self) -> Proposal | None:
        """The operator's proposal that waits for answers."""
        case = self.open_case
        return case.proposal if case and case.stage == "mediation" else None

    @property
    def open_chargeback(self) -> Chargeback | None:
        """The chargeback that the bank has not decided yet."""
        return next((one for one in self.chargebacks if one.status == "open"), None)

    @property
    def charged_back(self) -> int:
        """What lost chargebacks took, in minor units."""
        return sum(one.amount for one in self.chargebacks if one.status == "lost")

    @property
    def hold(self) -> Hold | None:
        """The operator's hold on it."""
        return self.still.hold if self.still else None

    def time(self, now: datetime) -> datetime:
        """The time of its clocks at `now`: it stands still with the order."""
        return self.still.since if self.still else now

    def runs_out(self, at: datetime | None) -> datetime | None:
        """When a clock of the order is over that ends at `at`; None: that is not known while it stands still."""
        return None if self.still else at

    def hold_left(self, now: datetime) -> timedelta:
        """How long it may still be held, if a hold ended now."""
        used = self.hold_used + (min(self.hold.until, now) - self.hold.since if self.hold else timedelta(0))
        return max(self.policy.order.hold_at_most - used, timedelta(0))

    def away_until(self, party: Party, now: datetime) -> datetime | None:
        """Until when a party is away; None: it is not."""
        away = self.away.get(party)
        return away.until if away and away.until > now else None

    def away_left(self, party: Party, now: datetime) -> timedelta:
        """How long a party may still be away, if it were back now."""
        used, away = self.away_used.get(party, timedelta(0)), self.away.get(party)
        if away:
            used += min(away.until, now) - away.since
        return max(self.policy.answers.away_at_most - used, timedelta(0))

    def party(self, party: Party) -> str:
        """The id of one party."""
        return self.terms.client if party == "client" else self.terms.freelancer


def open_order(opening: Opening) -> Order:
    """A new order, all of its money in escrow."""
    terms = opening.terms
    waiting = terms.requirements == "awaited"
    return Order(
        opening=opening,
        phase="waiting_requirements" if waiting else "in_progress",
        due_at=None if waiting else terms.ordered_at + terms.delivery_time,
        heard_at=terms.ordered_at,
        decided_at=terms.ordered_at,
    )


def read_state(state: Mapping[str, Any]) -> Order:
    """The order of a stored state. Raises NeedsNewerBuild."""
    order = read_stored(Order, state, f"Order {state['opening']['terms']['order_id']}")
    if order.made_for <= order.opening.made_for:
        return order
    # The build that wrote the state may have added keys to the opening in it.
    return order.model_copy(update={"opening": order.opening.model_copy(update={"made_for": order.made_for})})


def write_state(order: Order, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The state that is stored of an order; `read_state` reads the whole of it."""
    numbers = {"made_for": max(order.made_for, DATA_VERSION), "needs": needs_of(order)}
    newer = max(order.made_for, order.opening.made_for) > DATA_VERSION
    return dump_stored(order.model_copy(update=numbers), newer=newer, without=without)


def read_opening(opening: Mapping[str, Any]) -> Opening:
    """The opening that a workflow is started with. Raises NeedsNewerBuild, ValidationError."""
    return read_stored(Opening, opening, "The order")


def write_opening(opening: Opening, *, defaults: bool = True) -> dict[str, Any]:
    """What a workflow is started with, which `read_opening` reads.

    Without `defaults`, and without the data versions, it is the same in each build that can read it.
    """
    newer = opening.made_for > DATA_VERSION
    if not defaults:
        return dump_stored(opening, newer=newer, without=frozenset({"needs", "made_for"}), defaults=False)
    return dump_stored(opening.model_copy(update={"needs": needs_of(opening)}), newer=newer)
