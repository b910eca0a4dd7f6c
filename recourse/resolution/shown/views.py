"""What each role sees of an order (rules, 8 and 9). A party's view has the operator's keys, less what is private."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from recourse.resolution.model.display import Display
from recourse.resolution.model.dispute import Case, Offers
from recourse.resolution.model.lateness import lateness
from recourse.resolution.model.money import Money, balances
from recourse.resolution.model.notice import CaseTold, ChargebackTold, RequestTold, ResolutionTold
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Turn
from recourse.resolution.model.payments import PAID_TO, LegStatus
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import (
    PARTIES,
    ExemptBecause,
    Lateness,
    Party,
    Phase,
    SettlementStatus,
    Silence,
    View,
    Visibility,
    if_any,
)
from recourse.resolution.rules.clocks import is_over
from recourse.resolution.rules.speaking import reviews_left
from recourse.resolution.rules.windows import silence_means
from recourse.resolution.shown.scores import marks, scores
from recourse.resolution.shown.turn import turn


class RequestView(RequestTold):
    """The order's latest request."""

    asked: Party = Field(description="The party that must answer the offer.")
    comment: str | None = Field(description="What its opener wrote; both parties read it.")
    answer_due_at: AwareDatetime | None = Field(description="The deadline of the answer.")
    silence_means: Silence | None = if_any("What happens if nobody answers; there while the request is open.")
    private_note: str | None = if_any("The opener's note to operators; only operators see it.")


class ProposalView(View):
    """An operator's proposal in mediation; both parties must accept it."""

    version: int = Field(description="The version of the offer; an answer names it as `expected_version`.")
    amount: int = Field(description="The freelancer's gross, in minor units.")
    explanation: str = Field(description="Why; both parties read it.")
    due_at: AwareDatetime | None = Field(description="The deadline of the parties' answers.")
    accepted_by: tuple[Party, ...] = Field(description="The parties that have accepted it.")
    own_due_at: dict[Party, AwareDatetime] = Field(
        default={}, exclude_if=lambda due: not due, description="The deadline of each party, where one was away."
    )


class HoldView(View):
    """An operator's hold."""

    until: AwareDatetime = Field(description="When it ends by itself.")


class RulingView(View):
    """An operator's decision."""

    outcome: Literal["cancel", "continue", "refund"] = Field(
        description="`cancel` ends the order, `continue` leaves it as it is, `refund` gives a part of the price back."
    )
    amount: int | None = Field(
        description="In minor units: the freelancer's gross if it is canceled, or what of the price goes back."
    )
    explanation: str = Field(description="Why; both parties read it.")


class CaseView(CaseTold):
    """The order's latest case."""

    opened_at: AwareDatetime = Field(description="When it was opened.")
    due_at: AwareDatetime | None = Field(description="When the policy's fallback decides in place of an operator.")
    appeals: int = Field(description="How many appeals there were.")
    offers: Offers = Field(description="The amounts at which the parties would settle.")
    proposal: ProposalView | None = Field(description="The operator's proposal.")
    ruling: RulingView | None = Field(description="The operator's ruling.")
    handled: bool = Field(description="Whether an operator works on it.")


class CaseOfOperators(CaseView):
    """The order's latest case, as operators see it."""

    taken_by: str | None = Field(description="The operator that works on it.")


class AwayView(View):
    """Until when each party is away."""

    client: AwareDatetime | None = Field(description="When the client is back; null: it is not away.")
    freelancer: AwareDatetime | None = Field(description="When the freelancer is back; null: it is not away.")


class ResolutionView(ResolutionTold):
    """How a canceled order ended."""

    exempt: bool = Field(description="Whether it is left out of the freelancer's score.")
    exempt_because: ExemptBecause | None = Field(description="Why it is left out.")
    communicated: bool = Field(description="Whether the initiator had sent a message before its request.")
    gross: int = Field(description="The freelancer's part before commission, in minor units.")


class PaymentView(View):
    """One leg of a payment. A party sees its own."""

    leg: str = Field(description="Its name: the number of the payment, and `refund`, `payout` or `fee`.")
    amount: int = Field(description="What it pays, in minor units.")
    status: LegStatus = Field(description="How far it has come.")
    attempts: int = Field(description="How often it was tried under its present key.")
    reason: str | None = Field(description="Why the payment provider can never pay it.")
    reference: str | None = if_any("The provider's reference, or that of a payment by hand; only operators see it.")


