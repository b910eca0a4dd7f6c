"""When an answer is due and when its reminder comes, for each kind of request (rules, 3.4-3.6, 4)."""

from datetime import datetime, timedelta
from typing import assert_never

from recourse.resolution.model.durations import window_end
from recourse.resolution.model.order import Order
from recourse.resolution.model.vocabulary import Party, RequestKind, Silence
from recourse.resolution.model.zones import Offsets, offsets_of
from recourse.resolution.rules.decision import Decision


def answer_window(decision: Decision, kind: RequestKind, asked: Party) -> tuple[datetime, datetime | None]:
    """The instants of the deadline and of the reminder, for an offer that is put to `asked` now."""
    policy, now = decision.order.policy, decision.now
    requests, undo = policy.requests, policy.undo
    reminder: timedelta | None
    match kind:
        case "cancel":
            length, reminder = requests.cancel.window.of(asked), requests.cancel.reminder
        case "extension":
            length, reminder = requests.extension.window.client_asked, requests.extension.reminder
        case "update":
            length, reminder = requests.update.window.freelancer_asked, requests.update.reminder
        case "partial_refund":
            length, reminder = requests.partial_refund.window.of(asked), requests.partial_refund.reminder
        case "undo":
            # An undo has no reminder of its own; it is reminded like a cancellation, where that fits its window.
            length, reminder = undo.consent_window, requests.cancel.reminder
            reminder = reminder if reminder is not None and reminder < length else None
        case _:
            assert_never(kind)
    pause = policy.answers.pause
    offsets = decision.offsets or (offsets_of(policy.answers.time_zone, now) if pause else Offsets.utc())
    remind_at = None if reminder is None else window_end(now, reminder, pause, offsets)
    return window_end(now, length, pause, offsets), remind_at


def silence_means(order: Order, kind: RequestKind, asked: Party) -> Silence:
    """What it means if `asked` does not answer and the window ends in the phase the order is in now."""
    requests = order.policy.requests
    match kind:
        case "cancel":
            return requests.cancel.silence_of(asked, order.phase)
        case "extension":
            return requests.extension.silence.client_asked
        case "update":
            return requests.update.silence.freelancer_asked
        case "partial_refund":
            silence = requests.partial_refund.silence
            return silence.client_asked if asked == "client" else silence.freelancer_asked
        case "undo":
            return "lapse"
        case _:
            assert_never(kind)
