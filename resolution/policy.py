"""A policy: what a marketplace chose, as data. Every key of a policy file is a field here [policy-keys]."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from resolution.durations import Duration, DurationOrNever, Percentage, Weekday
from resolution.instants import read_zone
from resolution.words import OPEN_PHASES, PARTIES, Fallback, Frozen, Kind, OpenPhase, Party, Right, Silence

Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Flag = Annotated[bool, Field(strict=True)]
Roles = tuple[Party, ...]
Name = Annotated[str, Field(min_length=1, max_length=200)]
_Section = TypeVar("_Section")


def _hours(hours: int) -> timedelta:
    return timedelta(hours=hours)


class OrderClocks(Frozen):
    """The order's own clocks."""

    late_grace: DurationOrNever = _hours(24)
    auto_complete: DurationOrNever = _hours(72)
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


class WithoutApproval(Frozen):
    """When each party may cancel alone [R21, R22, R33, R76]."""

    client: tuple[Literal["waiting_requirements", "very_late", "regret_window"], ...] = ()
    freelancer: tuple[Right, ...] = ()

    def of(self, party: Party) -> tuple[Right, ...]:
        """The rights of one party, in the order in which they are looked for."""
        return self.client if party == "client" else self.freelancer


class Windows(Frozen):
    """Time to answer, by who is asked."""

    client_asked: Duration = _hours(48)
    freelancer_asked: Duration = _hours(48)

    def of(self, asked: Party) -> timedelta:
        """The window of the party that must answer."""
        return self.client_asked if asked == "client" else self.freelancer_asked


class Silences(Frozen):
    """What silence means, by who is asked."""

    client_asked: Silence
    freelancer_asked: Silence

    def of(self, asked: Party) -> Silence:
        """What the silence of the party that must answer means."""
        return self.client_asked if asked == "client" else self.freelancer_asked


class SilencesInPhase(Frozen):
    """Another meaning of silence when the window ends in a certain phase."""

    client_asked: Silence | None = None
    freelancer_asked: Silence | None = None

    def of(self, asked: Party) -> Silence | None:
        """The phase's own meaning for the party that must answer, if it has one."""
        return self.client_asked if asked == "client" else self.freelancer_asked


class CancelRequests(Frozen):
    """How a cancellation is asked for and answered."""

    by: Roles = PARTIES
    phases: tuple[OpenPhase, ...] = OPEN_PHASES
    without_approval: WithoutApproval = WithoutApproval()
    window: Windows = Windows()
    silence: Silences
    silence_in: dict[OpenPhase, SilencesInPhase] = {}
    reminder: DurationOrNever = _hours(24)
    on_decline: Literal["go_on", "escalate"] = "go_on"
    operator_review: Flag = False
    cooldown: Duration = timedelta(0)
    max_requests: Count = 0
    max_counters: Count = 5
    amount_from: Roles = ()
    pay_named_part_at_once: Flag = False
    reason_from: Roles = ()
    explanation_from: Roles = ()
    attestations: tuple[Name, ...] = ()
    no_agreement: Flag = False
    no_agreement_attestations: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _reminder_before_the_end(self) -> Self:
        shortest = min(self.window.client_asked, self.window.freelancer_asked)
        return _reminder_in_time(self, "requests.cancel", self.reminder, shortest)

    def silence_of(self, asked: Party, phase: str) -> Silence:
        """What the silence of `asked` means when its window ends in `phase` [A1, A2]."""
        special = self.silence_in.get(phase)  # type: ignore[call-overload]
        return (special.of(asked) if special else None) or self.silence.of(asked)


def _reminder_in_time(section: _Section, name: str, reminder: timedelta | None, window: timedelta) -> _Section:
    # One that falls on the deadline itself is usable: the answer is decided first, so it is never sent.
    if reminder is not None and reminder > window:
        raise ValueError(f"{name}.reminder comes only after the shortest answer window is over")
    return section


class ClientWindow(Frozen):
    client_asked: Duration = _hours(48)


class FreelancerWindow(Frozen):
    freelancer_asked: Duration = _hours(48)


class ClientSilence(Frozen):
    client_asked: Literal["lapse", "accept", "decline"] = "lapse"


class FreelancerSilence(Frozen):
    freelancer_asked: Literal["lapse", "decline"] = "lapse"


class RefundSilence(Frozen):
    client_asked: Literal["lapse", "accept", "decline"] = "lapse"
    freelancer_asked: Literal["lapse", "accept", "decline"] = "lapse"


class ExtensionRequests(Frozen):
    """A freelancer asks for more time [R35]."""

    window: ClientWindow = ClientWindow()
    silence: ClientSilence = ClientSilence()
    reminder: DurationOrNever = _hours(24)

    @model_validator(mode="after")
    def _reminder_before_the_end(self) -> Self:
        return _reminder_in_time(self, "requests.extension", self.reminder, self.window.client_asked)


