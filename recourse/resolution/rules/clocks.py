"""What time does: the clocks that run on an order, which comes first, and what each does (rules, 1)."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, get_args

from pydantic import AwareDatetime

from recourse.resolution.model.data_version import FIRST
from recourse.resolution.model.events import FollowedUp
from recourse.resolution.model.order import Order
from recourse.resolution.model.payment_events import SettlementDue
from recourse.resolution.model.vocabulary import PARTIES, Frozen
from recourse.resolution.rules.cases import end_mediation_by_silence, open_dormant_case
from recourse.resolution.rules.charging import lose_by_time, lost_at
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.ending import abandon
from recourse.resolution.rules.requesting import end_by_silence, remind_of_answer
from recourse.resolution.rules.ruling import end_appeal_window, end_undecided_appeal, fall_back, remind_operator
from recourse.resolution.rules.standing import end_hold
from recourse.resolution.rules.working import close_as_completed

# In the order in which what falls due at the same instant is decided.
ClockName = Literal[
    "hold_ends",
    "chargeback_lost",
    "answer_due",
    "proposal_due",
    "case_due",
    "appeal_window_ends",
    "appeal_due",
    "auto_complete",
    "abandonment",
    "settlement",
    "settlement_retry",
    "answer_reminder",
    "case_reminder",
    "follow_up",
    "dormancy",
]
_RANK = {name: rank for rank, name in enumerate(get_args(ClockName))}
REMINDERS = frozenset({"answer_reminder", "case_reminder", "follow_up"})


class Clock(Frozen):
    """One clock and the absolute instant at which it is over."""

    name: ClockName
    at: AwareDatetime


def clocks(order: Order) -> list[Clock]:
    """Every clock that runs, the first to fire first."""
    found = [Clock(name=name, at=at) for name, at in _running(order) if at is not None]
    return sorted(found, key=lambda clock: (clock.at, _RANK[clock.name]))


def next_clock(order: Order) -> Clock | None:
    """The clock that fires next, if any runs."""
    return next(iter(clocks(order)), None)


def _running(order: Order) -> list[tuple[ClockName, datetime | None]]:
    if order.still:
        # A follow-up is only a word to the freelancer.
        return [
            ("hold_ends", order.hold.until if order.hold else None),
            ("chargeback_lost", lost_at(order)),
            ("follow_up", order.follow_up_at),
        ]
    running: list[tuple[ClockName, datetime | None]] = []
    request, case, proposal = order.open_request, order.open_case, order.open_proposal
    if request:
        running += [("answer_due", request.answer_due_at), ("answer_reminder", request.reminder_at)]
    if proposal:
        running.append(("proposal_due", proposal.due_at))
    if case:
        running += _case_clocks(order)
    elif not order.closed and not request and order.policy.order.dormant_after is not None:
        running.append(("dormancy", quiet_since(order) + order.policy.order.dormant_after))
    if not case and not request:
        running.append(("abandonment", _abandoned_at(order)))
    if order.auto_complete and order.phase == "delivered":
        running.append(("auto_complete", order.auto_complete.completes_at))
    if order.settlement == "held" and not case and not request:
        running.append(("settlement", order.hold_until))
    running += [("settlement_retry", order.retry_at), ("follow_up", order.follow_up_at)]
    return running


def _abandoned_at(order: Order) -> datetime | None:
    """When an order with nothing delivered is canceled, if nothing else is decided (rules, 15)."""
    after = order.policy.order.abandoned_after
    if after is None or order.due_at is None or order.delivered_once or order.closed:
        return None
    return order.due_at + after


def quiet_since(order: Order) -> datetime:
    """Since when nobody has moved the order. Two that talk move it, one alone does not; before its due date nobody has
    to."""
    moved = [order.heard_at, order.last_case_end]
    if len(order.wrote_at) == len(PARTIES):
        moved.append(min(order.wrote_at.values()))
    if order.phase in ("in_progress", "in_revision"):
        moved.append(order.due_at)
    return max(at for at in moved if at is not None)


def is_over(order: Order, now: datetime) -> bool:
    """Whether the order answers no more: closed for long enough, all of its legs paid, and none of its clocks runs."""
    at = over_at(order)
    return at is not None and now >= at and not clocks(order)


def over_at(order: Order) -> datetime | None:
    """When a closed order stops answering, as far as that is known now."""
    if order.closed_at is None or order.open_legs or order.open_chargeback:
        return None
    # Data version 1 counted from the closing alone.
    moved = order.paid_at if order.opening.made_for > FIRST else None
    at = max(order.closed_at, moved or order.closed_at) + order.policy.order.reachable_after
    return max(at, order.cases_until or at)


def _case_clocks(order: Order) -> list[tuple[ClockName, datetime | None]]:
    case = order.open_case
    if case is None:
        return []
    if case.stage == "ruling" and case.ruling is not None:
        return [("appeal_window_ends", case.appealable_until)]
    reminders = order.policy.cases.reminders
    due = case.reminders_sent < len(reminders)
    reminder = case.clock_from + reminders[case.reminders_sent] if due else None
    return [("appeal_due" if case.stage == "appeal" else "case_due", case.due_at), ("case_reminder", reminder)]


def fire(decision: Decision, clock: Clock) -> None:
    """Let `clock` do what it does."""
    _EFFECTS[clock.name](decision)


def _settle(decision: Decision) -> None:
    decision.happen(SettlementDue())


def _retry(decision: Decision) -> None:
    """Nothing but what the provider says, which the caller asks."""


def _follow_up(decision: Decision) -> None:
    decision.happen(FollowedUp())


_EFFECTS: dict[ClockName, Callable[[Decision], None]] = {
    "hold_ends": end_hold,
    "chargeback_lost": lose_by_time,
    "answer_due": end_by_silence,
    "proposal_due": end_mediation_by_silence,
    "case_due": fall_back,
    "appeal_window_ends": end_appeal_window,
    "appeal_due": end_undecided_appeal,
    "auto_complete": lambda decision: close_as_completed(decision, None),
    "abandonment": abandon,
    "settlement": _settle,
    "settlement_retry": _retry,
    "answer_reminder": remind_of_answer,
    "case_reminder": remind_operator,
    "follow_up": _follow_up,
    "dormancy": open_dormant_case,
}
