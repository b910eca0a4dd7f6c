"""What each event changes in an order. No rule decides anything here; the events already say what happened."""

from datetime import datetime
from typing import Any, TypeVar, assert_never

from resolution.events import (
    AnswerReminded,
    AppealOpened,
    AppealUndecided,
    AutoCompleteStarted,
    AutoCompleteStopped,
    CancellationUndone,
    CaseClosed,
    CaseOpened,
    CaseReminded,
    Completed,
    Delivered,
    DueDateMoved,
    Event,
    EvidenceAdded,
    FeedbackLeft,
    FollowedUp,
    MessageSent,
    MoneyMoved,
    OrderCanceled,
    PartRefunded,
    PartReleased,
    PaymentFailed,
    ProposalAccepted,
    ProposalMade,
    RequestCountered,
    RequestEnded,
    RequestOpened,
    RequestReopened,
    RequirementsSubmitted,
    ResolutionChanged,
    RevisionRequested,
    RulingMade,
    RulingNeeded,
    SettlementDue,
    SettlementOffered,
)
from resolution.order import AutoComplete, Case, ExpiredOffer, Feedback, Order, Proposal, Request, Ruling
from resolution.words import PARTIES, Frozen, Party, other

_Value = TypeVar("_Value", bound=Frozen)


def evolve(order: Order, event: Event, now: datetime) -> Order:
    """The order after `event`, which happened at `now`."""
    return order.model_copy(update=_changes(order, event, now))


def _changes(order: Order, event: Event, now: datetime) -> dict[str, Any]:
    match event:
        case RequirementsSubmitted():
            return {"phase": "in_progress", "due_at": event.due_at}
        case Delivered():
            return {"phase": "delivered", "delivered_once": True, "auto_complete": _delivery_clock(order, now)}
        case RevisionRequested():
            return {"phase": "in_revision", "revisions": order.revisions + 1, "auto_complete": None}
        case Completed():
            return {"phase": "completed", "closed_at": now, "settlement": "executing", "auto_complete": None}
        case RequestOpened() | RequestCountered() | RequestEnded() | RequestReopened() | AnswerReminded():
            return _request_changes(order, event, now)
        case DueDateMoved():
            return {"due_at": event.due_at}
        case PartRefunded():
            return {"refunded": order.refunded + event.amount}
        case PartReleased():
            return {"released": event.gross}
        case OrderCanceled():
            return {
                "phase": "canceled",
                "canceled_from": order.phase,
                "closed_at": now,
                "resolution": event.resolution,
                "settlement": "held" if event.hold_until else "executing",
                "hold_until": event.hold_until,
                "follow_up_at": event.follow_up_at,
            }
        case ResolutionChanged():
            return {"resolution": event.resolution}
        case CancellationUndone():
            return {
                "phase": event.phase,
                "due_at": event.due_at,
                "canceled_from": None,
                "closed_at": None,
                "resolution": None,
                "settlement": "none",
                "hold_until": None,
                "follow_up_at": None,
                "undo_used": order.undo_used or not event.by_ruling,
            }
        case SettlementDue():
            return {"settlement": "executing", "hold_until": None}
        case MoneyMoved():
            moved: dict[str, Any] = {"moved": order.moved.plus(event.sums), "retry_at": None, "retries": 0}
            if event.sums.total:
                moved["payments"] = order.payments + 1
            return moved | ({"settlement": "settled"} if event.final else {}) | {"provider_failed": False}
        case PaymentFailed():
            failed = {"retry_at": event.retry_at, "retries": order.retries + 1, "provider_failed": True}
            return failed | ({"settlement": "retrying"} if order.closed else {})
        case AutoCompleteStopped() | AutoCompleteStarted():
            return {"auto_complete": _moved_clock(order.auto_complete or AutoComplete(), event, now)}
        case (
            CaseOpened()
            | CaseReminded()
            | ProposalMade()
            | ProposalAccepted()
            | RulingNeeded()
            | SettlementOffered()
            | RulingMade()
            | CaseClosed()
            | AppealOpened()
            | AppealUndecided()
        ):
            return _case_changes(order, event, now)
        case MessageSent():
            return {"wrote": _with(order.wrote, event.by), "request": _spoken(order.request, event.by)}
        case EvidenceAdded():
            return {}
        case FeedbackLeft():
            said = Feedback(by=event.by, visibility=event.visibility, rating=event.rating, text=event.text)
            return {"feedback": (*order.feedback, said)}
        case FollowedUp():
            return {"follow_up_at": None}
        case _:
            assert_never(event)


