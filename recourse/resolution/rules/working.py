"""The work itself: requirements, delivery, revisions, completion (rules, 2)."""

from recourse.resolution.model.case_events import CaseClosed
from recourse.resolution.model.commands import AskRevision, Complete, Deliver, SubmitRequirements
from recourse.resolution.model.events import (
    Completed,
    Delivered,
    RequestEnded,
    RequirementsSubmitted,
    RevisionRequested,
)
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.rules.decision import Decision


def submit_requirements(decision: Decision, command: SubmitRequirements, checks: Checks) -> None:
    """The delivery time starts now."""
    order = decision.order
    checks.refuse("wrong_phase", order.phase != "waiting_requirements", phase=order.phase)
    if not checks.first():
        decision.happen(RequirementsSubmitted(due_at=decision.time + order.terms.delivery_time))


def deliver(decision: Decision, command: Deliver, checks: Checks) -> None:
    """The auto-complete clock starts; the forced right is gone for good [A8]."""
    phase = decision.order.phase
    checks.refuse("wrong_phase", phase not in ("in_progress", "in_revision"), phase=phase)
    if not checks.first():
        decision.happen(Delivered())


def ask_revision(decision: Decision, command: AskRevision, checks: Checks) -> None:
    """Back to the freelancer, so many times as the policy allows."""
    order = decision.order
    most = order.policy.order.max_revisions
    checks.refuse("wrong_phase", order.phase != "delivered", phase=order.phase)
    checks.refuse("too_many_revisions", 0 < most <= order.revisions, at_most=most)
    if not checks.first():
        decision.happen(RevisionRequested())


def complete(decision: Decision, command: Complete, checks: Checks) -> None:
    """The client accepts the delivery, over any open request and case."""
    phase = decision.order.phase
    checks.refuse("wrong_phase", phase != "delivered", phase=phase)
    if not checks.first():
        close_as_completed(decision, "client")


def close_as_completed(decision: Decision, by: Party | None) -> None:
    """Complete the order, by a party or (None) by the clock; what is open ends with it."""
    request = decision.order.open_request
    actor = by or "system"
    if request:
        decision.happen(RequestEnded(status="superseded", kind=request.kind, by=actor))
    if decision.order.open_case:
        decision.happen(CaseClosed(because="completed", by=actor))
    decision.happen(Completed(by=actor))
