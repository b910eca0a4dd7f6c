"""What an accepted request does, and which amounts agree (rules, 2 to 4, 16)."""

from typing import assert_never

from recourse.resolution.model.dispute import Request
from recourse.resolution.model.events import DueDateMoved, ExtraAgreed, PartRefunded, RequestEnded
from recourse.resolution.model.money import extra_fee, gross_bounds, refund_bounds
from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import cancel_by_request
from recourse.resolution.rules.undoing import restore


def agree(decision: Decision, request: Request, party: Party, comment: str | None) -> None:
    """The party asked accepts the offer on the table."""
    decision.happen(RequestEnded(status="accepted", kind=request.kind, by=party, comment=comment))
    if request.kind == "cancel":
        cancel_by_request(decision, "mutual")
    else:
        carry_out(decision, request)


def carry_out(decision: Decision, request: Request) -> None:
    """What an accepted request of another kind than to cancel does."""
    order = decision.order
    match request.kind:
        case "extension":
            _extend(decision, request)
        case "extra":
            amount = request.amount or 0
            decision.happen(ExtraAgreed(amount=amount, service_fee=extra_fee(order, amount)))
            _extend(decision, request)
        case "partial_refund":
            decision.happen(PartRefunded(amount=request.amount or 0))
        case "undo":
            restore(decision, by_ruling=False)
        case "update" | "cancel":
            pass
        case _:
            assert_never(request.kind)


def _extend(decision: Decision, request: Request) -> None:
    due_at = decision.order.due_at
    if due_at is not None and request.extend_by is not None:
        decision.happen(DueDateMoved(due_at=due_at + request.extend_by))


def counter_bounds(order: Order, request: Request, party: Party) -> tuple[int, int]:
    """The least and the most that a counter-offer by this party can be."""
    if request.kind == "partial_refund":
        return refund_bounds(order)
    least, most = gross_bounds(order)
    return max(least, request.at_least) if party == request.opened_by else least, most


def meets(request: Request, party: Party, amount: int, standing: int) -> bool:
    """Whether an amount is what stands, or better for the other side."""
    # A cancellation names what the freelancer gets, a partial refund what the client gets back.
    gives_more = party == "freelancer" if request.kind == "partial_refund" else party == "client"
    return amount >= standing if gives_more else amount <= standing
