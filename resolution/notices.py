"""Who is told what: each event's notices, and what their reader needs to act (rules, 9)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, assert_never

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
from resolution.money import final_sums, held
from resolution.order import Order
from resolution.step import Notice, Receiver
from resolution.turn import turn
from resolution.windows import silence_means
from resolution.words import PARTIES, Party, other


def notices(before: Order, events: Sequence[Event], after: Order, at: datetime, step: int) -> tuple[Notice, ...]:
    """What is told of a step, in the order in which it happened. Ids are stable, also when a step is redone."""
    told: list[Notice] = []
    for event in events:
        for receiver, name in _told(before, event, after):
            told.append(
                Notice(
                    id=f"{after.terms.order_id}.{step}.{len(told) + 1}",
                    to=receiver,
                    name=name,
                    at=at,
                    body=_body(event, after, receiver),
                )
            )
    return tuple(told)


def _told(before: Order, event: Event, after: Order) -> Iterator[tuple[Receiver, str]]:
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
        case MoneyMoved():
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
        case (
            DueDateMoved()
            | PartRefunded()
            | PartReleased()
            | ResolutionChanged()
            | SettlementDue()
            | PaymentFailed()
            | AutoCompleteStopped()
            | AutoCompleteStarted()
            | ProposalAccepted()
            | EvidenceAdded()
        ):
            return
        case _:
            assert_never(event)


def _both(name: str) -> Iterator[tuple[Receiver, str]]:
    for party in PARTIES:
        yield party, name


def _request_ended(event: RequestEnded, after: Order) -> Iterator[tuple[Receiver, str]]:
    request = after.request
    if request is None:
        return
    offered_by = other(request.asked)
    match event.status:
        case "accepted":
            # A cancellation and an undo are told as what they are to both.
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


def _case_closed(before: Order, event: CaseClosed) -> Iterator[tuple[Receiver, str]]:
    match event.because:
        case "withdrawn":
            if event.by in PARTIES:
                yield other(_party(event.by)), "case_withdrawn"
            yield "operator", "case_closed"
        case "settled" | "canceled_alone":
            yield "operator", "case_closed"
        case "completed":
            undecided = before.case is None or before.case.ruling is None or before.case.stage == "appeal"
            if undecided:
                yield "operator", "case_closed"
        case "proposal" | "ruling" | "fallback" | "appeal_over":
            return


def _party(by: str) -> Party:
    return "freelancer" if by == "freelancer" else "client"


def amounts(order: Order) -> dict[str, Any]:
    """Where the money is, or where a closed order's money ends up, in minor units."""
    sums = final_sums(order) if order.closed else order.moved
    inside = 0 if order.closed else held(order)
    return {**sums.model_dump(), "held": inside, "currency": order.terms.currency}


def _body(event: Event, after: Order, receiver: Receiver) -> dict[str, Any]:
    now_turn = turn(after)
    must_answer = now_turn.who in (receiver, "both") and (after.open_request or after.open_proposal)
    request, case = after.request, after.case
    waiting = after.open_request
    said = {
        key: getattr(event, key)
        for key in ("comment", "explanation", "reason", "amount", "outcome", "status", "text", "rating")
        if getattr(event, key, None) is not None
    }
    return {
        "order_id": after.terms.order_id,
        "phase": after.phase,
        "request": {
            "number": request.number,
            "kind": request.kind,
            "status": request.status,
            "opened_by": request.opened_by,
            "version": request.version,
            "amount": request.amount,
            "reason": request.reason,
        }
        if request
        else None,
        "case": {"stage": case.stage, "opened_by": case.opened_by} if case else None,
        "resolution": after.resolution.model_dump(include={"how", "initiator", "reason", "fault"})
        if after.resolution
        else None,
        "amounts": amounts(after),
        "settlement": after.settlement,
        "deadline": now_turn.until.isoformat().replace("+00:00", "Z") if now_turn.until else None,
        "silence_means": silence_means(after, waiting.kind, waiting.asked) if waiting else None,
        "answers": _answers(after) if must_answer else [],
        **said,
    }


def _answers(order: Order) -> list[str]:
    request = order.open_request
    counterable = request is not None and (
        request.kind == "partial_refund"
        or (request.kind == "cancel" and bool(order.policy.requests.cancel.amount_from))
    )
    return ["accept", "decline", *(["counter"] if counterable else [])]
