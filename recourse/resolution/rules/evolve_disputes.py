"""What the events of requests and cases change; a part of `evolve`."""

from datetime import datetime
from typing import Any, TypeVar, assert_never

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
from recourse.resolution.model.dispute import Case, ExpiredOffer, Proposal, Request, Ruling
from recourse.resolution.model.events import (
    AnswerReminded,
    AnswersMoved,
    RequestCountered,
    RequestEnded,
    RequestOpened,
    RequestReopened,
    TimeGiven,
)
from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import PARTIES, Frozen, Party, other

# A late answer to an older offer is refused because nothing is open, not because it is late: an order stays small.
LATE_OFFERS_KNOWN = 100
_Value = TypeVar("_Value", bound=Frozen)


def request_changes(
    order: Order,
    event: RequestOpened | RequestCountered | RequestEnded | RequestReopened | AnswerReminded | TimeGiven,
    now: datetime,
) -> dict[str, Any]:
    """What changes in an order when something happens to its request."""
    request = order.request
    if isinstance(event, RequestOpened):
        opened = _opened(event)
        changes: dict[str, Any] = {
            "request": opened,
            "declined": order.disputed,
            "requests": event.number,
            "offers": event.version,
        }
        if event.kind == "undo":
            changes["undo_used"] = True
        if event.kind == "cancel":
            counted = order.counted_requests.get(event.by, 0) + 1
            changes["counted_requests"] = {**order.counted_requests, event.by: counted}
            clock = order.auto_complete
            if clock and clock.stopper is None:
                changes["auto_complete"] = _copied(clock, stopper=event.number)
        return changes
    if request is None:
        raise AssertionError(f"{event.event} without a request")
    match event:
        case RequestCountered():
            countered = _copied(
                request,
                version=event.version,
                amount=event.amount,
                asked=other(event.by),
                answer_due_at=event.answer_due_at,
                reminder_at=event.reminder_at,
                counters=request.counters + 1,
            )
            return {"request": countered, "offers": event.version}
        case RequestEnded():
            changes = {"request": _copied(request, status=event.status, reminder_at=None)}
            if event.by_deadline:
                changes |= _remember_late(order, request.version, (request.asked,))
            if event.status == "declined":
                changes |= _waits(order, request, now)
            if request.kind == "cancel" and event.status == "withdrawn":
                left = order.counted_requests.get(request.opened_by, 1) - 1
                changes["counted_requests"] = {**order.counted_requests, request.opened_by: left}
            return changes
        case RequestReopened():
            reopened = _copied(request, status="open", answer_due_at=event.answer_due_at, reminder_at=event.reminder_at)
            return {"request": reopened}
        case AnswerReminded():
            return {"request": _copied(request, reminder_at=None)}
        case TimeGiven():
            given = _copied(
                request,
                answer_due_at=event.answer_due_at,
                reminder_at=event.reminder_at,
                given=request.given + event.length,
            )
            return {"request": given}
        case _:
            assert_never(event)


def answers_moved(order: Order, event: AnswersMoved) -> dict[str, Any]:
    """The deadlines of one party after its windows stood still."""
    changes: dict[str, Any] = {}
    request, case, proposal = order.open_request, order.open_case, order.open_proposal
    if request and event.answer_due_at:
        changes["request"] = _copied(request, answer_due_at=event.answer_due_at, reminder_at=event.reminder_at)
    if case and proposal and event.proposal_due_at:
        asked = [party for party in PARTIES if party not in proposal.accepted_by]
        own = {party: proposal.due_for(party) for party in asked} | {event.by: event.proposal_due_at}
        due = _due(_copied(proposal, own_due_at=own))
        changes["case"] = _copied(case, proposal=due if len(set(own.values())) > 1 else _copied(due, own_due_at={}))
    return changes


def _due(proposal: Proposal) -> Proposal:
    """The proposal is over once the last party that has not accepted it had its time."""
    own = [at for party, at in proposal.own_due_at.items() if party not in proposal.accepted_by]
    return _copied(proposal, due_at=max(own)) if own else proposal


def _waits(order: Order, request: Request, now: datetime) -> dict[str, Any]:
    """When a party that was declined may ask again: after a cancel request by the cooldown of the next one's policy,
    after another kind by that kind's."""
    requests = order.policy.requests
    match request.kind:
        case "cancel":
            return {"declined_at": {**order.declined_at, request.opened_by: now}}
        case "undo":
            return {}
        case "extension":
            cooldown = requests.extension.cooldown
        case "update":
            cooldown = requests.update.cooldown
        case "partial_refund":
            cooldown = requests.partial_refund.cooldown
        case "extra":
            cooldown = requests.extra.cooldown
        case _:
            assert_never(request.kind)
    return {"free_at": {**order.free_at, request.opened_by: now + cooldown}}


def _remember_late(order: Order, version: int, asked: tuple[Party, ...]) -> dict[str, Any]:
    late = ExpiredOffer(version=version, asked=asked)
    return {"expired_offers": (*order.expired_offers, late)[-LATE_OFFERS_KNOWN:]}


