"""`decide`: what a command or a clock does to an order. Whether it may, who may, and then the rule itself."""

from datetime import datetime
from typing import assert_never

from recourse.resolution.model.command import Command
from recourse.resolution.model.commands import (
    Accept,
    AddEvidence,
    AnyCommand,
    Appeal,
    AskRevision,
    ComeBack,
    Complete,
    Counter,
    Decline,
    Deliver,
    Escalate,
    GiveTime,
    GoAway,
    LeaveFeedback,
    MakeRequest,
    NoteToStaff,
    OrderAgain,
    SendMessage,
    Settle,
    SubmitRequirements,
    UndoCancellation,
    Withdraw,
)
from recourse.resolution.model.operator_commands import (
    HoldOrder,
    LiftHold,
    OpenCase,
    PaymentEvent,
    Propose,
    ReleaseCase,
    RetryPayment,
    Rule,
    SettleByHand,
    TakeCase,
    TakeNote,
)
from recourse.resolution.model.order import Order
from recourse.resolution.model.refusals import Checks, HastyChecks, Refusal, SpokenAgainst
from recourse.resolution.model.vocabulary import party_of
from recourse.resolution.model.zones import Offsets
from recourse.resolution.rules.absence import come_back, end_absence, give_time, go_away
from recourse.resolution.rules.cases import escalate, open_case, propose, release_case, settle, take_case
from recourse.resolution.rules.charging import payment_event
from recourse.resolution.rules.clocks import Clock, fire
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.paying import retry_payment, settle_by_hand
from recourse.resolution.rules.requesting import accept, counter, decline, make_request, withdraw
from recourse.resolution.rules.ruling import appeal, rule
from recourse.resolution.rules.speaking import (
    add_evidence,
    hear,
    hear_in_case,
    leave_feedback,
    note_to_staff,
    order_again,
    send_message,
    take_note,
)
from recourse.resolution.rules.standing import check_still, hold, lift_hold
from recourse.resolution.rules.undoing import undo
from recourse.resolution.rules.working import ask_revision, complete, deliver, submit_requirements


def decide(
    order: Order, command: AnyCommand, now: datetime, counted: datetime | None = None, offsets: Offsets | None = None
) -> Decision | Refusal:
    """What `command` does at `now`, or why it is refused.

    `counted` is the instant by which an answer, an undo, an appeal or a regret is judged in time (default: now),
    `offsets` those of the policy's time zone (default: as the installed zone data has them).
    """
    decision, checks = Decision(order, now, counted or now, offsets), Checks()
    _try(decision, command, checks)
    refusal = checks.first()
    if refusal is None:
        _finish(decision, command)
    return refusal or decision


def attempt(order: Order, command: AnyCommand, now: datetime) -> Decision | None:
    """What `command` does at `now`, or None: `decide` refuses it. Far quicker than to find out why."""
    decision = Decision(order, now, now)
    try:
        _try(decision, command, HastyChecks())
    except SpokenAgainst:
        return None
    _finish(decision, command)
    return decision


def _try(decision: Decision, command: AnyCommand, checks: Checks) -> None:
    order, now = decision.order, decision.now
    _check_actor(order, command, checks)
    _check_open(order, command, order.time(now), checks)
    check_still(order, command, checks)
    _apply(decision, command, checks)


def _finish(decision: Decision, command: AnyCommand) -> None:
    """What follows from every command that is applied."""
    order, now = decision.before, decision.now
    if command.actor.role in ("client", "freelancer"):
        party = party_of(command.actor.role)
        if not isinstance(command, (GoAway, ComeBack, NoteToStaff)):
            end_absence(decision, party)
        if not isinstance(command, _WRITING):
            decision.order = decision.order.model_copy(update={"heard_at": order.time(now)})
        # The other side cannot see a note to operators, so nothing in it counts as said.
        said = command.said is not None and not isinstance(command, NoteToStaff)
        if said:
            decision.order = hear(decision.order, party)
        if said or isinstance(command, (AddEvidence, Settle)):
            decision.order = hear_in_case(decision.order, party, now)
    decision.settle_auto_complete()


def decide_clock(order: Order, clock: Clock, now: datetime, offsets: Offsets | None = None) -> Decision:
    """What a fired clock does at `now`."""
    decision = Decision(order, now, clock.at, offsets)
    fire(decision, clock)
    decision.settle_auto_complete()
    return decision


