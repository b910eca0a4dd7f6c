"""What the pages call things, and how they say why something was refused and how to go on."""

from collections.abc import Mapping
from typing import Any

from recourse.resolution.model.refusals import Code
from recourse.resolution.model.vocabulary import (
    Fault,
    How,
    Lateness,
    RequestKind,
    RequestStatus,
    SettlementStatus,
    Stage,
)

PHASES = {
    "waiting_requirements": "Waiting for requirements",
    "in_progress": "In progress",
    "delivered": "Delivered",
    "in_revision": "In revision",
    "completed": "Completed",
    "canceled": "Canceled",
}
LATENESS: dict[Lateness, str] = {"on_time": "On time", "late": "Late", "very_late": "Very late"}
STAGES: dict[Stage, str] = {
    "mediation": "Mediation",
    "ruling": "A ruling is awaited",
    "appeal": "Appeal",
    "closed": "Closed",
}
# Of a case whose stage is that of a ruling which has been made.
DECIDED = "Decided, can be appealed"
RULED = {"cancel": "The order is canceled", "continue": "The order goes on"}
DUE = {"overdue": "Overdue", "day": "Within a day", "week": "Within a week"}
ASKS: dict[RequestKind, str] = {
    "cancel": "to cancel the order",
    "extension": "for more time",
    "update": "how the order is coming along",
    "partial_refund": "to settle on a partial refund",
    "undo": "to undo the cancellation",
}
REQUESTS: dict[RequestKind, str] = {
    "cancel": "Cancellation",
    "extension": "More time",
    "update": "Update",
    "partial_refund": "Partial refund",
    "undo": "Undoing the cancellation",
}
STATUSES: dict[RequestStatus, str] = {
    "open": "open",
    "accepted": "accepted",
    "declined": "declined",
    "withdrawn": "withdrawn",
    "lapsed": "not answered in time",
    "superseded": "overtaken by what happened since",
    "escalated": "with an operator",
}
HOW: dict[How, str] = {
    "mutual": "Both sides agreed.",
    "expired_accepted": "Nobody answered in time, which counts as agreed.",
    "unilateral": "No approval was needed.",
    "forced_late": "The order was very late, so no approval was needed.",
    "regretted": "It was taken back within the time for that.",
    "mediated": "Both sides accepted the operator's proposal.",
    "ruling": "An operator decided it.",
    "fallback": "No operator decided in time, so it ended as the marketplace's rules say.",
}
# The same of what may come.
HOW_THEN: dict[How, str] = {
    "mutual": "Both sides have agreed.",
    "expired_accepted": "Silence counts as agreement.",
    "unilateral": "No approval is needed.",
    "forced_late": "The order is very late, so no approval is needed.",
    "regretted": "It is taken back within the time for that.",
    "mediated": "Both sides have accepted the operator's proposal.",
    "ruling": "An operator has decided it.",
    "fallback": "The marketplace's rules decide in place of the operators.",
}
FAULTS: dict[Fault, str] = {"client": "The client's", "freelancer": "The freelancer's", "none": "Nobody's"}
SETTLEMENTS: dict[SettlementStatus, str] = {
    "none": "Nothing is being paid out.",
    "held": "It is held until the time to undo or appeal is over.",
    "executing": "It is being paid out.",
    "retrying": "The payment provider does not answer; it is tried again by itself.",
    "settled": "It has been paid out.",
}
SCORES = {"completion_rate": "Completion rate", "job_success": "Job success"}
FLAGS = {"repeat_canceler": "Cancels repeatedly"}
OUTCOMES = {
    "cancel": "Cancel the order",
    "continue": "Let the order go on as it was",
    "let_them_decide": "Let the two parties decide it between them",
}
ATTESTATIONS = {
    "discussed": "We have talked about it.",
    "tried_to_resolve": "We have tried to solve it.",
    "agreed_compensation": "We have agreed on what the freelancer gets.",
}
VISIBILITIES = {
    "public": "Public: the other side and everybody can read it",
    "private": "Private: only the marketplace can read it",
}
RATINGS = {"positive": "Positive", "negative": "Negative"}

# What a reader is told, in words of this page: what is wrong, and how to go on.
REFUSED: dict[Code, str] = {
    "malformed": "Something in the form cannot be used. Change it and try again.",
    "actor_unproven": "This server may not act for you at the moment. Tell the marketplace; nothing has changed.",
    "command_id_reused": "This form was sent before with something else in it. Go back to the order to see it.",
    "unknown_command": "This order does not know that action. Go back to the order to see what can be done.",
    "not_a_party": "Only this order's client and freelancer may do this.",
    "role_not_allowed": "The other side may do this, you may not.",
    "conflict_of_interest": "You are a party of this order, so another operator must act on it.",
    "expired": "The time to answer was over. Go back to the order to see what happened then.",
    "order_closed": "The order is closed, so this can no longer be done.",
    "wrong_phase": "This cannot be done at this point of the order. Go back to it to see what can.",
    "kind_not_offered": "This marketplace does not offer that for this order.",
    "request_open": "A request is open. It must be answered or withdrawn first.",
    "case_open": "An operator is looking at this order, so no request can be opened now.",
    "no_open_request": "There is nothing to answer any more; it was answered or taken back meanwhile.",
    "no_open_case": "There is no case any more; it has ended meanwhile.",
    "not_yours_to_answer": "The other side must answer this, not you.",
    "not_yours_to_withdraw": "Only the side that opened it may take it back.",
    "approval_needed": "The other side must agree to this. Ask for it instead.",
    "reason_required": "Choose a reason.",
    "unknown_reason": "Choose one of the reasons in the list.",
    "explanation_required": "Write an explanation; it cannot be blank.",
    "attestation_missing": "Each of these must be true and confirmed.",
    "amount_required": "Enter an amount.",
    "amount_out_of_range": "The amount is outside of its bounds.",
    "stale_version": "The offer has changed since you opened this page. Go back to the order and look at the new one.",
    "too_many_counters": "There have been too many counter-offers. Accept or decline this one.",
    "too_many_revisions": "This order has had all of its revisions. Complete it, or ask to cancel it.",
    "cooling_down": "After a decline you must wait a while before you ask again.",
    "too_many_requests": "This order has had all of its cancel requests.",
    "undo_not_offered": "This cancellation cannot be undone.",
    "undo_closed": "The time to undo is over.",
    "undo_used": "A cancellation can be undone once, and that was used.",
    "dialogue_required": "Both sides must have written since the request. Write a message, or wait for one.",
    "escalation_not_offered": "This cannot be taken to an operator now.",
    "appeal_not_offered": "There is nothing to appeal.",
    "appeal_closed": "The time to appeal is over.",
    "appeal_used": "There is one appeal, and it was used.",
    "same_operator": "You made the first ruling, so another operator must decide the appeal.",
    "proposal_too_late": "The case would be over before both could answer. Rule instead.",
    "feedback_not_allowed": "This review cannot be left, or was left already.",
}


def word(known: Mapping[Any, str], name: object) -> str:
    """What is called `name` in words; a name that is not known, such as a policy's own, says itself."""
    return known.get(name, sentence(name))


def plain(name: object) -> str:
    """A name of the contract or of a policy as a word: `late_delivery` is `late delivery`."""
    return str(name).replace("_", " ")


def sentence(name: object) -> str:
    """The same at the beginning of a line."""
    text = plain(name)
    return text[:1].upper() + text[1:]
