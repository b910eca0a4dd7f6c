"""What each event changes in an order. No rule decides anything here; the events already say what happened."""

from datetime import datetime, timedelta
from typing import Any, assert_never

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
from recourse.resolution.model.events import (
    AnswerReminded,
    AnswersMoved,
    AutoCompleteStarted,
    AutoCompleteStopped,
    CameBack,
    CancellationUndone,
    Completed,
    Delivered,
    DueDateMoved,
    Event,
    EvidenceAdded,
    ExtraAgreed,
    FeedbackLeft,
    FollowedUp,
    MessageSent,
    NoteTaken,
    OrderCanceled,
    PartRefunded,
    PartReleased,
    RequestCountered,
    RequestEnded,
    RequestOpened,
    RequestReopened,
    RequirementsSubmitted,
    ResolutionChanged,
    RevisionRequested,
    TimeGiven,
    WentAway,
)
from recourse.resolution.model.money import fee_returned
from recourse.resolution.model.opening_state import Imported
from recourse.resolution.model.order import Feedback, Order
from recourse.resolution.model.payment_events import (
    ChargebackClosed,
    ChargebackOpened,
    DebtRecorded,
    LegBlocked,
    LegLowered,
    LegPaid,
    LegRetried,
    LegReturned,
    LegsFailed,
    LossBorne,
    MoneyMoved,
    MoneySettled,
    PaidBeyond,
    PaymentFailed,
    PaymentMade,
    SettlementDue,
)
from recourse.resolution.model.standing import AutoComplete, Away, ClocksMoved, Hold, HoldLifted, OrderHeld, Standstill
from recourse.resolution.model.vocabulary import PARTIES, Party, SettlementStatus
from recourse.resolution.rules.evolve_disputes import answers_moved, case_changes, request_changes, with_party
from recourse.resolution.rules.evolve_import import import_changes
from recourse.resolution.rules.evolve_payments import payment_changes
from recourse.resolution.rules.evolve_still import moved_on, without_hold


def evolve(order: Order, event: Event, now: datetime) -> Order:
    """The order after `event`, which happened at `now`."""
    return order.model_copy(update=_changes(order, event, now))


def _changes(order: Order, event: Event, now: datetime) -> dict[str, Any]:
    match event:
        case Imported():
            return import_changes(order, event.state, now)
        case RequirementsSubmitted():
            return {"phase": "in_progress", "due_at": event.due_at}
        case Delivered():
            return {
                "phase": "delivered",
                "delivered_once": True,
                "auto_complete": _delivery_clock(order, order.time(now)),
            }
        case RevisionRequested():
            return {"phase": "in_revision", "revisions": order.revisions + 1, "auto_complete": None}
        case Completed():
            ended = {"phase": "completed", "closed_at": now, "settlement": _paying(order), "auto_complete": None}
            if late := order.policy.cases.after_completion:
                ended["cases_until"] = order.time(now) + late
            return ended | _nobody_away(order, now)
        case RequestOpened() | RequestCountered() | RequestEnded() | RequestReopened() | AnswerReminded() | TimeGiven():
            return request_changes(order, event, now)
        case AnswersMoved():
            return answers_moved(order, event)
        case WentAway():
            back = _back(order, event.by, now)
            return back | {"away": {**order.away, event.by: Away(since=now, until=event.until)}}
        case CameBack():
            return _back(order, event.by, now)
        case DueDateMoved():
            return {"due_at": event.due_at}
        case PartRefunded():
            return {"refunded": order.refunded + event.amount}
        case ExtraAgreed():
            return {
                "extras": order.extras + event.amount,
                "extra_fees": order.extra_fees + event.service_fee,
                "fee_back_at_least": fee_returned(order, order.refunded),
            }
        case PartReleased():
            return {"released": event.gross}
        case OrderCanceled():
            return {
                "phase": "canceled",
                "canceled_from": order.phase,
                "closed_at": now,
                "resolution": event.resolution,
                # What would settle while the order stands still is held until it goes on.
                "settlement": "held" if event.hold_until or order.still else _paying(order),
                "hold_until": event.hold_until or (order.still.since if order.still else None),
                "follow_up_at": event.follow_up_at,
                **_nobody_away(order, now),
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
            | LegLowered()
            | LegRetried()
            | LegReturned()
            | LegBlocked()
            | LegsFailed()
            | MoneySettled()
            | PaidBeyond()
            | DebtRecorded()
            | ChargebackOpened()
            | ChargebackClosed()
            | LossBorne()
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
            | CaseTaken()
            | CaseReleased()
        ):
            return case_changes(order, event, now)
        case MessageSent():
            return {"wrote": with_party(order.wrote, event.by), "wrote_at": _wrote(order, event.by, now)}
        case EvidenceAdded():
            return {"wrote_at": _wrote(order, event.by, now)}
        case FeedbackLeft():
            said = Feedback(by=event.by, visibility=event.visibility, rating=event.rating, text=event.text)
            return {"feedback": (*order.feedback, said)}
        case FollowedUp():
            return {"follow_up_at": None}
        case NoteTaken():
            return {}
        case OrderHeld():
            still = order.still or Standstill(since=event.since)
            return {"still": still.model_copy(update={"hold": Hold(since=now, until=event.until)})}
        case HoldLifted():
            return without_hold(order, now)
        case ClocksMoved():
            return moved_on(order, event)
        case _:
            assert_never(event)


def _wrote(order: Order, party: Party, now: datetime) -> dict[Party, datetime]:
    return {**order.wrote_at, party: order.time(now)}


def _back(order: Order, party: Party, now: datetime) -> dict[str, Any]:
    """The party is back; what it did not use of its absence is not lost."""
    absence = order.away.get(party)
    if absence is None:
        return {}
    used = order.away_used.get(party, timedelta(0)) + min(absence.until, now) - absence.since
    left = {one: away for one, away in order.away.items() if one != party}
    return {"away": left, "away_used": {**order.away_used, party: used}}


def _nobody_away(order: Order, now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for party in PARTIES:
        changes |= _back(order.model_copy(update=changes), party, now)
    return changes


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
