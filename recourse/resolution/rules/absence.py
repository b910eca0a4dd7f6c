"""Fair time: a party that is away, and time that the waiting side gives (rules, 15)."""

from datetime import datetime, timedelta

from recourse.resolution.model.commands import ComeBack, GiveTime, GoAway
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.events import AnswersMoved, CameBack, TimeGiven, WentAway
from recourse.resolution.model.order import Order
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.windows import AnswerTime

NOTHING = timedelta(0)


def go_away(decision: Decision, command: GoAway, party: Party, checks: Checks) -> None:
    """The party's own windows stand still, for as long as the policy leaves it."""
    order, now, time = decision.order, decision.now, decision.time
    left = order.away_left(party, now)
    checks.refuse("malformed", command.until <= now, problems={"until": "not later than now"})
    checks.refuse("away_not_offered", not order.policy.answers.away_at_most)
    checks.refuse("away_used", left == NOTHING)
    if checks.first():
        return
    until = min(command.until, now + left)
    stood_still_until = order.away_until(party, time) or time
    decision.happen(WentAway(by=party, until=until, asked=is_asked(order, party)))
    move_answers(decision, party, stood_still_until, until)


def come_back(decision: Decision, command: ComeBack, party: Party, checks: Checks) -> None:
    """The party's windows run again."""
    order = decision.order
    checks.refuse("away_not_offered", not order.policy.answers.away_at_most)
    checks.refuse("not_away", order.away_until(party, decision.now) is None)
    if not checks.first():
        end_absence(decision, party)


def end_absence(decision: Decision, party: Party) -> None:
    """A party that does anything is back: its deadlines move back, and the time that it did not use is not lost."""
    until = decision.order.away_until(party, decision.now)
    if until is not None:
        decision.happen(CameBack(by=party))
        move_answers(decision, party, until, decision.time)


def is_asked(order: Order, party: Party) -> bool:
    """Whether the party has something to answer: a request, or a proposal that it has not accepted."""
    request, proposal = order.open_request, order.open_proposal
    return (request is not None and request.asked == party) or (
        proposal is not None and party not in proposal.accepted_by
    )


def move_answers(decision: Decision, party: Party, since: datetime, until: datetime) -> None:
    """What the party's windows had left at `since`, they have left at `until`."""
    order, windows = decision.order, AnswerTime(decision)
    request, proposal = order.open_request, order.open_proposal
    due = reminder = proposal_due = None
    if request and request.asked == party and request.answer_due_at:
        due = windows.moved(request.answer_due_at, since, until)
        reminder = windows.moved(request.reminder_at, since, until) if request.reminder_at else None
    if proposal and party not in proposal.accepted_by:
        proposal_due = until + max(proposal.due_for(party) - since, NOTHING)
    if due or proposal_due:
        decision.happen(AnswersMoved(by=party, answer_due_at=due, reminder_at=reminder, proposal_due_at=proposal_due))


def give_time(decision: Decision, command: GiveTime, party: Party, checks: Checks) -> None:
    """The side that waits for an answer gives the other more time for it."""
    order, windows = decision.order, AnswerTime(decision)
    request, most = order.open_request, order.policy.answers.give_time_at_most
    checks.refuse("no_open_request", request is None)
    checks.refuse("not_yours_to_answer", request is not None and request.asked == party)
    checks.refuse("time_not_offered", not most)
    left = most - (request.given if request else NOTHING)
    checks.refuse("too_much_time", command.by > left, at_most=write_duration(left))
    if checks.first() or request is None or request.answer_due_at is None:
        return
    reminder = request.reminder_at
    decision.happen(
        TimeGiven(
            by=party,
            length=command.by,
            answer_due_at=windows.end(request.answer_due_at, command.by),
            reminder_at=windows.end(reminder, command.by) if reminder else None,
        )
    )
