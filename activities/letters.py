"""Notices in plain sentences, for people: what happened, what is asked, the money, until when, what silence means."""

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.notice import Amounts, Consequence, Notice, NoticeAnswer, NoticeName

SENTENCES: dict[NoticeName, str] = {
    "requirements_submitted": "The client has handed in the requirements; the delivery time has started.",
    "revision_requested": "The client asks for a revision.",
    "order_delivered": "The freelancer has delivered the order.",
    "order_completed": "The order is completed.",
    "request_opened": "You are asked for an answer.",
    "request_countered": "The other side answers with another amount.",
    "answer_reminder": "Your answer is still awaited.",
    "request_accepted": "Your request was accepted.",
    "request_declined": "Your request was declined.",
    "request_withdrawn": "The other side has withdrawn its request.",
    "request_lapsed": "Nobody answered the request in time, so it has lapsed. Nothing changes.",
    "request_superseded": "Your request has been overtaken by what happened since.",
    "case_withdrawn": "The other side has taken its case back.",
    "settlement_offered": "The other side names an amount at which it would end the case.",
    "case_closed": "The case has ended without a proposal or ruling.",
    "order_canceled": "The order is canceled.",
    "cancellation_undone": "The cancellation has been undone; the order goes on.",
    "case_opened": "An operator looks at this order.",
    "proposal_made": "The operator proposes how to end this.",
    "ruling_made": "This has been decided.",
    "ruling_needed": "A ruling is needed.",
    "appeal_opened": "The ruling has been appealed.",
    "case_reminder": "A case still waits for a decision.",
    "case_overdue": "Nobody decided a case in time, so it ended as the policy says.",
    "money_settled": "The money has been settled.",
    "message_received": "The other side has written to you.",
    "feedback_received": "The other side has left public feedback.",
    "follow_up": "A day after the cancellation: a good time to follow up with the client.",
}
SILENCE: dict[Consequence, str] = {
    "accept": "the request counts as accepted",
    "decline": "the request counts as declined",
    "escalate": "an operator decides the request",
    "lapse": "the request lapses and nothing changes",
    "ruling": "the operator decides",
    "ruling_stands": "the ruling stands",
    "cancel_full_refund": "the order is canceled and what is held goes to the client",
    "cancel_split": "the order is canceled and what is held of the price is split",
    "continue": "the order goes on",
    "let_them_decide": "the two parties decide it between them",
    "completes": "the order completes by itself",
    "settles": "the money moves as it says above",
}
ANSWERS: dict[NoticeAnswer, str] = {
    "accept": "accept",
    "decline": "decline",
    "counter": "name another amount (counter)",
    "settle": "name an amount at which you would end it (settle)",
    "withdraw": "take it back (withdraw)",
    "propose": "propose how to end it",
    "rule": "rule",
    "undo": "undo the cancellation",
    "appeal": "appeal",
    "escalate": "take it to an operator (escalate)",
    "complete": "complete the order",
    "ask_revision": "ask for a revision",
}
_ASKED = {
    "cancel": "The {opener} asks to cancel the order.",
    "extension": "The {opener} asks for more time: {extend_by}.",
    "update": "The {opener} asks how the order is coming along.",
    "partial_refund": "The {opener} offers to pay a part of the price back.",
    "undo": "The {opener} asks to undo the cancellation.",
}
_HOW = {
    "mutual": "Both sides agreed.",
    "expired_accepted": "Nobody answered in time, which counts as agreed.",
    "unilateral": "The {initiator} may end it alone at this point.",
    "forced_late": "It was very late, so the {initiator} could end it alone.",
    "regretted": "The {initiator} took the order back within the time for that.",
    "mediated": "Both sides accepted the operator's proposal.",
    "ruling": "An operator decided so.",
    "fallback": "No operator decided in time.",
}
_OUTCOMES = {
    "cancel": "The order is canceled.",
    "continue": "The order goes on as it was.",
    "let_them_decide": "It is between the two parties again.",
}
_ASKING = frozenset({"request_opened", "request_countered", "answer_reminder"})
_template = Environment(  # noqa: S701 - plain text, there is no markup to escape
    loader=PackageLoader("recourse.activities"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
).get_template("notice.txt.j2")


def subject(notice: Notice) -> str:
    """The subject of the letter; it holds nothing that a party wrote."""
    return f"Order {notice.body.order_id}: {notice.name.replace('_', ' ')}"


def letter(notice: Notice) -> str:
    """The text of one notice. Amounts and instants are written for people; what a party wrote is quoted."""
    body = notice.body
    texts = (("They write", body.comment), ("They write", body.text), ("The explanation", body.explanation))
    return _template.render(
        order_id=body.order_id,
        happened=list(_happened(notice)),
        quoted=[(title, "\n".join(f"> {line}" for line in text.splitlines())) for title, text in texts if text],
        money=_money(body.amounts),
        closed=body.phase in ("completed", "canceled"),
        if_accepted=_money(body.if_accepted) if body.if_accepted else "",
        deadline=write_instant(body.deadline) if body.deadline else None,
        silence=SILENCE[body.silence_means] if body.silence_means else None,
        answers=[ANSWERS[answer] for answer in body.answers],
    )


def _happened(notice: Notice) -> Iterator[str]:
    body, currency = notice.body, notice.body.amounts.currency
    request, resolution, amount = body.request, body.resolution, body.amount
    yield SENTENCES.get(notice.name, f"{notice.name.replace('_', ' ').capitalize()}.")  # type: ignore[call-overload]
    asking = request if notice.name in _ASKING else None
    if asking:
        extend_by = write_duration(asking.extend_by) if asking.extend_by else None
        yield _ASKED[asking.kind].format(opener=asking.opened_by, extend_by=extend_by)
        amount = asking.amount
    if body.reason:
        yield f"The reason given: {body.reason.replace('_', ' ')}."
    if notice.name in ("order_canceled", "money_settled") and resolution:
        yield _HOW[resolution.how].format(initiator=resolution.initiator)
    if body.outcome:
        yield _OUTCOMES[body.outcome]
    if body.rating:
        yield f"The rating is {body.rating}."
    if amount is not None:
        refund = asking is not None and asking.kind == "partial_refund"
        whose = "Of the price, the client gets back" if refund else "Of the price, the freelancer gets"
        yield f"{whose} {write_amount(amount, currency)}{'' if refund else ' before commission'}."


def _money(amounts: Amounts) -> str:
    names = {"client": "client", "freelancer": "freelancer", "platform": "platform", "held": "in escrow"}
    return ", ".join(
        f"{names[name]} {write_amount(amount, amounts.currency)}" for name, amount in amounts.parts.items() if amount
    )
