"""The record as a timeline for one reader: who did what, in which words, and which money moved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.durations import parse_duration
from recourse.resolution.model.money import Balances
from recourse.resolution.model.record import ExportedEntry, Reader
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.shown.views import RequestView
from recourse.web.pages.outlook import Row, money_rows
from recourse.wording import texts
from recourse.wording.english import as_words, capital, span, word

_ASKS = texts("request", "asks")
_STATUSES = texts("request_status", "name")
_HOW = texts("how", "past")
_CLOCKS = texts("clock", "past")
_COMMANDS = texts("command", "past")
_OUTCOMES = texts("outcome", "done")
_REFUSED = texts("refusal", "page")


@dataclass(frozen=True)
class Evidence:
    """A file on record. `link` is set where its address is one that a browser may open safely."""

    title: str
    kind: str
    sha256: str
    address: str

    @property
    def link(self) -> str | None:
        """The address, if it leads to a page by TLS; anything else, such as a script, is only ever shown."""
        return self.address if self.address.startswith("https://") else None


@dataclass(frozen=True)
class TimelineEntry:
    """One entry of the record. `quotes` are what somebody wrote, each with a title."""

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


def timeline(entries: Sequence[ExportedEntry], reader: Reader, currency: str) -> list[TimelineEntry]:
    """What the reader may see, oldest first; entries that are hidden from it leave no trace."""
    shown, kind = [], "cancel"
    for entry in entries:
        if entry.content is not None:
            opened = [event for event in entry.content.get("events", ()) if event["event"] == "request_opened"]
            kind = opened[-1]["kind"] if opened else kind
            shown.append(_entry(entry.number, entry.content, reader, _Events(reader, currency, kind)))
    return shown


def offer(entries: Sequence[ExportedEntry], request: RequestView | None, reader: Reader) -> tuple[str, str] | None:
    """What was said with the offer that is to be answered, and a title that names its author; None where nothing was.

    A request shows the words that opened it; who names another amount has words of its own.
    """
    if request is None or request.status != "open":
        return None
    for entry in reversed(entries):
        content = entry.content or {}
        made = [one for one in content.get("events", ()) if one["event"] in ("request_opened", "request_countered")]
        if any(one["version"] == request.version for one in made):
            who = _who(content["actor"]["role"], "", reader)
            said = str(content["fields"].get("comment") or "").strip()
            return (f"{who} {'write' if who == 'You' else 'writes'}", said) if said else None
    return None


def _entry(number: int, content: Mapping[str, Any], reader: Reader, told: "_Events") -> TimelineEntry:
    actor, fields = content.get("actor") or {}, content.get("fields") or {}
    role = str(actor.get("role", "unknown"))
    events = content.get("events", ())
    refused = content["outcome"] == "refused"
    details = [line for event in events for line in told.details(event)]
    if refused:
        details = [word(_REFUSED, content["code"])]
    moved = dict.fromkeys(("client", "freelancer", "platform"), 0)
    for event in events:
        if event["event"] == "money_moved":
            moved = {account: moved[account] + event["sums"][account] for account in moved}
    rows = tuple(row for row in money_rows(Balances(**moved, held=0), reader) if row.amount)
    return TimelineEntry(
        number,
        datetime.fromisoformat(content["at"]),
        _who(role, str(actor.get("id", "")), reader),
        role,
        _headline(content, events, fields),
        tuple(details),
        tuple(_quotes(fields, content.get("private") or {})),
        Evidence(**{key: str(fields[key]) for key in ("title", "kind", "sha256", "address")})
        if content.get("command") == "add_evidence" and not refused
        else None,
        rows,
        refused,
    )


def _who(role: str, given: str, reader: Reader) -> str:
    if role == reader and role in PARTIES:
        return "You"
    if role in ("client", "freelancer"):
        return f"The {role}"
    if role == "operator":
        return f"Operator {given}" if reader == "operator" else "An operator"
    return "By the clock" if role == "system" else "Somebody"


def _headline(content: Mapping[str, Any], events: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> str:
    name = str(content.get("command", ""))
    if content["outcome"] == "refused":
        asked = _asked(fields) if name == "request" else None
        return f"Not done: {(asked or capital(as_words(name))).lower()}"
    if name == "request":
        opened = next((event for event in events if event["event"] == "request_opened"), None)
        if opened is not None and not opened["asks"]:
            return "Canceled the order"
        return _asked(fields)
    actor = content.get("actor") or {}
    if actor.get("role") == "system" and name != "order_again":
        return word(_CLOCKS, name)
    return word(_COMMANDS, name)


def _asked(fields: Mapping[str, Any]) -> str:
    return f"Asked {_ASKS.get(str(fields.get('kind')), 'for something')}"


def _quotes(fields: Mapping[str, Any], private: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, title in (("comment", ""), ("explanation", "Explanation"), ("text", "Review")):
        if str(fields.get(name) or "").strip():
            yield title, str(fields[name])
    if private.get("private_note"):
        yield "For operators only", str(private["private_note"])


@dataclass(frozen=True)
class _Events:
    """`kind` is that of the latest request: counter-offers do not name it."""

    reader: Reader
    currency: str
    kind: str

    def details(self, event: Mapping[str, Any]) -> Iterator[str]:
        """What came of it, in sentences."""
        match event["event"]:
            case "request_opened" | "request_countered" | "settlement_offered" | "proposal_made":
                if event.get("reason"):
                    yield f"Reason: {as_words(event['reason'])}."
                if event.get("extend_by"):
                    yield f"By {span(parse_duration(event['extend_by']))}."
                if event.get("amount") is not None:
                    yield self._amount(event)
            case "request_ended":
                if event["status"] not in ("accepted", "declined", "withdrawn") or event["by"] == "system":
                    yield f"The request {_ASKS[event['kind']]} is {_STATUSES[event['status']]}."
            case "order_canceled":
                yield f"The order is canceled. {_HOW[event['resolution']['how']].format(**event['resolution'])}"
            case "completed":
                yield "The order is completed."
            case "cancellation_undone":
                yield "The order goes on."
            case "case_opened":
                yield "An operator looks at the order."
            case "ruling_needed":
                yield "An operator decides."
            case "ruling_made":
                yield f"{capital(_OUTCOMES[event['outcome']])}."
                if event.get("amount") is not None:
                    yield self._amount(event)
            case "case_closed":
                yield "The case is closed."
            case "part_refunded":
                yield f"The client gets {write_amount(event['amount'], self.currency)} of the price back."
            case "payment_failed":
                yield "The payment provider did not answer; it is tried again by itself."
            case "feedback_left":
                yield f"{capital(as_words(event['visibility']))}, {event['rating']}."
            case "appeal_undecided":
                yield "Nobody decided the appeal in time, so the ruling stands."
            case _:
                return

    def _amount(self, event: Mapping[str, Any]) -> str:
        amount = write_amount(event["amount"], self.currency)
        if event["event"] in ("request_opened", "request_countered") and self.kind == "partial_refund":
            return f"The client is to get {amount} back."
        return f"{amount} for the freelancer, before commission."
