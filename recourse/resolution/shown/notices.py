"""Who gets which notice: those of each event (rules, 9)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import assert_never

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
from recourse.resolution.model.notice import Notice, NoticeName, Receiver
from recourse.resolution.model.opening_state import Imported
from recourse.resolution.model.order import Order
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
from recourse.resolution.model.payments import PAID_TO, leg_name
from recourse.resolution.model.standing import ClocksMoved, HoldLifted, OrderHeld
from recourse.resolution.model.vocabulary import PARTIES, other, party_of
from recourse.resolution.shown.notice_content import content


def notices(before: Order, events: Sequence[Event], after: Order, at: datetime, step: int) -> tuple[Notice, ...]:
    """The notices of a step, in the order in which things happened. Ids are stable, also when a step is redone."""
    told: list[Notice] = []
    for event in events:
        for receiver, name in _told(before, event, after):
            told.append(
                Notice(
                    id=f"{after.terms.order_id}.{step}.{len(told) + 1}",
                    to=receiver,
                    name=name,
                    at=at,
                    body=content(event, after, receiver, at),
                )
            )
    return tuple(told)


def _told(before: Order, event: Event, after: Order) -> Iterator[tuple[Receiver, NoticeName]]:
    match event:
        case RequirementsSubmitted():
            yield "freelancer", "requirements_submitted"
        case Delivered():
            yield "client", "order_delivered"
        case RevisionRequested():
            yield "freelancer", "revision_requested"
        case Completed():
            yield from _both("order_completed")
        case RequestOpened():
            if event.asks:
                yield other(event.by), "request_opened"
        case RequestReopened():
            if after.request:
                yield after.request.asked, "request_opened"
        case RequestCountered():
            yield other(event.by), "request_countered"
        case AnswerReminded():
            if after.request:
                yield after.request.asked, "answer_reminder"
        case RequestEnded():
            yield from _request_ended(event, after)
        case OrderCanceled():
            yield from _both("order_canceled")
        case CancellationUndone():
            if not event.by_ruling:
                yield from _both("cancellation_undone")
        case LegBlocked():
            yield "operator", "payment_blocked"
        case LegReturned():
            party = PAID_TO[leg_name(event.leg)]
            if party:
                yield party, "payment_returned"
            yield "operator", "payment_returned"
        case DebtRecorded():
            yield "freelancer", "debt_recorded"
            yield "operator", "debt_recorded"
        case ChargebackOpened():
            yield from _all("chargeback_opened")
        case ChargebackClosed():
            yield from _all("chargeback_closed")
        case PaymentMade():
            if event.blocked:
                yield "operator", "payment_blocked"
        case MoneyMoved() | MoneySettled():
            if event.told:
                yield from _both("money_settled")
        case CaseOpened():
            yield from _both("case_opened")
            yield "operator", "case_opened"
        case CaseReminded():
            yield "operator", "case_reminder"
        case ProposalMade():
            yield from _both("proposal_made")
        case RulingNeeded():
            yield "operator", "ruling_needed"
        case SettlementOffered():
            yield other(event.by), "settlement_offered"
        case RulingMade():
            yield from _both("ruling_made")
            if event.overdue:
                yield "operator", "case_overdue"
        case CaseClosed():
            yield from _case_closed(before, event)
        case AppealOpened():
            yield other(event.by), "appeal_opened"
            yield "operator", "appeal_opened"
        case AppealUndecided():
            yield "operator", "case_overdue"
        case MessageSent():
            yield other(event.by), "message_received"
        case FeedbackLeft():
            if event.visibility == "public":
                yield other(event.by), "feedback_received"
        case FollowedUp():
            yield "freelancer", "follow_up"
        case WentAway():
            if event.asked:
                yield other(event.by), "party_away"
        case TimeGiven():
            yield other(event.by), "time_given"
        case CaseTaken():
            if event.former is not None:
                yield "operator", "case_taken_over"
        case OrderHeld():
            yield from _both("order_held")
        case HoldLifted():
            yield from _both("hold_lifted")
        case NoteTaken():
            if event.told:
                yield "operator", "note_received"
        case (
            Imported()
            | DueDateMoved()
            | PartRefunded()
            | PartReleased()
            | ResolutionChanged()
            | SettlementDue()
            | PaymentFailed()
            | LegPaid()
            | LegLowered()
            | PaidBeyond()
            | LossBorne()
            | LegRetried()
            | LegsFailed()
            | AutoCompleteStopped()
            | AutoCompleteStarted()
            | ProposalAccepted()
            | EvidenceAdded()
            | ExtraAgreed()
            | CameBack()
            | AnswersMoved()
            | ClocksMoved()
            | CaseReleased()
        ):
            return
        case _:
            assert_never(event)


def _both(name: NoticeName) -> Iterator[tuple[Receiver, NoticeName]]:
    for party in PARTIES:
        yield party, name


def _all(name: NoticeName) -> Iterator[tuple[Receiver, NoticeName]]:
    yield from _both(name)
    yield "operator", name


def _request_ended(event: RequestEnded, after: Order) -> Iterator[tuple[Receiver, NoticeName]]:
    request = after.request
    if request is None:
        return
    offered_by = other(request.asked)
    match event.status:
        case "accepted":
            # Both get a cancellation and an undo as what they are.
            if event.kind not in ("cancel", "undo"):
                yield offered_by, "request_accepted"
        case "declined":
            yield offered_by, "request_declined"
        case "withdrawn":
            yield other(request.opened_by), "request_withdrawn"
        case "lapsed":
            yield from _both("request_lapsed")
        case "superseded":
            yield request.opened_by, "request_superseded"
        case "open" | "escalated":
            return


def _case_closed(before: Order, event: CaseClosed) -> Iterator[tuple[Receiver, NoticeName]]:
    match event.because:
        case "withdrawn":
            if event.by in PARTIES:
                yield other(party_of(event.by)), "case_withdrawn"
            yield "operator", "case_closed"
        case "settled" | "canceled_alone":
            yield "operator", "case_closed"
        case "completed" | "charged_back":
            undecided = before.case is None or before.case.ruling is None or before.case.stage == "appeal"
            if undecided:
                yield "operator", "case_closed"
        case "proposal" | "ruling" | "fallback" | "appeal_over":
            return
