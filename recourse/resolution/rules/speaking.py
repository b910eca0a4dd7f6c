"""Words, files and reviews: recorded, and nothing else moves (rules, 2 and 8)."""

from datetime import datetime

from recourse.resolution.model.commands import AddEvidence, LeaveFeedback, NoteToStaff, OrderAgain, SendMessage
from recourse.resolution.model.events import EvidenceAdded, FeedbackLeft, MessageSent, NoteTaken, ResolutionChanged
from recourse.resolution.model.lateness import lateness
from recourse.resolution.model.operator_commands import TakeNote
from recourse.resolution.model.order import Order
from recourse.resolution.model.refusals import Checks
from recourse.resolution.model.vocabulary import Party, Visibility
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.evolve_disputes import with_party


def send_message(decision: Decision, command: SendMessage, party: Party, checks: Checks) -> None:
    """A statement to the other side; it counts as communication and dialogue."""
    if not checks.first():
        decision.happen(MessageSent(by=party, comment=command.comment))


def add_evidence(decision: Decision, command: AddEvidence, party: Party, checks: Checks) -> None:
    """The fingerprint of a file that is kept elsewhere [R66]."""
    if not checks.first():
        decision.happen(
            EvidenceAdded(
                by=party, title=command.title, kind=command.kind, sha256=command.sha256, address=command.address
            )
        )


def take_note(decision: Decision, command: TakeNote, checks: Checks) -> None:
    """An operator's note; only operators read it (rules, 14)."""
    if not checks.first():
        decision.happen(NoteTaken(by="operator"))


def note_to_staff(decision: Decision, command: NoteToStaff, party: Party, checks: Checks) -> None:
    """A party's note to operators; the other side does not learn that it was written."""
    if not checks.first():
        decision.happen(NoteTaken(by=party, told=decision.order.open_case is not None))


def reviews_left(order: Order, party: Party) -> list[Visibility]:
    """What this party may still leave [R16, R61, R69, R73]."""
    if not order.closed:
        return []
    said = {feedback.visibility for feedback in order.feedback if feedback.by == party}
    return [one for one in _reviews_allowed(order, party) if one not in said]


def _reviews_allowed(order: Order, party: Party) -> list[Visibility]:
    resolution = order.resolution
    if resolution is None:
        return ["public", "private"] if party == "client" else ["public"]
    rights = order.policy.reviews
    if party == "freelancer":
        careless = resolution.initiator == "client" and not (resolution.communicated and resolution.explained)
        return ["public"] if rights.careless_client and careless else []
    match rights.public_after_cancel:
        case "always":
            public = True
        case "paid":
            public = resolution.gross > 0
        case "late_or_delivered":
            public = order.delivered_once or (
                order.closed_at is not None and lateness(order, order.closed_at) != "on_time"
            )
        case "never":
            public = False
    allowed: list[Visibility] = ["public"] if public else []
    return [*allowed, "private"] if rights.private_after_cancel else allowed


def leave_feedback(decision: Decision, command: LeaveFeedback, party: Party, checks: Checks) -> None:
    """A review, each kind once. A freelancer's review of a careless client is a negative one [R61]."""
    order = decision.order
    checks.refuse("feedback_not_allowed", command.visibility not in reviews_left(order, party))
    of_careless = party == "freelancer" and order.resolution is not None
    checks.refuse("feedback_not_allowed", of_careless and command.rating != "negative")
    if not checks.first():
        decision.happen(FeedbackLeft(by=party, visibility=command.visibility, rating=command.rating, text=command.text))


def order_again(decision: Decision, command: OrderAgain, checks: Checks) -> None:
    """The two ordered again: soon enough, the cancellation leaves the completion rate [R40]."""
    order = decision.order
    within = order.policy.scores.new_order_exempts_within
    resolution = order.resolution
    if checks.first() or resolution is None or order.closed_at is None or within is None:
        return
    # What an operator exempted, another may no longer exempt on appeal; the new order still does then.
    if resolution.exempt and resolution.exempt_because != "operator":
        return
    if decision.now < order.closed_at + within:
        exempted = resolution.model_copy(update={"exempt": True, "exempt_because": "new_order"})
        decision.happen(ResolutionChanged(resolution=exempted))


def hear(order: Order, by: Party) -> Order:
    """The order, with one more side heard since its requests opened [R55]."""
    spoken = {
        name: request.model_copy(update={"spoken": with_party(request.spoken, by)})
        for name, request in (("request", order.request), ("declined", order.declined))
        if request
    }
    return order.model_copy(update=spoken)


def hear_in_case(order: Order, by: Party, now: datetime) -> Order:
    """The order, with one side heard in its case; kept where the policy's fallback goes by it (rules, 15)."""
    case, cases = order.open_case, order.policy.cases
    if case is None or "for_who_spoke" not in (cases.fallback, cases.operator_case_fallback) or by in case.spoke_at:
        return order
    spoke = case.model_copy(update={"spoke_at": {**case.spoke_at, by: order.time(now)}})
    return order.model_copy(update={"case": spoke})
