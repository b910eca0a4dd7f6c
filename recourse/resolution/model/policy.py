"""A policy: what a marketplace chose, as data. Every key of a policy file is a field here [policy-keys].

Only single values are checked here. Whether they make sense together is for the lint of `policies`, which loading a
policy goes through: an order keeps the policy it was opened with, also one that a later lint would refuse.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, StrictBool, field_validator

from recourse.errors import BadInput
from recourse.resolution.model.durations import WEEKDAYS, Duration, DurationOrNever, Pauses, Percentage, Weekday
from recourse.resolution.model.fields import Name
from recourse.resolution.model.policy_requests import Count, Requests, Roles, hours
from recourse.resolution.model.reasons import REASONS, Reason
from recourse.resolution.model.vocabulary import Fallback, Frozen
from recourse.resolution.model.zones import read_zone


class OrderClocks(Frozen):
    """The order's own clocks."""

    late_grace: DurationOrNever = Field(
        default=hours(24),
        description="Time from the due date until an order with nothing delivered is very late [R22, R33].",
    )
    auto_complete: DurationOrNever = Field(
        default=hours(72), description="Time from a delivery until the order completes by itself."
    )
    max_revisions: Count = Field(
        default=5, description="How many revisions a client may ask for on one order; 0: no limit."
    )
    reachable_after: Duration = Field(
        default=timedelta(days=14),
        description="Time after closing in which an order still answers commands, and then its workflow ends.",
    )
    regret_window: Duration = Field(
        default=timedelta(0),
        description="Time after ordering that counts as `regret_window` in `requests.cancel.without_approval`; `0h`: "
        "none.",
    )
    dormant_after: DurationOrNever = Field(
        default=timedelta(days=90),
        description="Time after which an open order that nobody moves, with no open request or case, gets a case by "
        "itself.",
    )
    abandoned_after: DurationOrNever = Field(
        default=None,
        description="Time from the due date until an order with nothing delivered and nothing open is canceled.",
    )
    hold_at_most: Duration = Field(
        default=timedelta(days=14), description="Time in all for which operators may hold an order."
    )