def _opened(event: RequestOpened) -> Request:
    return Request(
        number=event.number,
        kind=event.kind,
        status="open",
        opened_by=event.by,
        asked=other(event.by),
        version=event.version,
        amount=event.amount,
        extend_by=event.extend_by,
        reason=event.reason,
        comment=event.comment,
        private_note=event.private_note,
        answer_due_at=event.answer_due_at,
        reminder_at=event.reminder_at,
        communicated=event.communicated,
        at_least=event.at_least or 0,
    )


def case_changes(
    order: Order,
    event: CaseOpened
    | CaseReminded
    | ProposalMade
    | ProposalAccepted
    | RulingNeeded
    | SettlementOffered
    | RulingMade
    | CaseClosed
    | AppealOpened
    | AppealUndecided
    | CaseTaken
    | CaseReleased,
    now: datetime,
) -> dict[str, Any]:
    """What changes in an order when something happens to its case."""
    if isinstance(event, CaseOpened):
        request = _about(order, event.request)
        escalated: dict[str, Any] = {}
        if request and event.escalated:
            escalated = _put_back(order, _copied(request, escalated_by=with_party(request.escalated_by, event.by)))
        opened = Case(
            stage="ruling" if order.phase == "completed" else "mediation",
            opened_by=event.by,
            opened_at=now,
            due_at=event.due_at,
            initiator=event.initiator,
            reason=event.reason,
            request=event.request,
            took_request=event.took_request,
            review=event.review,
            dormant=event.dormant,
            communicated=bool(request and request.communicated),
            explained=bool(request and request.explained),
            clock_from=order.time(now),
        )
        used: dict[str, Any] = {"operator_case_used": True} if event.by == "operator" else {}
        if order.phase == "completed":
            used = {"late_cases": (*order.late_cases, event.by)}
        return {"case": opened, **escalated, **used}
    case = order.case
    if case is None:
        raise AssertionError(f"{event.event} without a case")
    changes: dict[str, Any] = {}
    match event:
        case CaseReminded():
            case = _copied(case, reminders_sent=case.reminders_sent + 1)
        case ProposalMade():
            proposal = Proposal(
                version=event.version,
                amount=event.amount,
                explanation=event.explanation,
                due_at=event.due_at,
                own_due_at=event.own_due_at,
            )
            case = _copied(case, proposal=proposal)
            changes["offers"] = event.version
        case ProposalAccepted():
            if case.proposal is None:
                raise AssertionError("an accepted proposal that was never made")
            accepted = _copied(case.proposal, accepted_by=with_party(case.proposal.accepted_by, event.by))
            case = _copied(case, proposal=_due(accepted))
        case RulingNeeded():
            if event.by_deadline and case.proposal:
                changes |= _remember_late(order, case.proposal.version, PARTIES)
            case = _copied(case, stage="ruling")
        case SettlementOffered():
            case = _copied(case, offers=_copied(case.offers, **{event.by: event.amount}))
        case RulingMade():
            if event.operator is not None and event.outcome != "let_them_decide":
                ruling = Ruling(
                    outcome=event.outcome,
                    operator=event.operator,
                    amount=event.amount,
                    explanation=event.explanation,
                )
                # An appeal keeps the first window: a second ruling is final and opens none.
                until = event.appealable_until or case.appealable_until
                case = _copied(case, stage="ruling", ruling=ruling, appealable_until=until)
                request = _about(order, case.request)
                if request:
                    changes |= _put_back(order, _copied(request, ruled_on=True))
        case CaseClosed():
            case = _copied(case, stage="closed")
            changes["last_case_end"] = order.time(now)
            if event.because == "withdrawn" and order.auto_complete:
                took_back = with_party(order.auto_complete.took_back, event.by)
                changes["auto_complete"] = _copied(order.auto_complete, took_back=took_back)
        case AppealOpened():
            case = _copied(
                case,
                stage="appeal",
                due_at=event.due_at,
                clock_from=order.time(now),
                reminders_sent=0,
                appeals=case.appeals + 1,
                taken_by=None,
            )
            changes |= {"hold_until": event.due_at if order.closed else None, "appeal_used": True}
        case AppealUndecided():
            pass
        case CaseTaken():
            case = _copied(case, taken_by=event.operator)
        case CaseReleased():
            case = _copied(case, taken_by=None)
        case _:
            assert_never(event)
    return changes | {"case": case}


def _about(order: Order, number: int | None) -> Request | None:
    return next((one for one in (order.request, order.declined) if one and one.number == number), None)


def _put_back(order: Order, request: Request) -> dict[str, Any]:
    latest = order.request is not None and order.request.number == request.number
    return {"request" if latest else "declined": request}


def with_party(parties: tuple[Party, ...], party: Any) -> tuple[Party, ...]:
    """`parties` and this one, each once."""
    return tuple(one for one in PARTIES if one in parties or one == party)


def _copied(value: _Value, **changes: Any) -> _Value:
    return value.model_copy(update=changes)
