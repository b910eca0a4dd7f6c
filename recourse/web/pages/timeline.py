"""The record as a timeline for one reader: who did what, in which words, and which money moved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from recourse.database.files import EvidenceFile
from recourse.resolution.model.case_events import (
    AppealUndecided,
    CaseClosed,
    CaseOpened,
    ProposalMade,
    RulingMade,
    RulingNeeded,
    SettlementOffered,
)
from recourse.resolution.model.command import Actor
from recourse.resolution.model.entry import (
    WORDS_FOR_OPERATORS,
    AppliedEntry,
    ClockFired,
    EntryContent,
    OtherEvent,
    RefusedEntry,
)
from recourse.resolution.model.events import (
    CancellationUndone,
    Completed,
    Event,
    FeedbackLeft,
    OrderCanceled,
    PartRefunded,
    RequestCountered,
    RequestEnded,
    RequestOpened,
)
from recourse.resolution.model.fields import visible
from recourse.resolution.model.money import Balances
from recourse.resolution.model.opening_state import Imported, OpeningState
from recourse.resolution.model.order import Resolution
from recourse.resolution.model.payment_events import (
    ChargebackClosed,
    ChargebackOpened,
    DebtRecorded,
    LegBlocked,
    LegLowered,
    LegPaid,
    LegRetried,
    LegReturned,
    LegsFailed,
    LossBorne,
    MoneyMoved,
    PaidBeyond,
    PaymentFailed,
    PaymentMade,
)
from recourse.resolution.model.payments import Sums
from recourse.resolution.model.record import ExportedEntry, Reader
from recourse.resolution.model.vocabulary import Party, RequestKind
from recourse.resolution.shown.money_words import payee
from recourse.resolution.shown.views import RequestView
from recourse.web.files import id_in_address
from recourse.web.pages.outlook import Row, money_rows
from recourse.wording import texts
from recourse.wording.english import PHASES, as_words, capital, lowered, word
from recourse.wording.languages import say
from recourse.wording.reader import amount as written
from recourse.wording.reader import span

_ASKS = texts("request", "asks")
_STATUSES = texts("request_status", "name")
_HOW = texts("how", "past")
_CLOCKS = texts("clock", "past")
_COMMANDS = texts("command", "past")
_REPORTED = texts("payment_event", "past")
_OUTCOMES = texts("outcome", "done")
_REFUSED = texts("refusal", "page")
_NOUNS, _REASONS = texts("role", "noun"), texts("reason", "name")
_VISIBILITIES, _RATINGS = texts("visibility", "word"), texts("rating", "word")
_WORTH_A_WORD = timedelta(minutes=1)


@dataclass(frozen=True)
class Evidence:
    """A file on record. `link` is set where its address is one that a browser may open safely.

    `file` is the one in our store that it names, by address and hash.
    """

    title: str
    kind: str
    sha256: str
    address: str
    file: EvidenceFile | None = None

    @property
    def link(self) -> str | None:
        """The address, if it leads to a page by TLS; anything else, such as a script, is only ever shown."""
        return self.address if self.host else None

    @property
    def host(self) -> str | None:
        """The machine that a browser asks for it; the address may name another one before an `@`."""
        if not self.address.startswith("https://") or visible(self.address) != self.address:
            return None
        try:
            # Browsers take a backslash for a slash.
            return urlsplit(self.address.replace("\\", "/")).hostname
        except ValueError:
            return None


@dataclass(frozen=True)
class TimelineEntry:
    """One entry of the record. `quotes` are what somebody wrote, each with a title; `counted_at` is when it counted, if
    that was well before it was decided."""

    number: int
    at: datetime
    who: str
    party: str
    headline: str
    details: tuple[str, ...] = ()
    quotes: tuple[tuple[str, str], ...] = ()
    evidence: Evidence | None = None
    money: tuple[Row, ...] = ()
    refused: bool = False
    counted_at: datetime | None = None


def timeline(
    entries: Sequence[ExportedEntry], reader: Reader, currency: str, files: Sequence[EvidenceFile] = ()
) -> list[TimelineEntry]:
    """What the reader may see, oldest first; entries that are hidden from it leave no trace.

    `files` are those that the reader may open.
    """
    shown: list[TimelineEntry] = []
    kind: RequestKind = "cancel"
    for entry in entries:
        content = entry.parsed
        if content is not None:
            opened = [event for event in _events(content) if isinstance(event, RequestOpened)]
            kind = opened[-1].kind if opened else kind
            shown.append(_entry(entry.number, content, reader, _Details(reader, currency, kind), files))
    return shown


def _events(content: EntryContent) -> Sequence[Event | OtherEvent]:
    return () if isinstance(content, RefusedEntry) else content.events


def offer(entries: Sequence[ExportedEntry], request: RequestView | None, reader: Reader) -> tuple[str, str] | None:
    """What was said with the offer that is to be answered, and a title that names its author; None where nothing was.

    A request shows the words that opened it; who names another amount has words of its own.
    """
    if request is None or request.status != "open":
        return None
    for entry in reversed(entries):
        if made := puts_offer(entry, request.version):
            title = say("The client writes") if made.by == "client" else say("The freelancer writes")
            said = (made.comment or "").strip()
            return (say("You write") if made.by == reader else title, said) if said else None
    return None


def puts_offer(entry: ExportedEntry, version: int) -> RequestOpened | RequestCountered | None:
    """What of this entry put the offer of this version on the table."""
    events = _events(entry.parsed) if entry.parsed else ()
    made = (one for one in events if isinstance(one, RequestOpened | RequestCountered))
    return next((one for one in made if one.version == version), None)


def _entry(
    number: int, content: EntryContent, reader: Reader, details: "_Details", files: Sequence[EvidenceFile]
) -> TimelineEntry:
    fields, events = content.fields, _events(content)
    refused = isinstance(content, RefusedEntry)
    moved = Sums()
    for event in events:
        if isinstance(event, MoneyMoved):
            moved = moved.plus(event.sums)
        elif isinstance(event, LegPaid):
            moved = moved.plus_paid(event.leg, event.amount)
    return TimelineEntry(
        number,
        content.at,
        _who(content.actor, reader),
        content.actor.role if content.actor else "unknown",
        _headline(content),
        (word(_REFUSED, content.code),)
        if isinstance(content, RefusedEntry)
        else tuple(line for event in events for line in details.of(event)),
        tuple(_quotes(_fields(content), content.private or {})),
        _evidence(fields, files) if content.command == "add_evidence" and not refused else None,
        tuple(row for row in money_rows(Balances.of(moved, 0), reader) if row.amount),
        refused,
        # Seconds of waiting say nothing to a person.
        content.counted_at if content.counted_at and content.at - content.counted_at >= _WORTH_A_WORD else None,
    )


def _evidence(fields: Mapping[str, Any], files: Sequence[EvidenceFile]) -> Evidence:
    said = {key: str(fields[key]) for key in ("title", "kind", "sha256", "address")}
    named = (id_in_address(said["address"]), said["sha256"])
    return Evidence(**said, file=next((one for one in files if (one.file_id, one.sha256) == named), None))


def _who(actor: Actor | None, reader: Reader) -> str:
    match actor.role if actor else None:
        case "client" | "freelancer" as party:
            return _side(party, reader)
        case "operator":
            return say("Operator {id}", id=actor.id) if actor and reader == "operator" else say("An operator")
        case "system":
            return say("By the clock") if actor and actor.id == "clock" else say("The marketplace")
        case None:
            return say("Somebody")


def _side(party: Party, reader: Reader) -> str:
    return say("You") if party == reader else say("The client") if party == "client" else say("The freelancer")


def _headline(content: EntryContent) -> str:
    kind = _ASKS.get(str(content.fields.get("kind")), say("for something"))
    match content:
        case RefusedEntry() if content.command == "request":
            return (
                say("Refused: tried {asks}", asks=kind)
                if kind.startswith("to ")
                else say("Refused: tried to ask {asks}", asks=kind)
            )
        case RefusedEntry():
            return say("Refused: tried to {command}", command=as_words(content.command))
        case ClockFired():
            return word(_CLOCKS, content.command)
        case AppliedEntry() if content.command == "payment_event":
            return word(_REPORTED, content.fields.get("outcome") or content.fields.get("event"))
        case AppliedEntry() if content.command == "request":
            alone = any(isinstance(event, RequestOpened) and not event.asks for event in content.events)
            return say("Canceled the order") if alone else say("Asked {asks}", asks=kind)
        case AppliedEntry():
            return word(_COMMANDS, content.command)


def _how(resolution: Resolution) -> str:
    return _HOW[resolution.how].format(initiator=_NOUNS[resolution.initiator])


def _fields(content: EntryContent) -> Mapping[str, Any]:
    """What somebody said; an order that began elsewhere came with the words of its request."""
    brought = next((event.state.request for event in _events(content) if isinstance(event, Imported)), None)
    return {"comment": brought.comment} if brought else content.fields


def _quotes(fields: Mapping[str, Any], private: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, title in (("comment", ""), ("explanation", say("Explanation")), ("text", say("Review"))):
        if str(fields.get(name) or "").strip():
            yield title, str(fields[name])
    for name in WORDS_FOR_OPERATORS:
        if private.get(name):
            yield say("For operators only"), str(private[name])
    if private.get("reference"):
        yield say("Reference"), str(private["reference"])


@dataclass(frozen=True)
class _Details:
    """`kind` is that of the latest request: counter-offers do not name it."""

    reader: Reader
    currency: str
    kind: RequestKind

    def of(self, event: Event | OtherEvent) -> Iterator[str]:
        """What came of it, in sentences."""
        match event:
            case Imported():
                yield from self._imported(event.state)
            case RequestOpened():
                if event.reason:
                    yield say("Reason: {reason}.", reason=lowered(word(_REASONS, event.reason)))
                if event.extend_by:
                    yield say("By {time}.", time=span(event.extend_by))
                yield from self._offer(event.amount)
            case RequestCountered():
                yield from self._offer(event.amount)
            case SettlementOffered() | ProposalMade():
                yield from self._gross(event.amount)
            case RequestEnded():
                if event.status not in ("accepted", "declined", "withdrawn") or event.by == "system":
                    yield say("The request {asks} is {status}.", asks=_ASKS[event.kind], status=_STATUSES[event.status])
            case OrderCanceled():
                yield f"{say('The order is canceled.')} {_how(event.resolution)}"
            case Completed():
                yield say("The order is completed.")
            case CancellationUndone():
                yield say("The order goes on.")
            case CaseOpened():
                yield say("An operator looks at the order.")
            case RulingNeeded():
                yield say("An operator decides.")
            case RulingMade():
                yield f"{capital(_OUTCOMES[event.outcome])}."
                if event.outcome == "cancel":
                    yield from self._gross(event.amount)
            case CaseClosed():
                yield say("The case is closed.")
            case PartRefunded():
                yield say("The client gets {amount} of the price back.", amount=written(event.amount, self.currency))
            case PaymentFailed() | LegsFailed():
                yield say("The payment provider did not answer; it is tried again by itself.")
            case PaymentMade():
                given = written(-event.sums.given.total, self.currency)
                asked = say("The payment provider is asked to pay {amount}.")
                if event.sums.given.total:
                    asked = say("The payment provider is asked to pay {amount}; the marketplace gives {given} of it.")
                yield asked.format(amount=written(event.sums.paid, self.currency), given=given)
            case LegLowered():
                left = texts("payee", "left") if event.amount else texts("payee", "nothing_left")
                yield left[payee(event.leg)].format(amount=written(event.amount, self.currency))
            case LegPaid() if event.by_hand:
                yield self._paid(event, texts("payee", "by_hand"))
            case LegReturned():
                yield self._paid(event, texts("payee", "returned"))
            case LegRetried():
                yield texts("payee", "retried")[payee(event.leg)]
            case PaidBeyond():
                keeps = say("The freelancer keeps what it had been paid already.")
                yield say("The client keeps what it had been paid already.") if event.party == "client" else keeps
            case ChargebackOpened():
                yield say(
                    "The client's bank has taken {amount} until it decides.",
                    amount=written(event.amount, self.currency),
                )
            case ChargebackClosed() if event.outcome == "won":
                yield say("The bank has given the money back.")
            case ChargebackClosed():
                yield say("The client has the money for good.")
            case LossBorne():
                lost = written(event.amount, self.currency)
                less = written(event.from_payouts, self.currency)
                borne = say("{lost} of it was not the client's any more; the marketplace bears that.")
                if event.from_payouts:
                    borne = say(
                        "{lost} of it was not the client's any more; "
                        "the marketplace bears that, but for {lowered} of the freelancer's payouts."
                    )
                yield borne.format(lost=lost, lowered=less)
            case DebtRecorded() if self.reader != "client":
                owed = self.reader == "freelancer"
                yield (
                    say("You owe the marketplace for it.")
                    if owed
                    else say("The freelancer owes the marketplace for it.")
                )
            case LegBlocked():
                yield self._paid(event, texts("payee", "blocked"))
            case FeedbackLeft():
                yield say(
                    "{visibility}, {rating}.",
                    visibility=capital(_VISIBILITIES[event.visibility]),
                    rating=_RATINGS[event.rating],
                )
            case AppealUndecided():
                yield say("Nobody decided the appeal in time, so the ruling stands.")
            case _:
                return

    def _paid(self, event: LegPaid | LegBlocked | LegReturned, said: Mapping[str, str]) -> str:
        return said[payee(event.leg)].format(amount=written(event.amount, self.currency))

    def _imported(self, state: OpeningState) -> Iterator[str]:
        yield say("It began elsewhere. When it came here, it was {phase}.", phase=PHASES[state.phase])
        if state.request:
            asks = (
                say("The client asks {asks}.") if state.request.by == "client" else say("The freelancer asks {asks}.")
            )
            yield asks.format(asks=_ASKS[state.request.kind])

    def _offer(self, amount: int | None) -> Iterator[str]:
        if amount is not None and self.kind == "partial_refund":
            yield say("The client is to get {amount} back.", amount=written(amount, self.currency))
        else:
            yield from self._gross(amount)

    def _gross(self, amount: int | None) -> Iterator[str]:
        if amount is not None:
            yield say("{amount} for the freelancer, before commission.", amount=written(amount, self.currency))
