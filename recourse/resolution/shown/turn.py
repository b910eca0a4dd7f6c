"""Whose turn it is, and until when (rules, 11)."""

from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Turn
from recourse.resolution.model.vocabulary import PARTIES


def turn(order: Order) -> Turn:
    """In order of need: a hold, an open request, a proposal, a case; else the party whose work the phase waits for."""
    if order.still:
        return Turn(who="operator", until=order.hold.until) if order.hold else Turn(who="nobody")
    request, proposal, case = order.open_request, order.open_proposal, order.open_case
    if request:
        return Turn(who=request.asked, until=request.answer_due_at)
    if proposal:
        silent = [party for party in PARTIES if party not in proposal.accepted_by]
        return Turn(who="both" if len(silent) == 2 else silent[0], until=proposal.due_at)
    if case and (case.ruling is None or case.stage == "appeal"):
        return Turn(who="operator", until=case.due_at)
    match order.phase:
        case "waiting_requirements":
            return Turn(who="client", until=order.due_at)
        case "in_progress" | "in_revision":
            return Turn(who="freelancer", until=order.due_at)
        case "delivered":
            return Turn(who="client", until=order.auto_complete.completes_at if order.auto_complete else None)
        case "completed" | "canceled":
            return Turn(who="operator" if order.settlement == "blocked" else "nobody")
