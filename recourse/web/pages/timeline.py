"""The record as a timeline for one reader: who did what, in which words, and which money moved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from recourse.database.files import EvidenceFile
from recourse.resolution.model.amounts import write_amount
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
from recourse.resolution.shown.money_words import paid_to
from recourse.resolution.shown.views import RequestView
from recourse.web.files import id_in_address
from recourse.web.pages.outlook import Row, money_rows
from recourse.wording import texts
from recourse.wording.english import PHASES, as_words, capital, span, word

_ASKS = texts("request", "asks")
_STATUSES = texts("request_status", "name")
_HOW = texts("how", "past")
_CLOCKS = texts("clock", "past")
_COMMANDS = texts("command", "past")
_REPORTED = texts("payment_event", "past")
_OUTCOMES = texts("outcome", "done")
_REFUSED = texts("refusal", "page")
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
            who = _side(made.by, reader)
            said = (made.comment or "").strip()
            return (f"{who} {'write' if who == 'You' else 'writes'}", said) if said else None
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
            return f"Operator {actor.id}" if actor and reader == "operator" else "An operator"
        case "system":
            return "By the clock" if actor and actor.id == "clock" else "The marketplace"
        case None:
            return "Somebody"


def _side(party: Party, reader: Reader) -> str:
    return "You" if party == reader else f"The {party}"


def _headline(content: EntryContent) -> str:
    kind = _ASKS.get(str(content.fields.get("kind")), "for something")
    match content:
        case RefusedEntry() if content.command == "request":
            return f"Refused: tried {kind}" if kind.startswith("to ") else f"Refused: tried to ask {kind}"
        case RefusedEntry():
            return f"Refused: tried to {as_words(content.command)}"
        case ClockFired():
            return word(_CLOCKS, content.command)
        case AppliedEntry() if content.command == "payment_event":
            return word(_REPORTED, content.fields.get("outcome") or content.fields.get("event"))
        case AppliedEntry() if content.command == "request":
            alone = any(isinstance(event, RequestOpened) and not event.asks for event in content.events)
            return "Canceled the order" if alone else f"Asked {kind}"
        case AppliedEntry():
            return word(_COMMANDS, content.command)


def _fields(content: EntryContent) -> Mapping[str, Any]:
    """What somebody said; an order that began elsewhere came with the words of its request."""
    brought = next((event.state.request for event in _events(content) if isinstance(event, Imported)), None)
    return {"comment": brought.comment} if brought else content.fields


def _quotes(fields: Mapping[str, Any], private: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, title in (("comment", ""), ("explanation", "Explanation"), ("text", "Review")):
        if str(fields.get(name) or "").strip():
            yield title, str(fields[name])
    for name in WORDS_FOR_OPERATORS:
        if private.get(name):
            yield "For operators only", str(private[name])
    if private.get("reference"):
        yield "Reference", str(private["reference"])


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
                    yield f"Reason: {as_words(event.reason)}."
                if event.extend_by:
                    yield f"By {span(event.extend_by)}."
                yield from self._offer(event.amount)
            case RequestCountered():
                yield from self._offer(event.amount)
            case SettlementOffered() | ProposalMade():
                yield from self._gross(event.amount)
            case RequestEnded():
                if event.status not in ("accepted", "declined", "withdrawn") or event.by == "system":
                    yield f"The request {_ASKS[event.kind]} is {_STATUSES[event.status]}."
            case OrderCanceled():
                yield f"The order is canceled. {_HOW[event.resolution.how].format(**dict(event.resolution))}"
            case Completed():
                yield "The order is completed."
            case CancellationUndone():
                yield "The order goes on."
            case CaseOpened():
                yield "An operator looks at the order."
            case RulingNeeded():
                yield "An operator decides."
            case RulingMade():
                yield f"{capital(_OUTCOMES[event.outcome])}."
                if event.outcome == "cancel":
                    yield from self._gross(event.amount)
            case CaseClosed():
                yield "The case is closed."
            case PartRefunded():
                yield f"The client gets {write_amount(event.amount, self.currency)} of the price back."
            case PaymentFailed() | LegsFailed():
                yield "The payment provider did not answer; it is tried again by itself."
            case PaymentMade():
                given = write_amount(-event.sums.given.total, self.currency)
                own = f"; the marketplace gives {given} of it" if event.sums.given.total else ""
                yield f"The payment provider is asked to pay {write_amount(event.sums.paid, self.currency)}{own}."
            case LegLowered():
                left = f"{write_amount(event.amount, self.currency)} is" if event.amount else "nothing is"
                yield f"Of the payment to {paid_to(event.leg)}, {left} left to pay."
            case LegPaid() if event.by_hand:
                yield f"{self._paid(event)} was paid outside of the payment provider."
            case LegReturned():
                yield f"{self._paid(event)} came back from the bank."
            case LegRetried():
                yield f"The payment to {paid_to(event.leg)} is tried again."
            case PaidBeyond():
                yield f"The {event.party} keeps what it had been paid already."
            case ChargebackOpened():
                yield f"The client's bank has taken {write_amount(event.amount, self.currency)} until it decides."
            case ChargebackClosed() if event.outcome == "won":
                yield "The bank has given the money back."
            case ChargebackClosed():
                yield "The client has the money for good."
            case LossBorne():
                lost = write_amount(event.amount, self.currency)
                lowered = write_amount(event.from_payouts, self.currency)
                less = f", but for {lowered} of the freelancer's payouts" if event.from_payouts else ""
                yield f"{lost} of it was not the client's any more; the marketplace bears that{less}."
            case DebtRecorded() if self.reader != "client":
                owes = "You owe" if self.reader == "freelancer" else "The freelancer owes"
                yield f"{owes} the marketplace for it."
            case LegBlocked():
                yield f"The payment provider cannot pay {self._paid(event)}."
            case FeedbackLeft():
                yield f"{capital(as_words(event.visibility))}, {event.rating}."
            case AppealUndecided():
                yield "Nobody decided the appeal in time, so the ruling stands."
            case _:
                return

    def _paid(self, event: LegPaid | LegBlocked | LegReturned) -> str:
        return f"{write_amount(event.amount, self.currency)} to {paid_to(event.leg)}"

    def _imported(self, state: OpeningState) -> Iterator[str]:
        yield f"It began elsewhere. When it came here, it was {PHASES[state.phase]}."
        if state.request:
            yield f"The {state.request.by} asks {_ASKS[state.request.kind]}."

    def _offer(self, amount: int | None) -> Iterator[str]:
        if amount is not None and self.kind == "partial_refund":
            yield f"The client is to get {write_amount(amount, self.currency)} back."
        else:
            yield from self._gross(amount)

    def _gross(self, amount: int | None) -> Iterator[str]:
        if amount is not None:
            yield f"{write_amount(amount, self.currency)} for the freelancer, before commission."
