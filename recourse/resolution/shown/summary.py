"""The columns by which a marketplace finds and lists orders."""

from recourse.resolution.model.order import Order
from recourse.resolution.model.step import Summary
from recourse.resolution.rules.clocks import next_clock
from recourse.resolution.shown.turn import turn


def summary(order: Order) -> Summary:
    """The columns by which orders are found and listed."""
    request, case, whose, following = order.request, order.case, turn(order), next_clock(order)
    terms = order.terms
    return Summary(
        policy=order.policy.name,
        client=terms.client,
        freelancer=terms.freelancer,
        currency=terms.currency,
        price=order.price,
        service_fee=order.service_fee,
        phase=order.phase,
        how=order.resolution.how if order.resolution else None,
        settlement=order.settlement,
        ordered_at=terms.ordered_at,
        due_at=order.due_at,
        closed_at=order.closed_at,
        request_kind=request.kind if request else None,
        request_status=request.status if request else None,
        answer_due_at=order.runs_out(request.answer_due_at) if request else None,
        case_stage=case.stage if case else None,
        case_due_at=order.runs_out(case.due_at) if case else None,
        turn=whose.who,
        turn_until=whose.until,
        next_clock=following.name if following else None,
        next_clock_at=following.at if following else None,
        group_id=terms.group,
        part=terms.part,
    )
