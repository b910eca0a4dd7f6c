"""Looking ahead [R63] (rules, 11): what each role can do now, and what a command would lead to.

Neither has rules of its own: both ask `decide`, so they cannot say anything else than what then happens.
"""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, ConfigDict, Field

from recourse.resolution.model.command import Actor
from recourse.resolution.model.commands import COMMANDS, Accept, AnyCommand
from recourse.resolution.model.money import Money, in_the_end
from recourse.resolution.model.order import Order
from recourse.resolution.model.reading import Message
from recourse.resolution.model.record import Reader
from recourse.resolution.model.refusals import Refusal, RefusalCode
from recourse.resolution.model.vocabulary import (
    PARTIES,
    Fault,
    How,
    Party,
    Phase,
    RequestKind,
    RequestStatus,
    SettlementStatus,
    Stage,
    View,
    Visibility,
    if_any,
)
from recourse.resolution.rules.canceling import right_available_at
from recourse.resolution.rules.clocks import REMINDERS, Clock, clocks, is_over, next_clock
from recourse.resolution.rules.decide import attempt, decide, decide_clock
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.paying import pay_all
from recourse.resolution.shown.scores import scores
from recourse.resolution.shown.trying import Action, described, variants
from recourse.resolution.shown.views import reviews, settles_at

# Possible at any time.
ALWAYS = frozenset({"message", "add_evidence", "note", "note_to_staff"})
_NOBODY = "\x01 nobody"


class Actions(View):
    """What a role can do now, and what a clock will allow later."""

    actions: dict[str, Action] = Field(description="The commands that would be applied now, by name.")
    available_at: dict[str, AwareDatetime] = Field(
        description="What opens later, and when: `cancel_alone`, `request`, `request_other_kinds`."
    )


class RequestAhead(View):
    """The latest request as it would stand."""

    kind: RequestKind = Field(description="What is asked for.")
    status: RequestStatus = Field(description="Where the request would stand.")


class CaseAhead(View):
    """The latest case as it would stand."""

    stage: Stage = Field(description="Where the case would stand.")


class ScoreChange(View):
    """A score before and after, in percent; null: nothing counts yet."""

    before: float | None = Field(description="The score now, in percent.")
    after: float | None = Field(description="The score then, in percent.")


class Outlook(View):
    """Where an order would stand."""

    phase: Phase = Field(description="The phase of the order then.")
    how: How | None = Field(description="What would have ended a canceled order.")
    exempt: bool | None = Field(description="Whether a canceled order would be left out of the freelancer's score.")
    fault: Fault | None = Field(description="The party at fault for a canceled order.")
    money: Money = Field(description="Where the money ends up.")
    settlement: SettlementStatus = Field(description="Where the final payment would stand.")
    settles_at: AwareDatetime | None = Field(description="When held money would move.")
    due_at: AwareDatetime | None = Field(description="When the work would be due.")
    request: RequestAhead | None = Field(description="The latest request.")
    case: CaseAhead | None = Field(description="The latest case.")
    reviews: dict[Party, list[Visibility]] = Field(description="The reviews that each party could still leave.")
    scores: dict[Party, dict[str, ScoreChange]] = Field(description="Scores by party and name.")


class IfNobodyActs(Outlook):
    """What time alone decides next."""

    at: AwareDatetime = Field(description="When it is decided.")


class Ahead(Outlook):
    """What a command would lead to; and, where others must still act, what follows from that."""

    if_accepted: Outlook | None = if_any("What follows if everybody who is asked accepts.")
    if_nobody_acts: IfNobodyActs | None = if_any("What follows if nobody does anything.")


class WouldBeRefused(View):
    """A command that would be refused, with the details of the refusal as further fields."""

    model_config = ConfigDict(extra="allow")

    refused: RefusalCode = Field(description="The code of the refusal.")
    message: str = Field(description="What the code means, for people.")

    @property
    def details(self) -> dict[str, Any]:
        """The details of the refusal."""
        return self.model_extra or {}


def available_actions(order: Order, role: Reader, now: datetime, operator: str = _NOBODY) -> dict[str, Action]:
    """Each command that would be applied now, by name, with its fields and bounds; `message` and `add_evidence`
    are left to the caller, since a party may always use them.

    `operator` is the id of the operator who asks; without it, an operator who has done nothing on this order yet.

    A command is found by trying it, filled in as well as the policy allows; what is listed would be applied so. What is
    due but not decided yet comes before any command, so it does here.
    """
    order = let_time_pass(order, now)
    if is_over(order, now):
        return {}
    found: dict[str, Action] = {}
    actor = {"role": role, "id": operator if role == "operator" else order.party(role)}
    for name in sorted(COMMANDS):
        if name in ALWAYS or role not in COMMANDS[name].roles:
            continue
        tried = variants(order, name, role)
        applied = [fields for fields in tried if attempt(order, _command(name, actor, fields), now)]
        if applied:
            found[name] = described(order, name, role, applied, order.runs_out(_until(order, name)))
    return found