class Answers(Frozen):
    """What does not count in answer windows and their reminders, and how a party gets more time."""

    pause: tuple[Weekday, ...] = Field(
        default=(), description="Days of the week that do not count in answer windows and their reminders."
    )
    holidays: tuple[date, ...] = Field(
        default=(), max_length=1000, description="Dates that do not count either, such as `2027-12-25`."
    )
    time_zone: str = Field(
        default="UTC", description="The IANA time zone in which those days begin and end, such as `Europe/Berlin`."
    )
    away_at_most: Duration = Field(
        default=timedelta(0),
        description="Time in all, for each party of an order, in which its windows stand still because it is away; "
        "`0h`: not offered.",
    )
    give_time_at_most: Duration = Field(
        default=timedelta(0),
        description="Time in all that the waiting party may give the other for a request; `0h`: not offered.",
    )

    @field_validator("pause")
    @classmethod
    def _some_day_counts(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if len(set(days)) > 6:
            raise ValueError("all seven days are paused, so no window would ever end: leave at least one day")
        return days

    @property
    def pauses(self) -> Pauses:
        """Whether a day counts in no window; None: every day counts."""
        if not self.pause and not self.holidays:
            return None
        weekdays, dates = {WEEKDAYS.index(day) for day in self.pause}, frozenset(self.holidays)
        return lambda day: day.weekday() in weekdays or day in dates

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return read_zone(zone).key


class Undo(Frozen):
    """Taking a cancellation back [R18, A6]."""

    by: Roles = Field(default=(), description="The parties that may undo a cancellation, once an order.")
    window: Duration = Field(
        default=timedelta(0),
        description="Time to undo after a cancellation; the money is held so long. `0h`: not offered.",
    )
    consent: StrictBool = Field(default=False, description="Whether the other side must agree to an undo.")
    consent_window: Duration = Field(
        default=hours(48),
        description="Time for the other side to agree to an undo; its silence leaves the order canceled.",
    )

    @property
    def offered(self) -> bool:
        """Whether this policy has an undo at all."""
        return bool(self.by) and self.window > timedelta(0)


class Cases(Frozen):
    """What the operator decides, and how long it may take."""

    escalate_by: Roles = Field(
        default=(), description="The parties that may take a declined cancel request to an operator [R53, R54, R57]."
    )
    dialogue_required: StrictBool = Field(
        default=False,
        description="Whether that takes that each side has said something since the request opened: a message, or a "
        "comment with any command [R55].",
    )
    proposal_window: Duration = Field(
        default=hours(48), description="Time for both parties to answer an operator's proposal [R59]."
    )
    appeal_window: Duration = Field(
        default=timedelta(0),
        description="Time to appeal a ruling; the money is held so long. `0h`: a ruling is final at once [R48].",
    )
    reminders: tuple[Duration, ...] = Field(
        default=(timedelta(days=3), timedelta(days=7)),
        description="When operators are reminded, counted from the opening of a case or an appeal.",
    )
    rule_within: Duration = Field(
        default=timedelta(days=14), description="The longest that a case or an appeal may stay open."
    )
    fallback: Fallback = Field(
        default="cancel_split",
        description="What happens if no operator decides in time. `cancel_full_refund`: what is held goes to the "
        "client; `cancel_split`: the two share what is held of the price; `continue`: the order goes on; "
        "`for_who_spoke`: the side that alone said something, in time, gets its way, else as `cancel_split`.",
    )
    operator_case_fallback: Fallback = Field(
        default="continue", description="The same as `cases.fallback`, for a case that an operator opened."
    )
    after_completion: Duration = Field(
        default=timedelta(0), description="Time after completion in which a case can be opened; `0h`: none can."
    )
    one_operator: StrictBool = Field(
        default=False, description="Whether only the operator that took a case may propose and rule."
    )


class Money(Frozen):
    """The platform's share."""

    commission: Percentage = Field(
        default=Fraction(20, 100),
        description="The platform's share of the freelancer's gross, rounded down to whole minor units.",
    )
    fee_back: Literal["pro_rata", "full", "none"] = Field(
        default="pro_rata",
        description="What of the service fee goes back to the client with a cancellation; `pro_rata`: the same share "
        "as of the price.",
    )
    late_refund_from: Literal["platform", "freelancer"] = Field(
        default="platform",
        description="The side that bears what the freelancer had received of a refund ruled after completion.",
    )
    chargeback_loss: Literal["platform", "freelancer"] = Field(
        default="platform",
        description="The side that bears what a lost chargeback took beyond what the client was still to get.",
    )
    chargeback_lost_after: Duration = Field(
        default=timedelta(days=180), description="Time after which a chargeback that nobody closes counts as lost."
    )


class Scores(Frozen):
    """Which score is kept, and how it is counted."""

    # Any name: a running order keeps its policy, also where its calculator is not installed. What a policy file names
    # is checked when the file is read (`recourse.policies.key_errors.known_calculator`).
    calculator: Name = Field(
        default="none",
        description="The score that is kept: `none`, `completion_rate`, `job_success`, or a calculator of your own "
        "[R40, R71, R77].",
    )
    new_order_exempts_within: DurationOrNever = Field(
        default=timedelta(days=14),
        description="A new order of the same two within this time leaves a cancellation out of the completion rate "
        "[R40].",
    )
    unpaid_silent: Literal["counted", "excluded"] = Field(
        default="counted",
        description="Whether orders with nothing paid and no feedback count in the job success [R71].",
    )


class Reviews(Frozen):
    """Who may review a canceled order."""

    public_after_cancel: Literal["never", "late_or_delivered", "paid", "always"] = Field(
        default="never",
        description="When the client may review a canceled order in public. `late_or_delivered`: if it was late, or "
        "work was delivered; `paid`: if the freelancer got anything [R16, R69, R73].",
    )
    private_after_cancel: StrictBool = Field(
        default=False, description="Whether the client may leave private feedback on a canceled order [R73, R74]."
    )
    careless_client: StrictBool = Field(
        default=False,
        description="Whether the freelancer may leave a negative public review of a client that canceled without a "
        "message or an explanation [R61].",
    )


class RepeatCanceler(Frozen):
    """So many cancellations by one party within this time set the mark; 0 turns it off [R60, R62]."""

    count: Count = Field(
        default=3,
        description="How many cancellations of one party set the mark; mutual ones and those that are the other "
        "side's fault do not count. 0: never.",
    )
    within: Duration = Field(default=timedelta(days=60), description="Time in which they are counted.")


class Flags(Frozen):
    """Marks on a party's profile."""

    repeat_canceler: RepeatCanceler = Field(
        default=RepeatCanceler(), description="The mark of a party that cancels repeatedly [R60, R62]."
    )


class NoticeTimes(Frozen):
    """Notices that come by the clock alone."""

    follow_up: DurationOrNever = Field(
        default=None,
        description="Time after a cancellation until the freelancer is reminded to follow up with the client [R49].",
    )


class Keeping(Frozen):
    """How long what people wrote is kept once an order has closed; `recourse privacy sweep` erases it then."""

    texts: DurationOrNever = Field(default=None, description="How long the words of an order are kept, in all places.")
    addresses: DurationOrNever = Field(default=None, description="How long the addresses of evidence are kept.")
    notices: DurationOrNever = Field(default=None, description="How long the notices are kept.")
    contacts: DurationOrNever = Field(
        default=None, description="How long the parties' email addresses and names are kept."
    )
    orders: DurationOrNever = Field(default=None, description="How long anything of the order is kept.")


class Policy(Frozen):
    """One marketplace's choices. An order keeps the policy it was opened with."""

    name: Name = Field(description="The stable name of the policy. Each order keeps it, and exports show it.")
    order: OrderClocks = Field(default=OrderClocks(), description="When the order's own clocks fire.")
    answers: Answers = Field(
        default=Answers(), description="What does not count in answer windows, and how a party gets more time."
    )
    requests: Requests = Field(description="Requests and how they are answered.")
    undo: Undo = Field(default=Undo(), description="How a cancellation is taken back [R18].")
    cases: Cases = Field(default=Cases(), description="What operators decide, and how long it may take.")
    money: Money = Field(default=Money(), description="What the platform keeps.")
    scores: Scores = Field(default=Scores(), description="The score, and how it is counted.")
    reviews: Reviews = Field(default=Reviews(), description="Who may review an order after a cancellation.")
    flags: Flags = Field(default=Flags(), description="Marks on profiles.")
    notices: NoticeTimes = Field(default=NoticeTimes(), description="When notices come by the clock alone.")
    # Left out where nothing of it is chosen: an order that does not use it carries none of it.
    keeping: Keeping = Field(
        default=Keeping(),
        exclude_if=lambda keeping: keeping == Keeping(),
        description="How long closed orders and what people wrote in them are kept.",
    )
    reasons: dict[Name, Reason] = Field(default=REASONS, description="The reason codes, by name.")


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
