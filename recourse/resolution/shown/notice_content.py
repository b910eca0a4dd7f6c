"""What a notice carries: what its reader needs to act (rules, 9). Nothing that is for operators alone."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from recourse.resolution.model.case_events import CaseTaken, RulingMade, SettlementOffered
from recourse.resolution.model.command import Actor
from recourse.resolution.model.commands import COMMANDS, Accept
from recourse.resolution.model.events import Event
from recourse.resolution.model.money import Balances, at_the_end, gross_bounds, in_the_end
from recourse.resolution.model.notice import (
    Amounts,
    CaseTold,
    ChargebackTold,
    Consequence,
    NoticeAnswer,
    NoticeBody,
    Receiver,
    RequestTold,
    ResolutionTold,
)
from recourse.resolution.model.order import Order
from recourse.resolution.model.payment_events import ChargebackClosed, ChargebackOpened
from recourse.resolution.model.vocabulary import party_of
from recourse.resolution.rules.agreeing import counter_bounds
from recourse.resolution.rules.decide import attempt
from recourse.resolution.rules.paying import pay_all
from recourse.resolution.rules.ruling import fallback_of
from recourse.resolution.rules.windows import silence_means
from recourse.resolution.shown.turn import turn
from recourse.resolution.shown.views import settles_at

# The fields of an event that a notice repeats.
_OF_THE_EVENT = (
    "comment",
    "explanation",
    "reason",
    "amount",
    "version",
    "outcome",
    "status",
    "text",
    "rating",
    "until",
    "leg",
)


def content(event: Event, after: Order, receiver: Receiver, at: datetime) -> NoticeBody:
    """What the notice to one receiver says of an event."""
    request, case = after.request, after.case
    deadline, silence = _deadline(event, after)
    answers = [name for name in _possible(event, after, receiver) if _taken(after, name, receiver, at)]
    return NoticeBody(
        order_id=after.terms.order_id,
        phase=after.phase,
        request=RequestTold.model_validate(request) if request else None,
        case=CaseTold.model_validate(case) if case else None,
        resolution=ResolutionTold.model_validate(after.resolution) if after.resolution else None,
        amounts=_amounts(after, in_the_end(after)),
        settlement=after.settlement,
        turn=turn(after).who,
        deadline=deadline,
        silence_means=silence,
        answers=answers,
        if_accepted=_if_accepted(after, receiver, at) if "accept" in answers else None,
        for_=event.former if isinstance(event, CaseTaken) else None,
        **_of(event, after),
    )


def _of(event: Event, after: Order) -> dict[str, Any]:
    if isinstance(event, ChargebackOpened | ChargebackClosed):
        return {"chargeback": ChargebackTold.model_validate(after.chargebacks[-1])}
    return {key: getattr(event, key) for key in _OF_THE_EVENT if hasattr(event, key)}


def _amounts(order: Order, money: Balances) -> Amounts:
    return Amounts(**money.parts, currency=order.terms.currency)


def _deadline(event: Event, order: Order) -> tuple[datetime | None, Consequence | None]:
    """Until when somebody can act, and what it means if nobody does."""
    request, proposal, case = order.open_request, order.open_proposal, order.open_case
    if order.still:
        return None, None
    if request:
        return request.answer_due_at, silence_means(order, request.kind, request.asked)
    if proposal:
        return proposal.due_at, "ruling"
    if case and case.stage == "appeal":
        return case.due_at, "ruling_stands"
    if case and case.ruling is None:
        return case.due_at, fallback_of(order, case)
    if case and (order.closed or isinstance(event, RulingMade)):
        return case.appealable_until, "ruling_stands"
    if order.closed:
        held_until = settles_at(order)
        return held_until, "settles" if held_until else None
    until = turn(order).until
    return until, "completes" if until and order.phase == "delivered" else None


# The answers that are tried, in the simplest form in which each could be taken.
_ANSWERS: dict[NoticeAnswer, dict[str, Any]] = {
    "accept": {"comment": "-"},
    "decline": {},
    "counter": {},
    "settle": {},
    "withdraw": {},
    "propose": {"explanation": "-"},
    "rule": {"outcome": "continue", "explanation": "-"},
    "undo": {},
    "appeal": {"comment": "-"},
    "escalate": {"comment": "-"},
    "complete": {},
    "ask_revision": {},
}


def _possible(event: Event, order: Order, receiver: Receiver) -> Iterator[NoticeAnswer]:
    """What the reader may be able to do about it; `decide` says whether, so that none offers what is then refused."""
    case = order.open_case
    if isinstance(event, SettlementOffered):
        yield "settle"
    elif receiver == "operator":
        yield from ("propose", "rule") if case else ()
    elif turn(order).who in (receiver, "both") and (order.open_request or order.open_proposal):
        yield from ("accept", "decline", "counter")
    elif case and (case.ruling is None or case.stage == "appeal"):
        yield from ("settle", "withdraw")
    else:
        if order.closed:
            yield "undo"
        if order.case and order.case.appealable_until:
            yield "appeal"
        if order.disputed or order.cases_until:
            yield "escalate"
        if order.phase == "delivered" and receiver == "client":
            yield from ("complete", "ask_revision")


def _taken(order: Order, name: NoticeAnswer, receiver: Receiver, at: datetime) -> bool:
    request, party = order.open_request, party_of(receiver)
    bounds = counter_bounds(order, request, party) if request and name == "counter" else gross_bounds(order)
    named = bounds if name in ("counter", "settle", "propose") else (None,)
    actor = {"role": receiver, "id": "\x01" if receiver == "operator" else order.party(receiver)}
    for amount in named:
        fields = {"actor": actor, **_ANSWERS[name], **({} if amount is None else {"amount": amount})}
        if attempt(order, COMMANDS[name].model_validate(fields), at):
            return True
    return False


def _if_accepted(order: Order, receiver: Receiver, at: datetime) -> Amounts:
    """Where the money ends up, or is, once everybody who is asked accepts."""
    if order.open_proposal:
        sums = at_the_end(order, order.open_proposal.amount, "canceled")
        return _amounts(order, Balances.of(sums, 0))
    accept = Accept(actor=Actor(role=receiver, id=order.party(party_of(receiver))), comment="-")
    decided = attempt(order, accept, at)
    return _amounts(order, in_the_end(pay_all(decided) if decided else order))