class OrderView(View):
    """An order as one role sees it now."""

    order_id: str = Field(description="The order's id.")
    display: Display | None = if_any("What people call it and its parties.")
    policy: str = Field(description="The name of the order's policy.")
    client: str = Field(description="The client's id.")
    freelancer: str = Field(description="The freelancer's id.")
    currency: str = Field(description="The currency of all amounts, by ISO 4217.")
    price: int = Field(description="The price with all extras, in minor units.")
    service_fee: int = Field(description="The fee that the client paid on top, in minor units.")
    ordered_at: AwareDatetime = Field(description="When it was ordered.")
    group: str | None = if_any("The group that it belongs to.")
    part: int | None = if_any("Its place in the group.")
    phase: Phase = Field(description="Where the order stands.")
    lateness: Lateness = Field(description="Whether the work is late.")
    due_at: AwareDatetime | None = Field(description="When the work is due.")
    completes_at: AwareDatetime | None = Field(description="When the delivered order completes by itself.")
    closed_at: AwareDatetime | None = Field(description="When it was completed or canceled.")
    request: RequestView | None = Field(description="The latest request.")
    case: CaseOfOperators | CaseView | None = Field(description="The latest case.")
    resolution: ResolutionView | None = Field(description="How a canceled order ended.")
    turn: Turn = Field(description="Who must act next, and until when.")
    away: AwayView = Field(description="Until when each party is away; its own answer windows stand still so long.")
    hold: HoldView | None = Field(description="The operator's hold; while it lasts, the order stands still.")
    settlement: SettlementStatus = Field(description="Where the final payment stands.")
    settles_at: AwareDatetime | None = Field(description="When held money moves, if nothing else is decided.")
    money: Money = Field(description="Where the money is now.")
    payments: list[PaymentView] = Field(description="The legs of all payments that the reader may see.")
    chargeback: ChargebackTold | None = Field(description="The latest chargeback: the client's bank took money back.")
    debts: dict[Party, int] | None = if_any(
        "What the freelancer owes the marketplace, in minor units; only operators and the freelancer see it."
    )
    scores: dict[Party, dict[str, float | None]] = Field(
        description="Scores in percent, by party and name; null: nothing counts yet."
    )
    flags: dict[Party, list[str]] = Field(description="Marks on each party's profile.")
    reviews: dict[Party, list[Visibility]] = Field(description="The reviews that each party may still leave.")
    record_length: int = Field(description="How many entries of the record the reader may see.")


def view(order: Order, reader: Reader, now: datetime) -> OrderView:
    """The order's page for one role at `now`."""
    terms, case, resolution = order.terms, order.case, order.resolution
    operator = reader == "operator"
    hidden = 0 if reader == "operator" else order.hidden_from.get(reader, 0)
    return OrderView(
        order_id=terms.order_id,
        policy=order.policy.name,
        client=terms.client,
        freelancer=terms.freelancer,
        currency=terms.currency,
        price=order.price,
        service_fee=order.service_fee,
        ordered_at=terms.ordered_at,
        group=terms.group,
        part=terms.part,
        phase=order.phase,
        lateness=lateness(order, now),
        due_at=order.due_at,
        completes_at=completes_at(order),
        closed_at=order.closed_at,
        request=_request(order, operator),
        case=_case(order, case, operator) if case else None,
        resolution=ResolutionView.model_validate(resolution) if resolution else None,
        turn=turn(order),
        away=AwayView(client=order.away_until("client", now), freelancer=order.away_until("freelancer", now)),
        hold=HoldView.model_validate(order.hold) if order.hold else None,
        settlement=order.settlement,
        settles_at=settles_at(order),
        money=Money.model_validate(balances(order)),
        payments=payments(order, reader),
        chargeback=ChargebackTold.model_validate(order.chargebacks[-1]) if order.chargebacks else None,
        debts=None if reader == "client" else order.debts,
        scores=scores(order, confidential=operator),
        flags=marks(order),
        reviews=reviews(order, reader, now),
        record_length=order.record_length - hidden,
    )


def payments(order: Order, reader: Reader) -> list[PaymentView]:
    """The legs of the order's payments that a reader may see."""
    return [
        PaymentView(
            leg=leg.id,
            amount=leg.amount,
            status=leg.status,
            attempts=leg.attempts,
            reason=leg.reason,
            reference=leg.reference if reader == "operator" else None,
        )
        for leg in order.legs
        if reader in ("operator", PAID_TO[leg.name])
    ]


def reviews(order: Order, reader: Reader, now: datetime) -> dict[Party, list[Visibility]]:
    """What each party that the reader may know of may still leave: nothing once the order answers no more."""
    over = is_over(order, now)
    readers = [party for party in PARTIES if reader in ("operator", party)]
    return {party: [] if over else reviews_left(order, party) for party in readers}


def completes_at(order: Order) -> datetime | None:
    """When a delivered order completes by itself; None while that clock does not run."""
    clock = order.auto_complete
    return order.runs_out(clock.completes_at) if clock and order.phase == "delivered" else None


def settles_at(order: Order) -> datetime | None:
    """When held money moves, if nothing else is decided; None where it is not held, or the order stands still."""
    if order.settlement != "held" or order.hold_until is None or order.still:
        return None
    request = order.open_request
    if request and request.answer_due_at:
        return max(order.hold_until, request.answer_due_at)
    return order.hold_until


def _case(order: Order, case: Case, operator: bool) -> CaseView:
    # Parties learn that somebody works on it, never the name.
    shown = (CaseOfOperators if operator else CaseView).model_validate(case)
    if not order.still:
        return shown
    proposal = shown.proposal and shown.proposal.model_copy(update={"due_at": None, "own_due_at": {}})
    return shown.model_copy(update={"due_at": None, "proposal": proposal})


def _request(order: Order, operator: bool) -> RequestView | None:
    request = order.request
    if request is None:
        return None
    silence = silence_means(order, request.kind, request.asked) if request.status == "open" else None
    note = request.private_note if operator else None
    due_at = order.runs_out(request.answer_due_at)
    shown = RequestView.model_validate(request)
    return shown.model_copy(update={"silence_means": silence, "private_note": note, "answer_due_at": due_at})
