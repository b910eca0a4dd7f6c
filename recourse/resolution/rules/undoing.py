"""Taking a cancellation back: inside its window, once, and never to dodge a clock (rules, 5) [R18, A6]."""

from recourse.resolution.model.commands import UndoCancellation
from recourse.resolution.model.events import CancellationUndone, RequestOpened
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.vocabulary import Party, other
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import take_back
from recourse.resolution.rules.windows import answer_window


def undo(decision: Decision, command: UndoCancellation, party: Party, checks: Checks) -> None:
    """While the request is open: the same as to withdraw it. Afterwards: bring the order back, or ask for it."""
    order, chosen = decision.order, decision.order.policy.undo
    if not chosen.offered:
        checks.refuse("undo_not_offered", True)
        return
    checks.refuse("role_not_allowed", party not in chosen.by)
    request = order.open_request
    if request and request.kind != "undo":
        checks.refuse("not_yours_to_withdraw", request.opened_by != party)
        if not checks.first():
            take_back(decision, request, party)
        return
    checks.refuse("case_open", order.open_case is not None and not order.closed)
    resolution = order.resolution
    checks.refuse("no_open_request", resolution is None)
    if resolution is None:
        return
    undoable = resolution.how in ("mutual", "expired_accepted") and not resolution.settled_between_parties
    checks.refuse("undo_not_offered", not undoable)
    in_time = order.settlement == "held" and order.hold_until is not None and decision.counted < order.hold_until
    # A client that took the money through its bank cannot bring the order back.
    in_time = in_time and not order.charged_back
    checks.refuse("undo_closed", undoable and not in_time and request is None)
    checks.refuse("undo_used", order.undo_used)
    if checks.first():
        return
    if not chosen.consent:
        restore(decision, by_ruling=False)
        return
    due, reminder = answer_window(decision, "undo", other(party))
    decision.happen(
        RequestOpened(
            number=order.requests + 1,
            kind="undo",
            by=party,
            version=order.offers + 1,
            comment=command.said,
            answer_due_at=due,
            reminder_at=reminder,
        )
    )


def restore(decision: Decision, *, by_ruling: bool) -> None:
    """The order is back in the phase that it was canceled from; its due date moves by the time spent canceled."""
    order = decision.order
    if order.canceled_from is None or order.closed_at is None:
        raise AssertionError("nothing to restore")
    away = decision.now - order.closed_at
    due_at = order.due_at + away if order.due_at is not None else None
    decision.happen(CancellationUndone(phase=order.canceled_from, due_at=due_at, by_ruling=by_ruling))
