"""A policy's choices about requests: who may ask for what, how long an answer may take, what silence means."""

from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from recourse.resolution.model.amounts import LARGEST
from recourse.resolution.model.durations import Duration, DurationOrNever, Percentage
from recourse.resolution.model.fields import Name, WholeNumber
from recourse.resolution.model.vocabulary import OPEN_PHASES, PARTIES, Frozen, Kind, OpenPhase, Party, Right, Silence

Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000), WholeNumber]
Price = Annotated[int, Field(strict=True, ge=0, le=LARGEST), WholeNumber]
Roles = tuple[Party, ...]


def hours(hours: int) -> timedelta:
    return timedelta(hours=hours)


class WithoutApproval(Frozen):
    """When each party may cancel alone [R21, R22, R33, R76]."""

    client: tuple[Literal["waiting_requirements", "very_late", "regret_window"], ...] = ()
    freelancer: tuple[Right, ...] = ()

    def of(self, party: Party) -> tuple[Right, ...]:
        """The rights of one party, in the order in which they are looked for."""
        return self.client if party == "client" else self.freelancer


class Windows(Frozen):
    """Time to answer, by who is asked."""

    client_asked: Duration = hours(48)
    freelancer_asked: Duration = hours(48)

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
    reminder: DurationOrNever = hours(24)
    on_decline: Literal["go_on", "escalate"] = "go_on"
    operator_review: StrictBool = False
    cooldown: Duration = timedelta(0)
    max_requests: Count = 0
    max_counters: Count = 5
    amount_from: Roles = ()
    pay_named_part_at_once: StrictBool = False
    reason_from: Roles = ()
    explanation_from: Roles = ()
    attestations: tuple[Name, ...] = ()
    no_agreement: StrictBool = False
    no_agreement_attestations: tuple[Name, ...] = ()

    def silence_of(self, asked: Party, phase: str) -> Silence:
        """What the silence of `asked` means when its window ends in `phase` [A1, A2]."""
        special = self.silence_in.get(phase)  # type: ignore[call-overload]
        return (special.of(asked) if special else None) or self.silence.of(asked)


class ClientWindow(Frozen):
    client_asked: Duration = hours(48)


class FreelancerWindow(Frozen):
    freelancer_asked: Duration = hours(48)


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
    reminder: DurationOrNever = hours(24)
    cooldown: Duration = hours(1)


class UpdateRequests(Frozen):
    """A client asks how far the work is [R25]."""

    window: FreelancerWindow = FreelancerWindow()
    silence: FreelancerSilence = FreelancerSilence()
    reminder: DurationOrNever = hours(24)
    cooldown: Duration = hours(1)


class RefundRequests(Frozen):
    """A freelancer offers a part of the price back and the order goes on [R43]."""

    window: Windows = Windows()
    silence: RefundSilence = RefundSilence()
    reminder: DurationOrNever = hours(24)
    cooldown: Duration = hours(1)
    price_above: Price = 5000
    at_most: Percentage = Fraction(60, 100)
    max_counters: Count = 5


class Requests(Frozen):
    """Which kinds of request there are, and each kind's own section."""

    kinds: tuple[Kind, ...] = ("cancel",)
    cancel: CancelRequests
    extension: ExtensionRequests = ExtensionRequests()
    update: UpdateRequests = UpdateRequests()
    partial_refund: RefundRequests = RefundRequests()
