"""What each event changes in an order. No rule decides anything here; the events already say what happened."""

from datetime import datetime
from typing import Any, assert_never

from recourse.resolution.model.events import (
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
    OrderCanceled,
    PartRefunded,
    PartReleased,
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
from recourse.resolution.model.order import AutoComplete, Feedback, Order
from recourse.resolution.model.payment_events import (
    LegBlocked,
    LegPaid,
    LegRetried,
    LegReturned,
    LegsFailed,
    MoneyMoved,
    MoneySettled,
    PaymentFailed,
    PaymentMade,
)
from recourse.resolution.model.vocabulary import SettlementStatus
from recourse.resolution.rules.evolve_disputes import case_changes, request_changes, with_party
from recourse.resolution.rules.evolve_payments import payment_changes


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
            return {"phase": "completed", "closed_at": now, "settlement": _paying(order), "auto_complete": None}
        case RequestOpened() | RequestCountered() | RequestEnded() | RequestReopened() | AnswerReminded():
            return request_changes(order, event, now)
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
                "settlement": "held" if event.hold_until else _paying(order),
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
            # With a provider, it says until all has moved that the money had been held.
            held = None if order.opening.provider == "ledger" else order.hold_until
            return {"settlement": _paying(order), "hold_until": held}
        case (
            MoneyMoved()
            | PaymentMade()
            | LegPaid()
            | LegRetried()
            | LegReturned()
            | LegBlocked()
            | LegsFailed()
            | MoneySettled()
        ):
            return payment_changes(order, event, now)
        case PaymentFailed():
            return {
                "unpaid": event.sums,
                "retry_at": event.retry_at,
                "retries": order.retries + 1,
                "provider_failed": True,
                "settlement": "retrying" if order.settlement == "executing" else order.settlement,
            }
        case AutoCompleteStopped() | AutoCompleteStarted():
            return {"auto_complete": _moved_clock(order.auto_complete or AutoComplete(), event)}
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
            return case_changes(order, event, now)
        case MessageSent():
            return {"wrote": with_party(order.wrote, event.by), "wrote_at": {**order.wrote_at, event.by: now}}
        case EvidenceAdded():
            return {"wrote_at": {**order.wrote_at, event.by: now}}
        case FeedbackLeft():
            said = Feedback(by=event.by, visibility=event.visibility, rating=event.rating, text=event.text)
            return {"feedback": (*order.feedback, said)}
        case FollowedUp():
            return {"follow_up_at": None}
        case _:
            assert_never(event)


def _paying(order: Order) -> SettlementStatus:
    return "retrying" if order.provider_failed else "executing"


def _delivery_clock(order: Order, now: datetime) -> AutoComplete | None:
    length = order.policy.order.auto_complete
    if length is None:
        return None
    request = order.open_request
    stopper = request.number if request and request.kind == "cancel" else None
    return AutoComplete(completes_at=now + length, stopper=stopper)


def _moved_clock(clock: AutoComplete, event: AutoCompleteStopped | AutoCompleteStarted) -> AutoComplete:
    changes: dict[str, Any] = {"completes_at": None, "left": None, "would_complete_at": None}
    if isinstance(event, AutoCompleteStarted):
        changes["completes_at"] = event.completes_at
    else:
        changes |= {"left": event.left, "would_complete_at": clock.completes_at}
    return clock.model_copy(update=changes)