def _check_actor(order: Order, command: Command, checks: Checks) -> None:
    actor = command.actor
    checks.refuse("role_not_allowed", actor.role not in command.roles, allowed=list(command.roles))
    if actor.role in ("client", "freelancer"):
        own = order.terms.client if actor.role == "client" else order.terms.freelancer
        checks.refuse("not_a_party", actor.id != own)
    if actor.role == "operator":
        checks.refuse("conflict_of_interest", actor.id in (order.terms.client, order.terms.freelancer))


# They have codes of their own on a closed order, or belong there.
_ALSO_WHEN_CLOSED = (
    UndoCancellation,
    Appeal,
    LeaveFeedback,
    SendMessage,
    AddEvidence,
    OrderAgain,
    RetryPayment,
    SettleByHand,
    PaymentEvent,
    HoldOrder,
    LiftHold,
    TakeNote,
    NoteToStaff,
)
# Writing moves no order: an order on which a party only writes is dormant.
_WRITING = (SendMessage, AddEvidence, NoteToStaff)
# The answers to an open request, and what its opener can do.
_ABOUT_A_REQUEST = (Accept, Decline, Counter, Withdraw, GiveTime)


# What opens a case after completion, and what ends it.
_OPENS_LATE_CASE = (Escalate, OpenCase)
_ENDS_LATE_CASE = (Rule, Withdraw)


def _check_open(order: Order, command: Command, now: datetime, checks: Checks) -> None:
    if isinstance(command, _ALSO_WHEN_CLOSED) or not order.closed:
        return
    waiting_for_answer = order.open_request is not None and isinstance(command, _ABOUT_A_REQUEST)
    case = order.open_case
    rules_on_appeal = case is not None and case.stage == "appeal" and isinstance(command, Rule)
    works_on_case = case is not None and isinstance(command, (TakeCase, ReleaseCase))
    in_time = order.cases_until is not None and order.time(now) < order.cases_until
    late = (in_time and isinstance(command, _OPENS_LATE_CASE)) or (
        order.late_case is not None and isinstance(command, _ENDS_LATE_CASE)
    )
    answered = waiting_for_answer or rules_on_appeal or works_on_case or late
    checks.refuse("order_closed", not answered, phase=order.phase)


def _apply(decision: Decision, command: AnyCommand, checks: Checks) -> None:
    # A role that may not give the command is refused already; which party it counts as is then of no matter.
    party = party_of(command.actor.role)
    match command:
        case SubmitRequirements():
            submit_requirements(decision, command, checks)
        case Deliver():
            deliver(decision, command, checks)
        case AskRevision():
            ask_revision(decision, command, checks)
        case Complete():
            complete(decision, command, checks)
        case MakeRequest():
            make_request(decision, command, party, checks)
        case Accept():
            accept(decision, command, party, checks)
        case Decline():
            decline(decision, command, party, checks)
        case Counter():
            counter(decision, command, party, checks)
        case Withdraw():
            withdraw(decision, command, party, checks)
        case Settle():
            settle(decision, command, party, checks)
        case UndoCancellation():
            undo(decision, command, party, checks)
        case Escalate():
            escalate(decision, command, party, checks)
        case Propose():
            propose(decision, command, checks)
        case Rule():
            rule(decision, command, command.actor.id, checks)
        case Appeal():
            appeal(decision, command, party, checks)
        case SendMessage():
            send_message(decision, command, party, checks)
        case AddEvidence():
            add_evidence(decision, command, party, checks)
        case LeaveFeedback():
            leave_feedback(decision, command, party, checks)
        case RetryPayment():
            retry_payment(decision, command, checks)
        case SettleByHand():
            settle_by_hand(decision, command, checks)
        case PaymentEvent():
            payment_event(decision, command, checks)
        case OrderAgain():
            order_again(decision, command, checks)
        case GiveTime():
            give_time(decision, command, party, checks)
        case GoAway():
            go_away(decision, command, party, checks)
        case ComeBack():
            come_back(decision, command, party, checks)
        case OpenCase():
            open_case(decision, command, checks)
        case TakeCase():
            take_case(decision, command, checks)
        case ReleaseCase():
            release_case(decision, command, checks)
        case HoldOrder():
            hold(decision, command, checks)
        case LiftHold():
            lift_hold(decision, command, checks)
        case TakeNote():
            take_note(decision, command, checks)
        case NoteToStaff():
            note_to_staff(decision, command, party, checks)
        case _:
            assert_never(command)
