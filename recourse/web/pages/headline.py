"""The headline of an order for one reader: what is going on, whose turn it is, and until when."""

from dataclasses import dataclass
from datetime import datetime

from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import PARTIES, Party, other
from recourse.resolution.shown.views import CaseView, OrderView, RequestView
from recourse.wording import texts
from recourse.wording.english import PHASES

_ASKS = texts("request", "asks")
_HOW = texts("how", "past")
_STAGE_FOR_OPERATORS, _STAGE_FOR_PARTIES = texts("stage", "operator"), texts("stage", "party")
_REFUSED = texts("refusal", "page")


@dataclass(frozen=True)
class Headline:
    """`yours`: the reader must act. `until` is the deadline, `deadline` what it is one of."""

    title: str
    text: str
    yours: bool = False
    until: datetime | None = None
    deadline: str = ""


def headline(view: OrderView, reader: Reader, *, decided: bool = False, own_ruling: bool = False) -> Headline:
    """In the order of need in which `turn` goes: a hold, a chargeback, a request, a case, else the phase.

    `decided`: there is a ruling that can still be appealed. `own_ruling`: the reader made it.
    """
    request, case, until = view.request, view.case, view.turn.until
    yours = view.turn.who == reader or (view.turn.who == "both" and reader in PARTIES)
    if view.hold:
        text = "No time runs out and no money moves meanwhile. Then the order goes on with the time that was left."
        return Headline(
            "This order is on hold", text + _also(request, reader), yours, view.hold.until, "The hold ends by itself on"
        )
    if view.chargeback and view.chargeback.status == "open":
        whose = "Your" if reader == "client" else "The client's"
        text = f"{whose} bank disputes the payment. Until it decides, no time runs out and no money moves."
        due = view.chargeback.respond_by if reader == "operator" else None
        return Headline("The payment is disputed", text + _also(request, reader), False, due, "Answer the bank by")
    if request and request.status == "open":
        return _asked(request, reader, yours)
    if decided and view.closed_at:
        # Until when it is held is until when it can be appealed, which the page says of every such ruling.
        return Headline("Decided: the order is canceled", _HOW["ruling"])
    if case and case.stage != "closed" and not decided:
        if view.closed_at and case.stage == "ruling" and reader in PARTIES:
            text = "The order stays completed; a part of the price may go back. You will be told."
            return Headline(_STAGE_FOR_PARTIES[case.stage], text, False, until, "Decided by")
        return _case(case, reader, yours and not own_ruling, until, own_ruling)
    if view.closed_at:
        return _closed(view, reader)
    title, text, deadline = _working(view.phase, reader)
    return Headline("Decided: the order goes on" if decided else title, text, yours, until, deadline)


def _also(request: RequestView | None, reader: Reader) -> str:
    """What is asked meanwhile."""
    return f" {_asked(request, reader, request.asked == reader).text}" if request and request.status == "open" else ""


def _asked(request: RequestView, reader: Reader, yours: bool) -> Headline:
    asked, opener, what = request.asked, request.opened_by, _ASKS[request.kind]
    countered = asked == opener
    by = other(asked)
    if yours:
        text = f"The {by} answers your request {what} with another amount." if countered else f"The {by} asks {what}."
        return Headline("Your answer is needed", text, True, request.answer_due_at, "Answer by")
    if reader in PARTIES:
        text = f"You answered the request {what} with another amount." if countered else f"You asked {what}."
    else:
        text = f"The {by} answered with another amount." if countered else f"The {by} asks {what}."
    return Headline(f"Waiting for the {asked}'s answer", text, False, request.answer_due_at, "They answer by")


def _case(case: CaseView, reader: Reader, yours: bool, until: datetime | None, own_ruling: bool) -> Headline:
    if reader == "operator":
        if own_ruling:
            title, text = "Another operator decides the appeal", _REFUSED["same_operator"]
            return Headline(title, text, False, until, "Decided by")
        if case.proposal and not yours:
            return Headline("Your proposal waits for answers", "Both parties were asked.", False, until, "Answer by")
        text = "The case waits for you." if case.stage != "appeal" else "The first ruling was appealed."
        return Headline(_STAGE_FOR_OPERATORS[case.stage], text, yours, until, "Decide by")
    if case.stage == "mediation" and case.proposal:
        if yours:
            text = "If both of you accept, the order ends so. Otherwise the operator decides."
            return Headline("An operator proposes how to end it", text, True, until, "Answer by")
        return Headline("You accepted the proposal", "The other side has not answered yet.", False, until, "Answer by")
    text = "You will be told. Until then you can settle it between you."
    if case.stage == "appeal":
        text = "The first ruling was appealed. You will be told."
    return Headline(_STAGE_FOR_PARTIES[case.stage], text, False, until, "Decided by")


def _closed(view: OrderView, reader: Reader) -> Headline:
    if view.settlement == "blocked" and reader == "operator":
        return Headline("A payment is stuck", "Have it made again, or note that it was paid by hand.", True)
    resolution = view.resolution
    title = f"This order is {PHASES[view.phase]}"
    text = _HOW[resolution.how].format(initiator=resolution.initiator) if resolution else "The delivery was accepted."
    if any(leg.status in ("blocked", "returned") for leg in view.payments):
        text += " Your money has not arrived yet; the marketplace is looking at it."
    return Headline(title, text, False, view.settles_at, "The money moves on")


_TITLE = texts("phase", "title")
_WAITING = _TITLE | texts("phase", "waiting")
_YOURS, _THEIRS, _DEADLINE = texts("phase", "yours"), texts("phase", "theirs"), texts("phase", "deadline")


def _working(phase: str, reader: Reader) -> tuple[str, str, str]:
    whose: Party = "client" if phase in ("waiting_requirements", "delivered") else "freelancer"
    title, text = (_TITLE, _YOURS) if whose == reader else (_WAITING, _THEIRS)
    return title[phase], text[phase], _DEADLINE[phase]
