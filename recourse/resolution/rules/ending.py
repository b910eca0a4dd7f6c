"""How an order ends as canceled: what every cancellation records, and what is held (rules, 1 and 5)."""

from datetime import datetime
from typing import Literal

from recourse.resolution.model.dispute import Case, Request
from recourse.resolution.model.events import OrderCanceled, RequestEnded
from recourse.resolution.model.order import Resolution
from recourse.resolution.model.vocabulary import ExemptBecause, Fault, How, Party
from recourse.resolution.rules.decision import Decision


def cancel(
    decision: Decision,
    *,
    how: How,
    initiator: Party | Literal["system", "operator"],
    reason: str | None,
    gross: int,
    fault: Fault | None = None,
    exempt_by_operator: bool = False,
    communicated: bool = False,
    explained: bool = False,
    settled_between_parties: bool = False,
    hold_until: datetime | None = None,
) -> None:
    """Close the order as canceled. `gross` is the freelancer's total; `fault` None takes the reason's own.

    A cancellation that can be undone is held for the undo window; the caller says what else is held.
    """
    order, policy = decision.order, decision.order.policy
    known = policy.reasons.get(reason) if reason else None
    unstarted = order.phase == "waiting_requirements"
    undoable = how in ("mutual", "expired_accepted") and not settled_between_parties and policy.undo.offered
    follow_up = policy.notices.follow_up
    because: ExemptBecause | None = None
    if how == "charged_back":
        because = "chargeback"
    elif unstarted:
        because = "waiting_requirements"
    elif exempt_by_operator:
        because = "operator"
    resolution = Resolution(
        how=how,
        initiator=initiator,
        reason=reason,
        fault=fault if fault is not None else known.fault if known else "none",
        exempt=because is not None,
        exempt_because=because,
        communicated=communicated,
        explained=explained,
        gross=gross,
        settled_between_parties=settled_between_parties,
    )
    decision.happen(
        OrderCanceled(
            resolution=resolution,
            hold_until=decision.time + policy.undo.window if undoable else hold_until,
            follow_up_at=decision.now + follow_up if follow_up is not None else None,
        )
    )


def cancel_by_request(decision: Decision, how: Literal["mutual", "expired_accepted"]) -> None:
    """Cancel as the accepted request says."""
    request = decision.order.request
    if request is None:
        raise AssertionError("no request to cancel by")
    cancel(
        decision,
        how=how,
        initiator=request.opened_by,
        reason=request.reason,
        gross=decision.order.released if request.amount is None else request.amount,
        communicated=request.communicated,
        explained=request.explained,
    )


def cancel_by_case(
    decision: Decision,
    case: Case,
    how: How,
    gross: int,
    *,
    fault: Fault | None = None,
    exempt_by_operator: bool = False,
    settled_between_parties: bool = False,
    hold_until: datetime | None = None,
) -> None:
    """Cancel as a case ends: for the reason, and on the account of the party, that it was opened with."""
    cancel(
        decision,
        how=how,
        initiator=case.initiator,
        reason=case.reason,
        gross=gross,
        fault=fault,
        exempt_by_operator=exempt_by_operator,
        communicated=case.communicated,
        explained=case.explained,
        settled_between_parties=settled_between_parties,
        hold_until=hold_until,
    )


def abandon(decision: Decision) -> None:
    """Nothing was delivered so long after the due date: the order ends by itself, on the freelancer's account."""
    gross = decision.order.released
    cancel(decision, how="abandoned", initiator="system", reason=None, gross=gross, fault="freelancer")


def charge_back(decision: Decision) -> None:
    """The client's bank has decided for it: the order ends, and that counts as the refund."""
    order = decision.order
    cancel(
        decision,
        how="charged_back",
        initiator="client",
        reason=None,
        gross=order.released,
        communicated="client" in order.wrote,
    )


def take_back(decision: Decision, request: Request, party: Party) -> None:
    """Close one's own request, without trace in any score."""
    decision.withdrawn = True
    decision.happen(RequestEnded(status="withdrawn", kind=request.kind, by=party))
