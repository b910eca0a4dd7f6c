"""What a preview says, in words: where the order, its money and its scores would stand, and from when."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recourse.resolution.model.money import Balances
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import PARTIES, Party, Phase
from recourse.resolution.shown.looking_ahead import Ahead, IfNobodyActs, Outlook, ScoreChange
from recourse.verify_record import canonical
from recourse.wording import reader as written
from recourse.wording import texts
from recourse.wording.english import PHASES, lowered, word
from recourse.wording.languages import say

_ASKS = texts("request", "asks")
_STATUSES = texts("request_status", "name")
_HOW_THEN = texts("how", "future")
_SCORES = texts("score", "name")
_NOUNS, _REVIEWS = texts("role", "noun"), texts("visibility", "word")


@dataclass(frozen=True)
class Row:
    """One line of a table of money: whose, in minor units, and whether it is the reader's own."""

    whose: str
    amount: int
    own: bool = False


@dataclass(frozen=True)
class Prospect:
    """One thing that can come: under which condition, what it means, and where the money is then."""

    title: str
    sentences: tuple[str, ...]
    money: tuple[Row, ...]
    at: datetime | None = None
    settles_at: datetime | None = None
    due_at: datetime | None = None
    scores: tuple[str, ...] = ()


def money_rows(money: Balances, reader: Reader) -> tuple[Row, ...]:
    """The money as a table, the reader's own line first."""
    names = {
        "client": say("Client"),
        "freelancer": say("Freelancer"),
        "platform": say("Marketplace"),
        "contested": say("Taken by the bank"),
        "held": say("Held in escrow"),
    }
    rows = [
        Row(say("{role} (you)", role=names[one]) if one == reader else names[one], amount, one == reader)
        for one, amount in money.parts.items()
    ]
    return tuple(sorted((row for row in rows if row.amount or row.own), key=lambda row: not row.own))


def prospects(ahead: Ahead, reader: Reader, phase: Phase, title: str) -> list[Prospect]:
    """What a command to an order in this phase leads to: at once, when the others accept, and when nobody acts."""
    found = [_prospect(title, ahead, reader, phase)]
    if ahead.if_accepted:
        found.append(_prospect(say("If it is accepted"), ahead.if_accepted, reader, phase))
    silence = silent(ahead.if_nobody_acts, reader, phase)
    return [*found, silence] if silence else found


def silent(outlook: IfNobodyActs | None, reader: Reader, phase: Phase) -> Prospect | None:
    """What time alone does next to an order in this phase."""
    return _prospect(say("If nobody does anything"), outlook, reader, phase, outlook.at) if outlook else None


def fingerprint(ahead: Ahead) -> str:
    """By what the same preview is known again, whenever it is asked for: all of it but the instants."""
    return hashlib.sha256(canonical(_lasting(ahead.model_dump())).encode()).hexdigest()


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lasting(inner) for key, inner in value.items() if not isinstance(inner, datetime)}
    return [_lasting(inner) for inner in value] if isinstance(value, list | tuple) else value


def _prospect(title: str, outlook: Outlook, reader: Reader, before: Phase, at: datetime | None = None) -> Prospect:
    return Prospect(
        title,
        tuple(_sentences(outlook, reader, before)),
        money_rows(outlook.money, reader),
        at,
        outlook.settles_at,
        outlook.due_at if outlook.phase in ("in_progress", "in_revision") else None,
        tuple(_scores(outlook.scores, reader)),
    )


def _sentences(outlook: Outlook, reader: Reader, before: Phase) -> Iterator[str]:
    phase, request, case = outlook.phase, outlook.request, outlook.case
    if phase == before and phase in ("canceled", "completed"):
        yield say("The order stays canceled.") if phase == "canceled" else say("The order stays completed.")
    elif phase == "canceled":
        yield say("The order is canceled.")
        if outlook.how:
            yield _HOW_THEN[outlook.how]
        if outlook.exempt:
            yield say("It does not count in the scores.")
        if outlook.fault in PARTIES:
            yield _fault(outlook.fault, reader)
    elif phase == "completed":
        yield say("The order is completed, and the freelancer is paid.")
    else:
        yield say("The order goes on: {phase}.", phase=lowered(PHASES[phase]))
    if request and request.status == "open":
        yield say("An answer is awaited to the request {asks}.", asks=_ASKS[request.kind])
    elif request and phase not in ("canceled", "completed") and request.status != "accepted":
        yield say("The request {asks} is {status}.", asks=_ASKS[request.kind], status=_STATUSES[request.status])
    if case and case.stage == "mediation":
        yield say("An operator looks at the order.")
    elif case and case.stage == "ruling" and phase not in ("canceled", "completed"):
        yield say("An operator decides.")
    elif case and case.stage == "appeal":
        yield say("Another operator decides the appeal.")
    reviews = outlook.reviews.get(reader) if reader in PARTIES else None
    if reviews:
        yield say("You may leave a review ({kinds}).", kinds=written.listed([_REVIEWS[one] for one in reviews], "or"))


def _fault(party: str, reader: Reader) -> str:
    if party == reader:
        return say("It counts as your fault.")
    return say("It counts as the client's fault.") if party == "client" else say("It counts as the freelancer's fault.")


def _scores(scores: Mapping[Party, Mapping[str, ScoreChange]], reader: Reader) -> Iterator[str]:
    for party, named in scores.items():
        for name, change in named.items():
            if change.before != change.after:
                title = word(_SCORES, name)
                became = f"{_score(change.before)} → {_score(change.after)}"
                whose = say("you") if party == reader else _NOUNS[party]
                yield say("{score}, {whose}: {change}", score=title, whose=whose, change=became)


def _score(value: float | None) -> str:
    return say("none yet") if value is None else written.percent(value)
