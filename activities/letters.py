"""Notices in plain sentences, for people: what happened, what is asked, the money, until when, what silence means."""

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.notice import Amounts, Notice
from recourse.wording import texts
from recourse.wording.english import as_words, capital

SENTENCES = texts("notice", "title")
SILENCE = texts("silence", "long") | texts("fallback", "long") | texts("deadline", "then")
ANSWERS = texts("command", "answer")
_ASKS = texts("request", "asks")
_HOW = texts("how", "past")
_OUTCOMES = texts("outcome", "done")
_ASKING = frozenset({"request_opened", "request_countered", "answer_reminder"})
_template = Environment(  # noqa: S701 - plain text, there is no markup to escape
    loader=PackageLoader("recourse.activities"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: visible(value, lines=True) if isinstance(value, str) else value,
).get_template("notice.txt.j2")


def subject(notice: Notice) -> str:
    """The subject of the letter; it holds nothing that a party wrote."""
    return f"Order {visible(notice.body.order_id)}: {as_words(notice.name)}"


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
    yield SENTENCES.get(notice.name, f"{capital(as_words(notice.name))}.")
    asking = request if notice.name in _ASKING else None
    if asking:
        longer = f": {write_duration(asking.extend_by)}" if asking.extend_by else ""
        yield f"The {asking.opened_by} asks {_ASKS[asking.kind]}{longer}."
        amount = asking.amount
    if body.until:
        yield f"This lasts until {write_instant(body.until)} at most."
    if body.chargeback:
        decided = {"open": "", "won": " It has given that back.", "lost": " It is the client's for good."}
        yield f"The bank took {write_amount(body.chargeback.amount, currency)}.{decided[body.chargeback.status]}"
        if body.chargeback.status == "open" and body.chargeback.respond_by:
            yield f"The marketplace can answer it until {write_instant(body.chargeback.respond_by)}."
    if body.reason:
        yield f"The reason given: {as_words(body.reason)}."
    if notice.name in ("order_canceled", "money_settled") and resolution:
        yield _HOW[resolution.how].format(initiator=resolution.initiator)
    if body.outcome:
        yield f"{capital(_OUTCOMES[body.outcome])}."
    if body.rating:
        yield f"The rating is {body.rating}."
    if notice.name == "debt_recorded" and amount is not None:
        yield f"The debt is {write_amount(amount, currency)}."
    elif amount is not None:
        refund = body.outcome == "refund" or (asking is not None and asking.kind == "partial_refund")
        whose = "Of the price, the client gets back" if refund else "Of the price, the freelancer gets"
        yield f"{whose} {write_amount(amount, currency)}{'' if refund else ' before commission'}."


def _money(amounts: Amounts) -> str:
    names = {"client": "client", "freelancer": "freelancer", "platform": "platform"}
    names |= {"contested": "with the bank", "held": "in escrow"}
    return ", ".join(
        f"{names[name]} {write_amount(amount, amounts.currency)}" for name, amount in amounts.parts.items() if amount
    )
