"""What holds of every order at every instant, whoever did what."""

from datetime import datetime, timedelta

from recourse.resolution.model.money import held
from recourse.resolution.model.order import Order
from recourse.resolution.model.payments import Sums
from recourse.resolution.model.step import LEDGER, Step
from recourse.resolution.rules.clocks import clocks, next_clock
from recourse.resolution.rules.decide import decide_clock
from recourse.resolution.rules.paying import pay_all
from recourse.resolution.shown.looking_ahead import let_time_pass
from recourse.resolution.shown.views import view
from tests.rules.given import Given

# Longer than the longest chain of clocks: a dormant case with reminders, an appeal with reminders, and the money.
MOST_CLOCKS = 25
UNTOUCHED_BY_UNDO = (
    "request declined requests offers counted_requests declined_at expired_offers case feedback moved released "
    "refunded revisions delivered_once wrote appeal_used extras extra_fees operator_case_used"
)


def check_order(order: Order, now: datetime) -> None:
    """All of them that one order shows by itself."""
    check_money(order)
    check_what_is_open(order)
    check_clocks(order, now)
    check_deadlines(order, now)


def check_money(order: Order) -> None:
    """Every cent is somewhere, and only an order that is not over holds any."""
    paid_in = order.price + order.service_fee
    sums = (*(getattr(order.moved, name) for name in Sums.model_fields), held(order))
    client, freelancer, platform, contested, in_escrow = sums
    assert sum(sums) == paid_in
    assert contested == (order.open_chargeback.amount if order.open_chargeback else 0)
    # The platform alone gives of its own, for a refund after completion or what a bank takes.
    assert min(client, freelancer, contested, in_escrow) >= 0
    assert platform >= 0 or order.late_cases or order.chargebacks
    assert order.charged_back <= client
    assert min(order.released, order.refunded) >= 0
    assert order.released + order.refunded <= order.price or order.late_cases
    # What came back to the provider is paid again, whole, so a debt for it stays.
    coming = sum(leg.amount for leg in order.open_legs if leg.name == "payout")
    assert sum(order.debts.values()) <= freelancer + coming
    if not order.chargebacks:
        assert sum(order.debts.values()) <= sum(order.beyond.values()) <= freelancer
    if order.settlement == "settled":
        assert held(order) == 0
    assert (order.settlement == "none") == (not order.closed)
    # With a provider it also says, until the money is settled, that it was held.
    if order.settlement == "held" or order.opening.provider == "ledger":
        assert (order.settlement == "held") == (order.hold_until is not None)


def check_what_is_open(order: Order) -> None:
    """At most one thing is open between the parties, and nothing once the order is completed."""
    assert not (order.open_request and order.open_case)
    if order.phase == "completed":
        assert not order.open_request
        assert not order.open_case or order.open_case.stage == "ruling"
    if order.phase == "canceled" and order.open_request:
        assert order.open_request.kind == "undo"
    if order.open_request:
        assert order.open_request.asked != order.open_request.opened_by or order.open_request.counters
    assert (order.resolution is None) == (order.phase != "canceled")
    assert (order.closed_at is None) == (not order.closed)
    assert (order.canceled_from is None) == (order.phase != "canceled")


def check_clocks(order: Order, now: datetime) -> None:
    """Every open thing has a clock, and none is overdue."""
    running = {clock.name for clock in clocks(order)}
    clock = next_clock(order)
    assert clock is None or clock.at > now
    if order.still:
        causes = {"hold_ends": order.hold, "chargeback_lost": order.open_chargeback}
        assert running - {"follow_up"} == {name for name, cause in causes.items() if cause}
        return
    if order.open_request:
        assert "answer_due" in running
    if order.open_proposal:
        assert "proposal_due" in running
    if order.open_case:
        assert running & {"case_due", "appeal_due", "appeal_window_ends"}
    if order.settlement == "held":
        assert running & {"settlement", "answer_due", "appeal_due", "appeal_window_ends"}
    if order.settlement in ("executing", "retrying") or order.unpaid:
        assert "settlement_retry" in running
    if order.phase == "delivered" and order.policy.order.auto_complete is not None:
        assert "auto_complete" in running or order.open_case or order.open_request
    if not order.closed and order.policy.order.dormant_after is not None:
        assert running


