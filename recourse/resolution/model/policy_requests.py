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

    client: tuple[Literal["waiting_requirements", "very_late", "regret_window"], ...] = Field(
        default=(), description="When the client may cancel alone [R21, R22, R33]."
    )
    freelancer: tuple[Right, ...] = Field(
        default=(),
        description="When the freelancer may cancel alone, taking what is released and no more. `full_return`: at any "
        "time, if nothing is released [R76].",
    )

    def of(self, party: Party) -> tuple[Right, ...]:
        """The rights of one party, in the order in which they are looked for."""
        return self.client if party == "client" else self.freelancer


class Windows(Frozen):
    """Time to answer, by who is asked."""

    client_asked: Duration = Field(default=hours(48), description="Time for the client to answer, such as `48h`.")
    freelancer_asked: Duration = Field(
        default=hours(48), description="Time for the freelancer to answer, such as `48h`."
    )

    def of(self, asked: Party) -> timedelta:
        """The window of the party that must answer."""
        return self.client_asked if asked == "client" else self.freelancer_asked


class Silences(Frozen):
    """What silence means, by who is asked."""

    client_asked: Silence = Field(
        description="What the client's silence means: `accept` and `decline` as if it had said so, `escalate`: an "
        "operator decides, `lapse`: nothing changes.",
    )
    freelancer_asked: Silence = Field(
        description="What the freelancer's silence means: `accept` and `decline` as if it had said so, `escalate`: an "
        "operator decides, `lapse`: nothing changes.",
    )

    def of(self, asked: Party) -> Silence:
        """What the silence of the party that must answer means."""
        return self.client_asked if asked == "client" else self.freelancer_asked


class SilencesInPhase(Frozen):
    """Another meaning of silence when the window ends in a certain phase."""

    client_asked: Silence | None = Field(
        default=None, description="What the client's silence means if its window ends in this phase."
    )
    freelancer_asked: Silence | None = Field(
        default=None, description="What the freelancer's silence means if its window ends in this phase."
    )

    def of(self, asked: Party) -> Silence | None:
        """The phase's own meaning for the party that must answer, if it has one."""
        return self.client_asked if asked == "client" else self.freelancer_asked


class Compensation(Frozen):
    """What a client's cancel request gives the freelancer at least, by the phase in which it is opened."""

    in_progress: Percentage = Field(
        default=Fraction(0),
        description="The least part of the price that a client's request leaves the freelancer while the work is in "
        "progress.",
    )
    delivered: Percentage = Field(default=Fraction(0), description="The same once the work is delivered.")
    in_revision: Percentage = Field(default=Fraction(0), description="The same while a revision is made.")

    def of(self, phase: str) -> Fraction:
        """The part of the price that is not refunded yet; nothing in a phase without one."""
        share: Fraction = getattr(self, phase, Fraction(0))
        return share


class CancelRequests(Frozen):
    """How a cancellation is asked for and answered."""

    by: Roles = Field(default=PARTIES, description="The parties that may start a cancellation [R1, R23].")
    phases: tuple[OpenPhase, ...] = Field(
        default=OPEN_PHASES, description="The phases in which a cancellation may be started [R20]."
    )
    without_approval: WithoutApproval = Field(default=WithoutApproval(), description="When a party may cancel alone.")
    window: Windows = Field(default=Windows(), description="Time to answer, by the party that is asked [R28, R39].")
    silence: Silences = Field(description="What silence means, by the party that is asked.")
    silence_in: dict[OpenPhase, SilencesInPhase] = Field(
        default={}, description="Another meaning of silence when the window ends in that phase."
    )
    reminder: DurationOrNever = Field(
        default=hours(24),
        description="Time from a request or counter-offer to the reminder of the party that must answer; shorter than "
        "both windows.",
    )
    on_decline: Literal["go_on", "escalate"] = Field(
        default="go_on", description="After a decline the order goes on, or a case opens at once [R48]."
    )
    operator_review: StrictBool = Field(
        default=False, description="Whether every cancel request first goes to an operator [R46]."
    )
    cooldown: Duration = Field(
        default=timedelta(0), description="Wait after a decline before the same party may ask again."
    )
    max_requests: Count = Field(
        default=0,
        description="How many cancel requests a party may open on an order, without those that it withdrew; 0: no "
        "limit.",
    )
    max_counters: Count = Field(
        default=5, description="How many counter-offers a request may have, both sides together."
    )
    amount_from: Roles = Field(
        default=(),
        description="The parties that must name the freelancer's gross when they ask [R11, R12]. If none, it is 0 and "
        "there are no counter-offers.",
    )
    pay_named_part_at_once: StrictBool = Field(
        default=False,
        description="Whether the amount that a client names is paid out when the request opens; only the rest is in "
        "question.",
    )
    compensation: Compensation = Field(
        default=Compensation(),
        description="The least part of the price that a client's request leaves the freelancer, by phase.",
    )
    crossing: Literal["refuse", "agree"] = Field(
        default="refuse",
        description="Whether a cancel request by the asked party, as good for the other as the open one, accepts it.",
    )
    reason_from: Roles = Field(default=(), description="The parties that must give a reason code [R8, R37, R45].")
    explanation_from: Roles = Field(
        default=(), description="The parties that must give a comment that is not blank [R37, R51, R56]."
    )
    attestations: tuple[Name, ...] = Field(
        default=(), description="Statements that must all be confirmed, by names of your own [R7]."
    )
    no_agreement: StrictBool = Field(
        default=False,
        description="Whether a request may say `no_agreement`, which opens a case in place of asking the other side "
        "[R13].",
    )
    no_agreement_attestations: tuple[Name, ...] = Field(
        default=(), description="Statements that must be confirmed with `no_agreement` [R7]."
    )

    def silence_of(self, asked: Party, phase: str) -> Silence:
        """What the silence of `asked` means when its window ends in `phase` [A1, A2]."""
        special = self.silence_in.get(phase)  # type: ignore[call-overload]
        return (special.of(asked) if special else None) or self.silence.of(asked)


