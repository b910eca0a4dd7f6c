"""A policy: what a marketplace chose, as data. Every key of a policy file is a field here [policy-keys].

Only single values are checked here. Whether they make sense together is for the lint of `policies`, which loading a
policy goes through: an order keeps the policy it was opened with, also one that a later lint would refuse.
"""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any, Literal

from pydantic import StrictBool, field_validator

from recourse.errors import BadInput
from recourse.resolution.model.durations import Duration, DurationOrNever, Percentage, Weekday
from recourse.resolution.model.fields import Name
from recourse.resolution.model.policy_requests import Count, Requests, Roles, hours
from recourse.resolution.model.vocabulary import PARTIES, Fallback, Frozen, Party
from recourse.resolution.model.zones import read_zone


class OrderClocks(Frozen):
    """The order's own clocks."""

    late_grace: DurationOrNever = hours(24)
    auto_complete: DurationOrNever = hours(72)
    max_revisions: Count = 5
    reachable_after: Duration = timedelta(days=14)
    regret_window: Duration = timedelta(0)
    dormant_after: DurationOrNever = timedelta(days=90)


class Answers(Frozen):
    """Weekdays that do not count in answer windows and their reminders, and where those days begin and end."""

    pause: tuple[Weekday, ...] = ()
    time_zone: str = "UTC"

    @field_validator("pause")
    @classmethod
    def _some_day_counts(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if len(set(days)) > 6:
            raise ValueError("all seven days are paused, so no window would ever end: leave at least one day")
        return days

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return read_zone(zone).key


class Undo(Frozen):
    """Taking a cancellation back [R18, A6]."""

    by: Roles = ()
    window: Duration = timedelta(0)
    consent: StrictBool = False
    consent_window: Duration = hours(48)

    @property
    def offered(self) -> bool:
        """Whether this policy has an undo at all."""
        return bool(self.by) and self.window > timedelta(0)


class Cases(Frozen):
    """What the operator decides, and how long it may take."""

    escalate_by: Roles = ()
    dialogue_required: StrictBool = False
    proposal_window: Duration = hours(48)
    appeal_window: Duration = timedelta(0)
    reminders: tuple[Duration, ...] = (timedelta(days=3), timedelta(days=7))
    rule_within: Duration = timedelta(days=14)
    fallback: Fallback = "cancel_split"


class Money(Frozen):
    """The platform's share."""

    commission: Percentage = Fraction(20, 100)
    fee_back: Literal["pro_rata", "full", "none"] = "pro_rata"


class Scores(Frozen):
    """Which score is kept, and how it is counted."""

    # Any name: a running order keeps its policy, also where its calculator is not installed. What a policy file names
    # is checked when the file is read (`recourse.policies.key_errors.known_calculator`).
    calculator: Name = "none"
    new_order_exempts_within: DurationOrNever = timedelta(days=14)
    unpaid_silent: Literal["counted", "excluded"] = "counted"


class Reviews(Frozen):
    """Who may review a canceled order."""

    public_after_cancel: Literal["never", "late_or_delivered", "paid", "always"] = "never"
    private_after_cancel: StrictBool = False
    careless_client: StrictBool = False


class RepeatCanceler(Frozen):
    """So many cancellations by one party within this time set the mark; 0 turns it off [R60, R62]."""

    count: Count = 3
    within: Duration = timedelta(days=60)


class Flags(Frozen):
    """Marks on a party's profile."""

    repeat_canceler: RepeatCanceler = RepeatCanceler()


class NoticeTimes(Frozen):
    """Notices that come by the clock alone."""

    follow_up: DurationOrNever = None


class Reason(Frozen):
    """A reason code: who may give it, and whose fault it admits. A claim against the other side carries none."""

    by: tuple[Party, ...]
    fault: Literal["client", "freelancer", "none"] = "none"


REASONS: dict[str, Reason] = {
    "no_longer_needed": Reason(by=("client",)),
    "ordered_by_mistake": Reason(by=("client",), fault="client"),
    "late_delivery": Reason(by=("client",)),
    "not_as_agreed": Reason(by=("client",)),
    "freelancer_unresponsive": Reason(by=("client",)),
    "cannot_deliver": Reason(by=("freelancer",), fault="freelancer"),
    "client_asked": Reason(by=("freelancer",)),
    "client_unresponsive": Reason(by=("freelancer",)),
    "unforeseen": Reason(by=PARTIES),
    "other": Reason(by=PARTIES),
}


class Policy(Frozen):
    """One marketplace's choices. An order keeps the policy it was opened with."""

    name: Name
    order: OrderClocks = OrderClocks()
    answers: Answers = Answers()
    requests: Requests
    undo: Undo = Undo()
    cases: Cases = Cases()
    money: Money = Money()
    scores: Scores = Scores()
    reviews: Reviews = Reviews()
    flags: Flags = Flags()
    notices: NoticeTimes = NoticeTimes()
    reasons: dict[Name, Reason] = REASONS


class PolicyError(BadInput, ValueError):
    """A policy that cannot be used. Its text has a line for every bad key: where it is, and why."""


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, table by table; a list, a duration or the whole of `reasons` replaces the old one."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if key != "reasons" and isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged
