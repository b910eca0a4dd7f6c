"""Which key of a policy says how long a clock of an order runs."""

from recourse.resolution.model.order import Order
from recourse.resolution.rules.clocks import Clock


def clock_key(order: Order, clock: Clock) -> str:
    """The dotted name of the key that says how long this clock of this order runs."""
    request = order.open_request
    match clock.name:
        case "answer_due" if request and request.kind == "undo":
            return "undo.consent_window"
        case "answer_due" if request:
            return f"requests.{request.kind}.window.{request.asked}_asked"
        case "answer_reminder" if request:
            return f"requests.{'cancel' if request.kind == 'undo' else request.kind}.reminder"
        case name:
            return _CLOCK_KEYS[name]


_CLOCK_KEYS = {
    "hold_ends": "order.hold_at_most",
    "chargeback_lost": "money.chargeback_lost_after",
    "proposal_due": "cases.proposal_window",
    "case_due": "cases.rule_within",
    "appeal_window_ends": "cases.appeal_window",
    "appeal_due": "cases.rule_within",
    "auto_complete": "order.auto_complete",
    "abandonment": "order.abandoned_after",
    "settlement": "undo.window",
    "case_reminder": "cases.reminders",
    "follow_up": "notices.follow_up",
    "dormancy": "order.dormant_after",
}