def check_deadlines(order: Order, now: datetime) -> None:
    """The deadlines that a page shows are those that fire."""
    page = view(order, "client", now)
    running: dict[str, datetime] = {clock.name: clock.at for clock in clocks(order)}
    if order.still:
        stopped = page.request and page.request.answer_due_at, page.case and page.case.due_at, page.completes_at
        assert (*stopped, page.settles_at) == (None, None, None, None)
        assert page.turn.until == running.get("hold_ends")
        return
    case_due = running.get("case_due", running.get("appeal_due"))
    if order.open_request:
        assert page.request
        assert page.request.answer_due_at == page.turn.until == running["answer_due"]
    elif order.open_proposal:
        assert page.turn.until == running["proposal_due"]
    elif page.turn.who == "operator":
        assert page.turn.until == case_due
    if case_due:
        assert page.case
        assert page.case.due_at == case_due
    assert page.completes_at == running.get("auto_complete")
    if page.settles_at and order.unpaid is None:
        alone = let_time_pass(order, page.settles_at - timedelta(seconds=1))
        assert alone.settlement == "held"
        assert let_time_pass(alone, page.settles_at).settlement == "settled"


def check_that_silence_locks_nothing(order: Order) -> None:
    """When nobody does anything any more, all of the money has moved after a bounded number of clocks."""
    if order.policy.order.dormant_after is None:
        return
    for _ in range(MOST_CLOCKS):
        clock = next_clock(order)
        if clock is None:
            break
        order = pay_all(decide_clock(order, clock, clock.at), retrying=clock.name == "settlement_retry")
    assert order.settlement == "settled"
    assert held(order) == 0
    assert not clocks(order)


def check_step(before: Order, step: Step) -> Order:
    """One step leads from one state to the next only as the rules allow; returns the order after it."""
    after = Order.model_validate({**step.order, "opening": before.opening})
    # A payment that is retried in vain leaves no entry, and nothing else happens in it.
    content = step.entry.content if step.entry else {}
    events = {event["event"] for event in content.get("events", ())}
    if before.closed and after.phase != before.phase:
        assert "cancellation_undone" in events
        assert content["command"] in ("undo", "accept", "rule")
    if not before.closed and after.closed:
        assert events & {"order_canceled", "completed"}
    if "leg_returned" not in events:
        assert before.moved.client <= after.moved.client
        assert before.moved.freelancer <= after.moved.freelancer
        assert before.moved.platform <= after.moved.platform or after.late_cases or after.chargebacks
    assert sum(line.amount for line in step.ledger) == 0
    if before.hold and after.hold and content.get("command") != "payment_event":
        assert (after.moved, after.payments) == (before.moved, before.payments)
    return after


def check_ledger(given: Given) -> None:
    """The ledger adds up to what the page says."""
    paid_in = given.order.price + given.order.service_fee
    balances = dict.fromkeys(LEDGER, 0)
    for step in given.steps:
        for line in step.ledger:
            balances[line.account] += line.amount
    assert balances.pop("contested") == given.order.moved.contested
    assert (balances["client"] + paid_in, *list(balances.values())[1:]) == given.money


def check_undone(before: Order, after: Order, now: datetime) -> None:
    """An undo moves the due date by the time away and touches nothing else."""
    assert before.closed_at is not None
    assert after.phase == before.canceled_from
    assert after.due_at == (before.due_at and before.due_at + (now - before.closed_at))
    assert after.undo_used
    if before.auto_complete and before.auto_complete.left is not None and not after.open_case:
        assert after.auto_complete is not None
        assert after.auto_complete.completes_at == now + before.auto_complete.left
    for name in UNTOUCHED_BY_UNDO.split():
        assert getattr(after, name) == getattr(before, name), name
