"""When an answer is due and when its reminder comes, for each kind of request (rules, 3.4-3.6, 4)."""

from datetime import datetime, timedelta
from typing import assert_never

from recourse.resolution.model.durations import time_counted, window_end
from recourse.resolution.model.order import Order
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.vocabulary import Party, RequestKind, Silence
from recourse.resolution.model.zones import Offsets, offsets_of
from recourse.resolution.rules.decision import Decision


def answer_window(decision: Decision, kind: RequestKind, asked: Party) -> tuple[datetime, datetime | None]:
    """The instants of the deadline and of the reminder, for an offer that is put to `asked` now."""
    length, reminder = lengths(decision.order.policy, kind, asked)
    windows = AnswerTime(decision)
    # The window of a party that is away begins when it is back.
    start = decision.order.away_until(asked, decision.now) or decision.time
    return windows.end(start, length), None if reminder is None else windows.end(start, reminder)


def lengths(policy: Policy, kind: RequestKind, asked: Party) -> tuple[timedelta, timedelta | None]:
    """The time that `asked` has for its answer, and the time until it is reminded."""
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
        case "extra":
            length, reminder = requests.extra.window.client_asked, requests.extra.reminder
        case "undo":
            # An undo has no reminder of its own; it is reminded like a cancellation, where that fits its window.
            length, reminder = undo.consent_window, requests.cancel.reminder
            reminder = reminder if reminder is not None and reminder < length else None
        case _:
            assert_never(kind)
    return length, reminder


class AnswerTime:
    """Answer windows as the policy counts them: on days that it does not pause."""

    def __init__(self, decision: Decision) -> None:
        answers = decision.order.policy.answers
        self._pauses = answers.pauses
        needed = self._pauses is not None and decision.offsets is None
        self._offsets = offsets_of(answers.time_zone, decision.time) if needed else decision.offsets or Offsets.utc()

    def end(self, start: datetime, length: timedelta) -> datetime:
        """When so much time has passed since then."""
        return window_end(start, length, self._pauses, self._offsets)

    def before(self, end: datetime, length: timedelta) -> datetime:
        """Since when so much time will have passed then."""
        start = end - length
        while (missing := length - time_counted(start, end, self._pauses, self._offsets)) > timedelta(0):
            start -= missing
        return start

    def moved(self, deadline: datetime, since: datetime, until: datetime) -> datetime:
        """A deadline that has, at `until`, what it had left at `since`."""
        return self.end(until, time_counted(since, deadline, self._pauses, self._offsets))


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
        case "extra":
            return requests.extra.silence.client_asked
        case "undo":
            return "lapse"
        case _:
            assert_never(kind)
