"""The key of a state: all that the rules consult about what can come next, and nothing else."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from recourse.resolution.model.dispute import Case, Request
from recourse.resolution.model.lateness import lateness
from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.rules.canceling import right_available_at
from recourse.resolution.rules.clocks import REMINDERS, Clock


def right_changes(order: Order, now: datetime) -> Iterator[datetime]:
    """When a right comes or goes that no clock stands for."""
    if order.closed:
        return
    for party in PARTIES:
        very_late = right_available_at(order, party, now)
        if very_late:
            yield very_late
        declined = order.declined_at.get(party)
        if declined and declined + order.policy.requests.cancel.cooldown > now:
            yield declined + order.policy.requests.cancel.cooldown
        free_at = order.free_at.get(party)
        if free_at and free_at > now:
            yield free_at
        if _regrettable(order, now):
            yield order.terms.ordered_at + order.policy.order.regret_window


def _regrettable(order: Order, now: datetime) -> bool:
    rights = order.policy.requests.cancel.without_approval
    named = "regret_window" in (*rights.client, *rights.freelancer)
    return named and now < order.terms.ordered_at + order.policy.order.regret_window


def state_key(order: Order, now: datetime, settlements: int, running: Sequence[Clock]) -> tuple[Any, ...]:
    """What two orders must agree in to be taken as one state."""
    request, case, resolution = order.open_request, order.open_case, order.resolution
    how = resolution.how if resolution else None
    if order.closed and not request and not case and order.settlement != "held":
        return (order.phase, how, order.settlement, settlements)
    # A right to cancel alone is of use also over a case, until there is a ruling.
    rights = not order.closed and (case is None or case.ruling is None)
    return (
        order.phase,
        order.canceled_from,
        how,
        order.settlement,
        settlements,
        _request(order, request) if request else None,
        _case(order),
        () if case else _may_escalate(order),
        # A used up undo shows only once there is a cancellation to take back again.
        order.undo_used and order.closed,
        rights and lateness(order, now) == "very_late",
        rights and _regrettable(order, now),
        () if request or case else _cooling_down(order, now),
        () if case else _used_up(order),
        tuple(clock.name for clock in running if clock.name not in REMINDERS),
    )


def _request(order: Order, request: Request) -> tuple[Any, ...]:
    requests = order.policy.requests
    most = (requests.partial_refund if request.kind == "partial_refund" else requests.cancel).max_counters
    share = _share(order, request.amount)
    return (request.kind, request.asked, request.opened_by, share, request.counters >= most)


def _cooling_down(order: Order, now: datetime) -> tuple[str, ...]:
    wait = order.policy.requests.cancel.cooldown
    to_cancel = [party for party in PARTIES if party in order.declined_at and now < order.declined_at[party] + wait]
    otherwise = [f"{party}, other kinds" for party in PARTIES if party in order.free_at and now < order.free_at[party]]
    return (*to_cancel, *otherwise)


def _used_up(order: Order) -> tuple[str, ...]:
    most = order.policy.requests.cancel.max_requests
    return tuple(party for party in PARTIES if 0 < most <= order.counted_requests.get(party, 0))


def _case(order: Order) -> tuple[Any, ...] | None:
    case = order.open_case
    if case is None:
        return None
    table = _on_the_table(case)
    # Who opened a case matters for taking it back and for its fallback, which is seen before anybody says anything.
    fresh = table is None and case.stage == "mediation"
    opened = (case.opened_by, case.dormant) if fresh else None
    # Under some policies the fallback depends on which side has said something.
    spoke = tuple(case.spoke_at)
    return (case.stage, opened, case.review, table, case.ruling.outcome if case.ruling else None, spoke)


def _on_the_table(case: Case) -> str | None:
    # What both a proposal and an offer to settle can lead to is seen from each by itself.
    if case.offers.client is not None:
        return "offer"
    if case.proposal is None or case.stage != "mediation":
        return None
    return "half accepted" if case.proposal.accepted_by else "proposal"


def _may_escalate(order: Order) -> tuple[str, ...]:
    request = order.request
    if order.closed or request is None or request.kind != "cancel" or request.status != "declined":
        return ()
    return ("ruled on",) if request.ruled_on else ("declined", *request.escalated_by)


def _share(order: Order, amount: int | None) -> str | None:
    if amount is None or amount == 0:
        return None if amount is None else "nothing"
    return "all" if amount == order.price else "some"
