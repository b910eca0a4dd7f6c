"""The headline of an order for one reader: what is going on, whose turn it is, and until when."""

from dataclasses import dataclass
from datetime import datetime

from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import PARTIES, Party
from recourse.resolution.shown.views import CaseView, OrderView, RequestView
from recourse.wording import texts
from recourse.wording.languages import say

_ASKS = texts("request", "asks")
_HOW = texts("how", "past")
_STAGE_FOR_OPERATORS, _STAGE_FOR_PARTIES = texts("stage", "operator"), texts("stage", "party")
_REFUSED = texts("refusal", "page")
_NOUNS = texts("role", "noun")


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
        text = say("No time runs out and no money moves meanwhile. Then the order goes on with the time that was left.")
        title, ends = say("This order is on hold"), say("The hold ends by itself on")
        return Headline(title, text + _also(request, reader), yours, view.hold.until, ends)
    if view.chargeback and view.chargeback.status == "open":
        text = say("The client's bank disputes the payment. Until it decides, no time runs out and no money moves.")
        if reader == "client":
            text = say("Your bank disputes the payment. Until it decides, no time runs out and no money moves.")
        due = view.chargeback.respond_by if reader == "operator" else None
        title = say("The payment is disputed")
        return Headline(title, text + _also(request, reader), False, due, say("Answer the bank by"))
    if request and request.status == "open":
        return _asked(request, reader, yours)
    if decided and view.closed_at:
        # Until when it is held is until when it can be appealed, which the page says of every such ruling.
        return Headline(say("Decided: the order is canceled"), _HOW["ruling"])
    if case and case.stage != "closed" and not decided:
        if view.closed_at and case.stage == "ruling" and reader in PARTIES:
            text = say("The order stays completed; a part of the price may go back. You will be told.")
            return Headline(_STAGE_FOR_PARTIES[case.stage], text, False, until, say("Decided by"))
        return _case(case, reader, yours and not own_ruling, until, own_ruling)
    if view.closed_at:
        return _closed(view, reader)
    title, text, deadline = _working(view.phase, reader)
    return Headline(say("Decided: the order goes on") if decided else title, text, yours, until, deadline)


def _also(request: RequestView | None, reader: Reader) -> str:
    """What is asked meanwhile."""
    return f" {_asked(request, reader, request.asked == reader).text}" if request and request.status == "open" else ""


def _asked(request: RequestView, reader: Reader, yours: bool) -> Headline:
    of_client, what = request.asked == "client", _ASKS[request.kind]
    countered, due = request.asked == request.opened_by, request.answer_due_at
    if yours:
        if countered and of_client:
            text = say("The freelancer answers your request {asks} with another amount.", asks=what)
        elif countered:
            text = say("The client answers your request {asks} with another amount.", asks=what)
        else:
            text = _asks_for(what, of_client)
        return Headline(say("Your answer is needed"), text, True, due, say("Answer by"))
    if reader in PARTIES:
        text = say("You asked {asks}.", asks=what)
        if countered:
            text = say("You answered the request {asks} with another amount.", asks=what)
    elif countered and of_client:
        text = say("The freelancer answered with another amount.")
    elif countered:
        text = say("The client answered with another amount.")
    else:
        text = _asks_for(what, of_client)
    title = say("Waiting for the client's answer") if of_client else say("Waiting for the freelancer's answer")
    return Headline(title, text, False, due, say("They answer by"))


def _asks_for(what: str, of_client: bool) -> str:
    return say("The freelancer asks {asks}.", asks=what) if of_client else say("The client asks {asks}.", asks=what)


def _case(case: CaseView, reader: Reader, yours: bool, until: datetime | None, own_ruling: bool) -> Headline:
    if reader == "operator":
        if own_ruling:
            title, text = say("Another operator decides the appeal"), _REFUSED["same_operator"]
            return Headline(title, text, False, until, say("Decided by"))
        if case.proposal and not yours:
            title, text = say("Your proposal waits for answers"), say("Both parties were asked.")
            return Headline(title, text, False, until, say("Answer by"))
        text = say("The case waits for you.") if case.stage != "appeal" else say("The first ruling was appealed.")
        return Headline(_STAGE_FOR_OPERATORS[case.stage], text, yours, until, say("Decide by"))
    if case.stage == "mediation" and case.proposal:
        if yours:
            text = say("If both of you accept, the order ends so. Otherwise the operator decides.")
            return Headline(say("An operator proposes how to end it"), text, True, until, say("Answer by"))
        title, text = say("You accepted the proposal"), say("The other side has not answered yet.")
        return Headline(title, text, False, until, say("Answer by"))
    text = say("You will be told. Until then you can settle it between you.")
    if case.stage == "appeal":
        text = say("The first ruling was appealed. You will be told.")
    return Headline(_STAGE_FOR_PARTIES[case.stage], text, False, until, say("Decided by"))


def _closed(view: OrderView, reader: Reader) -> Headline:
    if view.settlement == "blocked" and reader == "operator":
        text = say("Have it made again, or note that it was paid by hand.")
        return Headline(say("A payment is stuck"), text, True)
    resolution = view.resolution
    title = say("This order is canceled") if view.phase == "canceled" else say("This order is completed")
    text = (
        _HOW[resolution.how].format(initiator=_NOUNS[resolution.initiator])
        if resolution
        else say("The delivery was accepted.")
    )
    if any(leg.status in ("blocked", "returned") for leg in view.payments):
        text += f" {say('Your money has not arrived yet; the marketplace is looking at it.')}"
    return Headline(title, text, False, view.settles_at, say("The money moves on"))


_TITLE = texts("phase", "title")
_WAITING = _TITLE | texts("phase", "waiting")
_YOURS, _THEIRS, _DEADLINE = texts("phase", "yours"), texts("phase", "theirs"), texts("phase", "deadline")


def _working(phase: str, reader: Reader) -> tuple[str, str, str]:
    whose: Party = "client" if phase in ("waiting_requirements", "delivered") else "freelancer"
    title, text = (_TITLE, _YOURS) if whose == reader else (_WAITING, _THEIRS)
    return title[phase], text[phase], _DEADLINE[phase]