def _request_changes(
    order: Order,
    event: RequestOpened | RequestCountered | RequestEnded | RequestReopened | AnswerReminded,
    now: datetime,
) -> dict[str, Any]:
    request = order.request
    if isinstance(event, RequestOpened):
        opened = _opened(event)
        changes: dict[str, Any] = {"request": opened, "requests": event.number, "offers": event.version}
        if event.kind == "undo":
            changes["undo_used"] = True
        if event.kind == "cancel":
            counted = order.counted_requests.get(event.by, 0) + 1
            changes["counted_requests"] = {**order.counted_requests, event.by: counted}
            clock = order.auto_complete
            if clock and clock.stopper is None:
                changes["auto_complete"] = _copy(clock, stopper=event.number)
        return changes
    if request is None:
        raise AssertionError(f"{event.event} without a request")
    match event:
        case RequestCountered():
            countered = _copy(
                request,
                version=event.version,
                amount=event.amount,
                asked=other(event.by),
                answer_due_at=event.answer_due_at,
                reminder_at=event.reminder_at,
                counters=request.counters + 1,
            )
            spoke = bool(event.comment and event.comment.strip())
            return {"request": _spoken(countered, event.by) if spoke else countered, "offers": event.version}
        case RequestEnded():
            ended = _copy(request, status=event.status, reminder_at=None)
            if event.by in PARTIES and event.comment and event.comment.strip():
                ended = _copy(ended, spoken=_with(ended.spoken, event.by))
            changes = {"request": ended}
            if event.by_deadline:
                late = ExpiredOffer(version=request.version, asked=(request.asked,))
                changes["expired_offers"] = (*order.expired_offers, late)
            if request.kind == "cancel" and event.status == "declined":
                changes["declined_at"] = {**order.declined_at, request.opened_by: now}
            if request.kind == "cancel" and event.status == "withdrawn":
                left = order.counted_requests.get(request.opened_by, 1) - 1
                changes["counted_requests"] = {**order.counted_requests, request.opened_by: left}
            return changes
        case RequestReopened():
            reopened = _copy(request, status="open", answer_due_at=event.answer_due_at, reminder_at=event.reminder_at)
            return {"request": reopened}
        case AnswerReminded():
            return {"request": _copy(request, reminder_at=None)}
        case _:
            assert_never(event)


def _opened(event: RequestOpened) -> Request:
    spoke = bool(event.comment and event.comment.strip())
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
        spoken=(event.by,) if spoke else (),
    )


def _case_changes(
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
    | AppealUndecided,
    now: datetime,
) -> dict[str, Any]:
    if isinstance(event, CaseOpened):
        request = order.request if event.request is not None else None
        if request and event.escalated and event.by in PARTIES:
            request = _copy(request, escalated_by=_with(request.escalated_by, event.by))
        opened = Case(
            stage="mediation",
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
            clock_from=now,
        )
        return {"case": opened, "request": request or order.request}
    case = order.case
    if case is None:
        raise AssertionError(f"{event.event} without a case")
    changes: dict[str, Any] = {}
    match event:
        case CaseReminded():
            case = _copy(case, reminders_sent=case.reminders_sent + 1)
        case ProposalMade():
            proposal = Proposal(
                version=event.version, amount=event.amount, explanation=event.explanation, due_at=event.due_at
            )
            case = _copy(case, proposal=proposal)
            changes["offers"] = event.version
        case ProposalAccepted():
            if case.proposal is None:
                raise AssertionError("an accepted proposal that was never made")
            accepted = _copy(case.proposal, accepted_by=_with(case.proposal.accepted_by, event.by))
            case = _copy(case, proposal=accepted)
        case RulingNeeded():
            if event.by_deadline and case.proposal:
                late = ExpiredOffer(version=case.proposal.version, asked=PARTIES)
                changes["expired_offers"] = (*order.expired_offers, late)
            case = _copy(case, stage="ruling")
        case SettlementOffered():
            case = _copy(case, offers=_copy(case.offers, **{event.by: event.amount}))
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
                case = _copy(case, stage="ruling", ruling=ruling, appealable_until=until)
                if order.request and order.request.number == case.request:
                    changes["request"] = _copy(order.request, ruled_on=True)
        case CaseClosed():
            case = _copy(case, stage="closed")
            changes["last_case_end"] = now
        case AppealOpened():
            case = _copy(
                case,
                stage="appeal",
                due_at=event.due_at,
                clock_from=now,
                reminders_sent=0,
                appeals=case.appeals + 1,
            )
            changes["hold_until"] = event.due_at if order.closed else None
        case AppealUndecided():
            pass
        case _:
            assert_never(event)
    return changes | {"case": case}


def _delivery_clock(order: Order, now: datetime) -> AutoComplete | None:
    length = order.policy.order.auto_complete
    if length is None:
        return None
    request = order.open_request
    stopper = request.number if request and request.kind == "cancel" else None
    return AutoComplete(completes_at=now + length, stopper=stopper)


def _moved_clock(clock: AutoComplete, event: AutoCompleteStopped | AutoCompleteStarted, now: datetime) -> AutoComplete:
    if isinstance(event, AutoCompleteStarted):
        return AutoComplete(completes_at=event.completes_at, stopper=clock.stopper)
    if clock.completes_at is None:
        raise AssertionError("a clock is stopped twice")
    left = max(clock.completes_at - now, clock.completes_at - clock.completes_at)
    return AutoComplete(left=left, would_complete_at=clock.completes_at, stopper=clock.stopper)


def _with(parties: tuple[Party, ...], party: Any) -> tuple[Party, ...]:
    return tuple(one for one in PARTIES if one in parties or one == party)


def _spoken(request: Request | None, by: Party) -> Request | None:
    return _copy(request, spoken=_with(request.spoken, by)) if request else None


def _copy(value: _Value, **changes: Any) -> _Value:
    return value.model_copy(update=changes)