def opens_later(order: Order, party: Party, now: datetime) -> dict[str, datetime]:
    """What a clock will allow: `cancel_alone` when the order becomes very late, `request` after a declined cancel
    request, `request_other_kinds` after another declined one."""
    later: dict[str, datetime] = {}
    alone = right_available_at(order, party, now)
    if alone:
        later["cancel_alone"] = alone
    declined = order.declined_at.get(party)
    if declined and not order.closed:
        free_at = declined + order.policy.requests.cancel.cooldown
        if free_at > now:
            later["request"] = free_at
    other_kinds = order.free_at.get(party)
    if other_kinds and other_kinds > now and not order.closed:
        later["request_other_kinds"] = other_kinds
    return later


def _command(name: str, actor: Any, fields: Any) -> AnyCommand:
    return COMMANDS[name].model_validate({"actor": actor, **fields})


def _until(order: Order, name: str) -> datetime | None:
    """Until when a command that is possible now stays so, where a deadline of its own ends that."""
    request, proposal, case = order.open_request, order.open_proposal, order.open_case
    match name:
        case "accept" | "decline" | "counter":
            return request.answer_due_at if request else proposal.due_at if proposal else None
        case "undo" if order.closed:
            return order.hold_until
        case "undo" | "withdraw":
            return request.answer_due_at if request else case.due_at if case else None
        case "appeal":
            return order.case.appealable_until if order.case else None
        case "settle" | "rule" | "take_case" | "release_case":
            return case.due_at if case else None
        case "give_time":
            return request.answer_due_at if request else None
        case "escalate" | "open_case":
            return order.cases_until
        case _:
            return None


def preview(order: Order, message: Message, now: datetime, reader: Reader = "operator") -> Ahead | WouldBeRefused:
    """What a command would lead to, without doing it; `reader` is who may read the answer."""
    decided: Decision | Refusal
    if isinstance(message.asked, Refusal):
        decided = message.asked
    else:
        order = let_time_pass(order, now)
        over = is_over(order, now) and not message.brings_back
        decided = Refusal(code="order_closed") if over else decide(order, message.asked, now)
    if isinstance(decided, Decision):
        return _ahead(order, let_time_pass(pay_all(decided), now), now, reader)
    return WouldBeRefused(refused=decided.code, message=decided.sentence, **decided.details)


def if_nobody_acts(order: Order, reader: Reader, before: Order | None = None) -> IfNobodyActs | None:
    """What time alone decides next, seen from `before`, else from `order`; None where it decides nothing."""
    if order.closed and not order.open_request and not order.late_case:
        return None
    deciding = _deciding(order)
    if order.hold and (deciding is None or deciding.at > order.hold.until):
        # The end of a hold decides nothing: what is decided next is seen from there.
        deciding = _deciding(let_time_pass(order, order.hold.until))
    if deciding is None:
        return None
    then = let_time_pass(order, deciding.at)
    return IfNobodyActs(at=deciding.at, **_outlook(before or order, then, reader, deciding.at))


def _deciding(order: Order) -> Clock | None:
    undeciding = (*REMINDERS, "settlement_retry", "hold_ends")
    return next((clock for clock in clocks(order) if clock.name not in undeciding), None)


def let_time_pass(order: Order, until: datetime) -> Order:
    """The order when nobody acts until then, and every payment that falls due goes through."""
    while (clock := next_clock(order)) is not None and clock.at <= until:
        order = pay_all(decide_clock(order, clock, clock.at), retrying=clock.name == "settlement_retry")
    return order


def _ahead(before: Order, after: Order, now: datetime, reader: Reader) -> Ahead:
    accepted = _if_accepted(after, now)
    return Ahead(
        **_outlook(before, after, reader, now),
        if_accepted=Outlook(**_outlook(before, accepted, reader, now)) if accepted else None,
        if_nobody_acts=if_nobody_acts(after, reader, before),
    )


def _outlook(before: Order, after: Order, reader: Reader, at: datetime) -> dict[str, Any]:
    """The fields of an `Outlook`."""
    resolution = after.resolution
    were, become = (scores(order, confidential=reader == "operator") for order in (before, after))
    return {
        "phase": after.phase,
        "how": resolution.how if resolution else None,
        "exempt": resolution.exempt if resolution else None,
        "fault": resolution.fault if resolution else None,
        "money": Money.model_validate(in_the_end(after)),
        "settlement": after.settlement,
        "settles_at": settles_at(after),
        "due_at": after.due_at,
        "request": RequestAhead.model_validate(after.request) if after.request else None,
        "case": CaseAhead.model_validate(after.case) if after.case else None,
        "reviews": reviews(after, reader, at),
        "scores": {
            party: {name: ScoreChange(before=were[party][name], after=score) for name, score in named.items()}
            for party, named in become.items()
        },
    }


def _if_accepted(order: Order, now: datetime) -> Order | None:
    request, proposal = order.open_request, order.open_proposal
    if request:
        decided = attempt(order, _accept(order, request.asked), now)
        return let_time_pass(pay_all(decided), now) if decided else None
    if proposal is None:
        return None
    for party in PARTIES:
        if party in proposal.accepted_by:
            continue
        decided = attempt(order, _accept(order, party), now)
        if decided is None:
            return None
        order = pay_all(decided)
    return order


def _accept(order: Order, party: Party) -> AnyCommand:
    return Accept(actor=Actor(role=party, id=order.party(party)), comment="-")