class UpdateRequests(Frozen):
    """A client asks how far the work is [R25]."""

    window: FreelancerWindow = FreelancerWindow()
    silence: FreelancerSilence = FreelancerSilence()
    reminder: DurationOrNever = _hours(24)

    @model_validator(mode="after")
    def _reminder_before_the_end(self) -> Self:
        return _reminder_in_time(self, "requests.update", self.reminder, self.window.freelancer_asked)


class RefundRequests(Frozen):
    """A freelancer offers a part of the price back and the order goes on [R43]."""

    window: Windows = Windows()
    silence: RefundSilence = RefundSilence()
    reminder: DurationOrNever = _hours(24)
    price_above: Count = 5000
    at_most: Percentage = Fraction(60, 100)
    max_counters: Count = 5

    @model_validator(mode="after")
    def _reminder_before_the_end(self) -> Self:
        shortest = min(self.window.client_asked, self.window.freelancer_asked)
        return _reminder_in_time(self, "requests.partial_refund", self.reminder, shortest)


class Requests(Frozen):
    """Which kinds of request there are, and each kind's own section."""

    kinds: tuple[Kind, ...] = ("cancel",)
    cancel: CancelRequests
    extension: ExtensionRequests = ExtensionRequests()
    update: UpdateRequests = UpdateRequests()
    partial_refund: RefundRequests = RefundRequests()


class Undo(Frozen):
    """Taking a cancellation back [R18, A6]."""

    by: Roles = ()
    window: Duration = timedelta(0)
    consent: Flag = False
    consent_window: Duration = _hours(48)

    @property
    def offered(self) -> bool:
        """Whether this policy has an undo at all."""
        return bool(self.by) and self.window > timedelta(0)


class Cases(Frozen):
    """What the operator decides, and how long it may take."""

    escalate_by: Roles = ()
    dialogue_required: Flag = False
    proposal_window: Duration = _hours(48)
    appeal_window: Duration = timedelta(0)
    reminders: tuple[Duration, ...] = (timedelta(days=3), timedelta(days=7))
    rule_within: Duration = timedelta(days=14)
    fallback: Fallback = "cancel_split"

    @model_validator(mode="after")
    def _reminders_before_the_end(self) -> Self:
        if any(reminder >= self.rule_within for reminder in self.reminders):
            raise ValueError("cases.reminders must all come before cases.rule_within")
        if list(self.reminders) != sorted(set(self.reminders)):
            raise ValueError("cases.reminders must rise, each once")
        return self


class Money(Frozen):
    """The platform's share."""

    commission: Percentage = Fraction(20, 100)
    fee_back: Literal["pro_rata", "full", "none"] = "pro_rata"


class Scores(Frozen):
    """Which score is kept, and how it is counted."""

    # Any name: a running order keeps its policy, also where its calculator is not installed. What a policy file names
    # is checked when the file is read (`resolution.scores.check_calculator`).
    calculator: Name = "none"
    new_order_exempts_within: DurationOrNever = timedelta(days=14)
    unpaid_silent: Literal["counted", "excluded"] = "counted"


class Reviews(Frozen):
    """Who may review a canceled order."""

    public_after_cancel: Literal["never", "late_or_delivered", "paid", "always"] = "never"
    private_after_cancel: Flag = False
    careless_client: Flag = False


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

    @model_validator(mode="after")
    def _undo_reminder_in_time(self) -> Self:
        if self.undo.offered and self.undo.consent and self.undo.consent_window <= timedelta(0):
            raise ValueError("undo.consent_window must be longer than nothing")
        return self


class PolicyError(ValueError):
    """A policy that cannot be used. Its text names every bad key and why."""


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


def with_changes(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with single keys changed by their dotted names, as scenario files write them."""
    nested: dict[str, Any] = {}
    for dotted, value in changes.items():
        table = nested
        *path, last = dotted.split(".")
        for part in path:
            table = table.setdefault(part, {})
        table[last] = value
    return merge(document, nested)


def read_policy(document: Mapping[str, Any], source: str) -> Policy:
    """The policy of a parsed file (`extends` already resolved). Raises PolicyError naming `source` and each key."""
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        findings = [
            f"{source}: {'.'.join(str(part) for part in finding['loc']) or 'policy'}: {_reason(finding)}"
            for finding in error.errors(include_url=False)
        ]
        raise PolicyError("\n".join(findings)) from error


def _reason(finding: Any) -> str:
    match finding["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "required, and missing"
        case _:
            return str(finding["msg"]).removeprefix("Value error, ")