class ClientWindow(Frozen):
    client_asked: Duration = Field(default=hours(48), description="Time for the client to answer, such as `48h`.")


class FreelancerWindow(Frozen):
    freelancer_asked: Duration = Field(
        default=hours(48), description="Time for the freelancer to answer, such as `48h`."
    )


class ClientSilence(Frozen):
    client_asked: Literal["lapse", "accept", "decline"] = Field(
        default="lapse",
        description="What the client's silence means: `accept` and `decline` as if it had said so, `lapse`: nothing "
        "changes.",
    )


class FreelancerSilence(Frozen):
    freelancer_asked: Literal["lapse", "decline"] = Field(
        default="lapse",
        description="What the freelancer's silence means: `decline` as if it had said so, `lapse`: nothing changes.",
    )


class ExtraSilence(Frozen):
    client_asked: Literal["lapse", "decline"] = Field(
        default="lapse",
        description="What the client's silence means: `decline` as if it had said so, `lapse`: nothing changes.",
    )


class RefundSilence(Frozen):
    client_asked: Literal["lapse", "accept", "decline"] = Field(
        default="lapse",
        description="What the client's silence means: `accept` and `decline` as if it had said so, `lapse`: nothing "
        "changes.",
    )
    freelancer_asked: Literal["lapse", "accept", "decline"] = Field(
        default="lapse", description="What the freelancer's silence on a counter-offer means."
    )


class ExtensionRequests(Frozen):
    """A freelancer asks for more time [R35]."""

    window: ClientWindow = Field(default=ClientWindow(), description="Time to answer.")
    silence: ClientSilence = Field(default=ClientSilence(), description="What silence means.")
    reminder: DurationOrNever = Field(default=hours(24), description="Time from the request to the reminder.")
    cooldown: Duration = Field(
        default=hours(1),
        description="Wait after a decline, by silence too, before the same party may ask for anything but a "
        "cancellation.",
    )


class UpdateRequests(Frozen):
    """A client asks how far the work is [R25]."""

    window: FreelancerWindow = Field(default=FreelancerWindow(), description="Time to answer.")
    silence: FreelancerSilence = Field(default=FreelancerSilence(), description="What silence means.")
    reminder: DurationOrNever = Field(default=hours(24), description="Time from the request to the reminder.")
    cooldown: Duration = Field(
        default=hours(1),
        description="Wait after a decline, by silence too, before the same party may ask for anything but a "
        "cancellation.",
    )


class ExtraRequests(Frozen):
    """A freelancer offers more work at more cost [R36]."""

    window: ClientWindow = Field(default=ClientWindow(), description="Time to answer.")
    silence: ExtraSilence = Field(default=ExtraSilence(), description="What silence means.")
    reminder: DurationOrNever = Field(default=hours(24), description="Time from the request to the reminder.")
    cooldown: Duration = Field(
        default=hours(1),
        description="Wait after a decline, by silence too, before the same party may ask for anything but a "
        "cancellation.",
    )


class RefundRequests(Frozen):
    """A part of the price goes back and the order goes on [R43]."""

    by: Roles = Field(default=("freelancer",), description="The parties that may ask for a partial refund.")

    window: Windows = Field(default=Windows(), description="Time to answer, by the party that is asked.")
    silence: RefundSilence = Field(
        default=RefundSilence(), description="What silence means, by the party that is asked."
    )
    reminder: DurationOrNever = Field(default=hours(24), description="Time from an offer to the reminder.")
    cooldown: Duration = Field(
        default=hours(1),
        description="Wait after a decline, by silence too, before the same party may ask for anything but a "
        "cancellation.",
    )
    price_above: Price = Field(
        default=5000, description="Only orders with a higher price have partial refunds, in minor units."
    )
    at_most: Percentage = Field(
        default=Fraction(60, 100),
        description="The most that all partial refunds of an order together may be of the ordered price, rounded down.",
    )
    max_counters: Count = Field(
        default=5, description="How many counter-offers a request may have, both sides together."
    )


class Requests(Frozen):
    """Which kinds of request there are, and each kind's own section."""

    kinds: tuple[Kind, ...] = Field(default=("cancel",), description="The kinds of request that can be opened.")
    cancel: CancelRequests = Field(description="Requests to cancel.")
    extension: ExtensionRequests = Field(default=ExtensionRequests(), description="Requests for more time [R35].")
    update: UpdateRequests = Field(default=UpdateRequests(), description="Requests for an update [R25].")
    partial_refund: RefundRequests = Field(default=RefundRequests(), description="Requests for a partial refund [R43].")
    extra: ExtraRequests = Field(default=ExtraRequests(), description="Offers of more work [R36].")
