"""The forms of an order, made of what `available_actions` says: each action with its fields and their bounds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from recourse.evidence.kinds import SHOWN_LARGEST
from recourse.resolution.model.order import Order
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.shown.money_words import leg_named
from recourse.resolution.shown.trying import Action
from recourse.resolution.shown.views import payments
from recourse.web.pages.fields import Choice, Field, Typed, comment, money, one_of
from recourse.wording import texts
from recourse.wording.english import as_words, capital, word
from recourse.wording.languages import say, to_say
from recourse.wording.reader import span

_FAULTS = texts("fault", "whose")
_OUTCOMES = texts("outcome", "choice")
_ATTESTATIONS = texts("attestation", "claim")
_VISIBILITIES = texts("visibility", "choice")
_RATINGS = texts("rating", "choice")
_REFUSED = texts("refusal", "page")
_REASONS = texts("reason", "name")

Weight = Literal["answer", "usual", "ending", "quiet"]
_GETS = to_say("What the freelancer gets")
_BEFORE_COMMISSION = to_say("Before the marketplace's commission.")
_BOTH_READ = to_say("Both of you read this.")


@dataclass(frozen=True)
class Form:
    """One thing that a reader can do.

    `key` is its place in addresses; `fixed` are fields of the command that are not asked for; `weight` says how much it
    stands out; `then` is the condition of what the preview shows, if not that it is confirmed. `direct` is sent at
    once, without a preview.
    """

    key: str
    command: str
    title: str
    about: str
    button: str
    fields: tuple[Field, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    weight: Weight = "usual"
    until: datetime | None = None
    version: int | None = None
    then: str = ""
    direct: bool = False

    def empty(self) -> dict[str, list[str]]:
        """What stands in it at first: the version of the offer that it answers, and what is usual."""
        version = {"expected_version": [str(self.version)]} if self.version is not None else {}
        return version | {asked.name: [asked.usual] for asked in self.fields if asked.usual}

    def said(self, typed: Typed) -> list[tuple[str, str]]:
        """What was typed, to be looked over before it is confirmed."""
        said = [(asked.label, asked.said(typed)) for asked in self.fields]
        return [(label, text) for label, text in said if text]

    def read(self, typed: Typed) -> tuple[dict[str, Any], dict[str, str]]:
        """The command's fields as they were typed, and what is wrong with which."""
        read: dict[str, Any] = dict(self.fixed)
        wrong: dict[str, str] = {}
        for asked in self.fields:
            try:
                value = asked.read(typed)
            except ValueError as error:
                wrong[asked.name] = str(error)
                continue
            if value is not None:
                read[asked.name] = value
            elif asked.required:
                wrong[asked.name] = _missing(asked)
        if self.command == "rule" and read.get("outcome") not in ("cancel", "refund"):
            # They say how a cancellation counts, and are shown with every outcome.
            read = {name: value for name, value in read.items() if name not in ("amount", "fault", "exempt")}
        return read, wrong


def _missing(asked: Field) -> str:
    match asked.shape:
        case "one":
            return say("Choose one.")
        case "some":
            return _REFUSED["attestation_missing"]
        case "money":
            return _REFUSED["amount_required"]
        case _:
            return say("Write something here.")


def forms(order: Order, role: Reader, actions: Mapping[str, Action], *, alone: bool, files: bool = False) -> list[Form]:
    """All that `role` can do now, in the order in which it is shown.

    `actions` is what `available_actions` answers; `alone` tells whether the reader may cancel without approval now,
    and `files` whether the marketplace keeps files of evidence.
    """
    found = [
        form
        for name, action in actions.items()
        for form in (_requests(order, role, action, alone) if name == "request" else [_form(order, role, name, action)])
    ]
    found += _always(files) if role in PARTIES else _always_for_operators()
    rank = {key: number for number, key in enumerate(KEYS)}
    return sorted(found, key=lambda form: rank[form.key])


# In the order in which they are shown.
KEYS = (
    *("accept", "counter", "decline", "rule", "propose", "submit-requirements", "deliver", "complete", "ask-revision"),
    *("undo", "settle", "appeal", "escalate", "withdraw", "request-cancel", "request-no-agreement"),
    *("request-extension", "request-update", "request-partial-refund", "request-extra", "give-time", "away", "back"),
    *("retry-payment", "settle-by-hand"),
    *("take-case", "release-case", "open-case", "lift-hold", "hold"),
    *("leave-feedback", "message", "note-to-staff", "note", "add-evidence"),
)


def _form(order: Order, role: Reader, name: str, action: Action) -> Form:
    request, proposal, currency = order.open_request, order.open_proposal, order.terms.currency
    until, key = action.until, name.replace("_", "-")
    version = request.version if request else proposal.version if proposal else None
    gets = money("amount", say(_GETS), action.amount, currency, hint=say(_BEFORE_COMMISSION), required=True)

    # While an answer is needed, nothing else stands out.
    work: Weight = "usual" if request or proposal else "answer"

    def form(title: str, about: str, button: str, *fields: Field, weight: Weight = "usual", **more: Any) -> Form:
        return Form(key, name, title, about, button, fields, weight=weight, until=until, **more)

    match name:
        case "accept":
            if proposal and not request:
                about = say("You agree to what the operator proposes. It is so once the other side agrees too.")
                return form(say("Accept the proposal"), about, say("Accept"), weight="answer", version=version)
            kind = request.kind if request else "cancel"
            said = comment(say("Your update"), required=True) if kind == "update" else comment(hint=say(_BOTH_READ))
            title = say("Answer with an update") if kind == "update" else say("Accept")
            about = (
                say("You say how the order is coming along.")
                if kind == "update"
                else say("You agree to what is asked.")
            )
            button = say("Send the update") if kind == "update" else say("Accept")
            return form(title, about, button, said, weight="answer", version=version)
        case "decline":
            about = say("You do not agree to what is asked.")
            if proposal and not request:
                about = say("You do not agree to what the operator proposes; the operator then decides.")
            return form(
                say("Decline"), about, say("Decline"), comment(hint=say(_BOTH_READ)), weight="answer", version=version
            )
        case "counter":
            label = say("What the client gets back") if request and request.kind == "partial_refund" else say(_GETS)
            hint = "" if label != say(_GETS) else say(_BEFORE_COMMISSION)
            amount = money("amount", label, action.amount, currency, required=True, hint=hint)
            about = say("You name another amount; the other side answers it.")
            said = comment(hint=say(_BOTH_READ))
            return form(
                say("Offer another amount"), about, say("Offer it"), amount, said, weight="answer", version=version
            )
        case "withdraw":
            title = say("Take the request back") if request else say("Take the case back")
            return form(title, say("It is closed as if it had not been."), say("Take it back"), weight="quiet")
        case "settle":
            about = say(
                "You say at which amount you would end the order. Where the other side's amount meets it, it ends so."
            )
            return form(say("Offer to settle"), about, say("Offer it"), gets)
        case "undo":
            about = say("The order goes on where it was canceled.")
            return form(say("Undo the cancellation"), about, say("Undo it"), comment(hint=say(_BOTH_READ)))
        case "escalate":
            about = say("An operator of the marketplace looks at the order and decides.")
            said = (
                comment(say("What is wrong"), required=True, hint=say(_BOTH_READ))
                if order.closed
                else comment(hint=say(_BOTH_READ))
            )
            return form(say("Take it to an operator"), about, say("Take it to an operator"), said)
        case "appeal":
            said = comment(
                say("Why it should be decided again"), required=True, hint=say("What is new? Both of you read this.")
            )
            return form(say("Appeal"), say("Another operator decides again, once."), say("Appeal"), said)
        case "submit_requirements":
            about = say("You hand in what the freelancer needs. The delivery time starts.")
            return form(
                say("Hand in the requirements"), about, say("Hand them in"), comment(hint=say(_BOTH_READ)), weight=work
            )
        case "deliver":
            about = say("You say that the work is done and handed over.")
            return form(say("Deliver"), about, say("Deliver"), comment(hint=say(_BOTH_READ)), weight=work)
        case "complete":
            about = say("You accept the delivery, and the freelancer is paid.")
            return form(
                say("Complete the order"), about, say("Complete it"), comment(hint=say(_BOTH_READ)), weight=work
            )
        case "ask_revision":
            about = say("You send the delivery back with what is still to be done.")
            return form(say("Ask for a revision"), about, say("Ask for it"), comment(hint=say(_BOTH_READ)), weight=work)
        case "propose":
            why = comment(say("Explanation"), required=True, name="explanation", hint=say("Both parties read this."))
            about = say("Both parties are asked. If both accept, the order ends so.")
            return form(say("Propose how to end it"), about, say("Propose it"), gets, why, weight="answer")
        case "rule":
            return form(say("Rule"), say("You decide the case."), say("Rule"), *_ruling(order, action), weight="answer")
        case "retry_payment":
            about = say("The payment provider is asked again for a payment that is blocked or came back.")
            return form(
                say("Make a payment again"),
                about,
                say("Make it again"),
                _leg(order, action),
                weight="answer",
                then=say("As soon as the provider pays"),
            )
        case "settle_by_hand":
            why = comment(say("Explanation"), required=True, name="explanation", hint=say("Only operators read this."))
            reference = Field(
                "reference", say("Reference"), "line", required=True, hint=say("Only operators read this.")
            )
            about = say("You say that a payment that is blocked or came back was made outside of the payment provider.")
            return form(say("Note a payment by hand"), about, say("Note it"), _leg(order, action), reference, why)
        case "give_time":
            at_most = say("At most {time}.", time=span(action.give.at_most)) if action.give else ""
            length = Field("by", say("How much more time"), "length", at_most, required=True)
            return form(say("Give more time"), say("The other side gets more time to answer."), say("Give it"), length)
        case "away":
            hint = say("Day and time in UTC, such as 2027-01-04 09:00.")
            when = Field("until", say("Until when you are away"), "instant", hint, required=True)
            about = say("Your own time to answer stands still until then. You are back as soon as you do anything.")
            return form(say("Say that you are away"), about, say("Say it"), when, weight="quiet")
        case "back":
            return form(say("Say that you are back"), say("Your time to answer runs again."), say("I am back"))
        case "open_case":
            why = comment(say("Explanation"), required=True, name="explanation", hint=say("Both parties read this."))
            about = say(
                "An operator looks at the order, though no party has asked for it. This is possible once per order."
            )
            if order.closed:
                about = say(
                    "An operator looks at the order, though no party has asked for it. "
                    "This is possible once after completion."
                )
            return form(say("Open a case"), about, say("Open it"), why, weight="quiet")
        case "hold":
            why = comment(say("Explanation"), required=True, name="explanation", hint=say("Only operators read this."))
            about = say(
                "No time runs out and no money moves until the hold ends. Both parties are told, without the reasons."
            )
            return form(say("Hold the order"), about, say("Hold it"), why, weight="quiet")
        case "lift_hold":
            return form(say("End the hold"), say("The order goes on with the time that was left."), say("End it"))
        case "take_case":
            taken = order.open_case is not None and order.open_case.handled
            over = Field("over", say("Take it over from the operator that has it"), "yes")
            about = say("You work on this case. The parties learn that somebody does, not who.")
            return form(say("Take the case"), about, say("Take it"), *((over,) if taken else ()))
        case "release_case":
            return form(
                say("Give the case back"), say("Another operator can take it."), say("Give it back"), weight="quiet"
            )
        case "leave_feedback":
            shown = {one: _VISIBILITIES[one] for one in action.visibility or ()}
            rated = {one: _RATINGS[one] for one in action.rating or ()}
            asked = (
                one_of("visibility", say("Who can read it"), shown, required=True),
                one_of("rating", say("Rating"), rated, required=True),
                comment(say("Review"), name="text"),
            )
            return form(say("Leave a review"), say("You say how it was."), say("Leave it"), *asked, weight="quiet")
        case _:
            return form(capital(as_words(name)), action.about, capital(as_words(name)))


def _leg(order: Order, action: Action) -> Field:
    known = {leg.leg: leg_named(leg, order.terms.currency) for leg in payments(order, "operator")}
    stuck = {leg: known[leg] for leg in action.legs or ()}
    return one_of("leg", say("Payment"), stuck, required=True, usual=next(iter(stuck)) if len(stuck) == 1 else "")


def _ruling(order: Order, action: Action) -> Iterator[Field]:
    outcomes = action.outcomes or ()
    yield one_of("outcome", say("Decision"), {one: _OUTCOMES[one] for one in outcomes}, required=True)
    if "cancel" in outcomes:
        hint = say("If the order is canceled. Before the marketplace's commission.")
        yield money("amount", say(_GETS), action.amount, order.terms.currency, hint=hint)
        yield one_of(
            "fault",
            say("Whose fault a cancellation is"),
            _FAULTS,
            hint=say("If the order is canceled."),
            usual="none",
        )
        yield Field("exempt", say("Leave a cancellation out of the scores"), "yes")
    if "refund" in outcomes:
        hint = say("If a part goes back. The service fee goes back with it in proportion.")
        yield money("amount", say("What of the price goes back"), action.amount, order.terms.currency, hint=hint)
    yield comment(say("Explanation"), required=True, name="explanation", hint=say("Both parties read this."))


def _requests(order: Order, role: Reader, action: Action, alone: bool) -> Iterator[Form]:
    currency = order.terms.currency
    for kind in action.kinds or ():
        match kind:
            case "cancel":
                yield from _cancellations(order, role, action, alone)
            case "extension":
                at_most = say("At most {time}.", time=span(action.extend_by.at_most)) if action.extend_by else ""
                length = Field("extend_by", say("How much longer"), "length", at_most, required=True)
                about = say("You ask the client to move the due date.")
                yield _request(
                    kind, say("Ask for more time"), about, say("Ask for it"), length, comment(hint=say(_BOTH_READ))
                )
            case "update":
                about = say("You ask the freelancer how the order is coming along.")
                yield _request(kind, say("Ask for an update"), about, say("Ask for it"), comment(hint=say(_BOTH_READ)))
            case "extra":
                cost = money("amount", say("What it costs"), action.extra, currency, required=True)
                length = Field("extend_by", say("How much longer the order takes"), "length")
                what = comment(say("What it is"), hint=say(_BOTH_READ))
                about = say(
                    "You offer more work at more cost. If the client accepts, it pays the cost and its service fee."
                )
                yield _request(kind, say("Offer an extra"), about, say("Offer it"), cost, length, what)
            case _:
                amount = money("amount", say("What the client gets back"), action.refund, currency, required=True)
                about = say("The client gets a part of the price back, and the order goes on.")
                title = say("Offer a partial refund") if role == "freelancer" else say("Ask for a part back")
                button = say("Offer it") if role == "freelancer" else say("Ask for it")
                yield _request(kind, title, about, button, amount, comment(hint=say(_BOTH_READ)))


def _cancellations(order: Order, role: Reader, action: Action, alone: bool) -> Iterator[Form]:
    rules = order.policy.requests.cancel
    reasons = {code: word(_REASONS, code) for code in action.reasons or ()}
    needed = role in rules.reason_from
    asked: list[Field] = [one_of("reason", say("Reason"), reasons, required=needed)] if reasons else []
    asked.append(comment(say("Explanation"), required=role in rules.explanation_from, hint=say(_BOTH_READ)))
    if action.amount:
        amount = money(
            "amount", say(_GETS), action.amount, order.terms.currency, required=True, hint=say(_BEFORE_COMMISSION)
        )
        asked.append(amount)
    if alone:
        approval = {"if_needed": say("Cancel it now, without approval"), "ask": say("Ask the other side first")}
        asked.append(one_of("approval", say("You may cancel this order alone"), approval, usual="if_needed"))
    title, about = say("Ask to cancel"), say("You ask the other side to end the order.")
    if alone:
        title, about = say("Cancel the order"), say("You may end the order without the other side's approval.")
    confirmed = _confirmed(action.attestations or ())
    yield _request("cancel", title, about, title, *asked, *confirmed, _note(), weight="ending")
    if action.no_agreement_attestations is not None:
        confirmed = _confirmed(action.no_agreement_attestations)
        kept = [one for one in asked if one.name not in ("amount", "approval")]
        yield Form(
            "request-no-agreement",
            "request",
            say("Cancel without an agreement"),
            say("You do not agree with each other: an operator decides."),
            say("Take it to an operator"),
            (*kept, *confirmed, _note()),
            {"kind": "cancel", "no_agreement": True},
            "ending",
        )


def _note() -> Field:
    return Field(
        "private_note", say("Note for operators"), "text", say("Only the marketplace's operators ever read this.")
    )


def _confirmed(names: Iterable[str]) -> tuple[Field, ...]:
    said = tuple(Choice(name, word(_ATTESTATIONS, name)) for name in names)
    return (Field("attestations", say("Please confirm"), "some", required=True, choices=said),) if said else ()


def _request(kind: str, title: str, about: str, button: str, *fields: Field, weight: Weight = "usual") -> Form:
    key = f"request-{kind.replace('_', '-')}"
    return Form(key, "request", title, about, button, fields, {"kind": kind}, weight)


def _always(files: bool) -> Iterator[Form]:
    said: tuple[Field, ...] = (comment(say("Message"), required=not files),)
    title, about = say("Write a message"), say("The other side and the operators read it.")
    if files:
        title = say("Write a message, or add files")
        taken = say("Pictures, documents, texts, recordings or archives, {most} each.", most=SHOWN_LARGEST)
        taken += " " + say("They are kept as evidence.")
        said += (Field("files", say("Files"), "files", taken),)
    yield Form("message", "message", title, about, say("Send it"), said, weight="quiet", direct=True)
    note = comment(
        say("Note"), required=True, name="text", hint=say("Only the marketplace's operators ever read this.")
    )
    about = say("The other side does not learn of it.")
    yield Form(
        "note-to-staff", "note_to_staff", say("Write to the operators"), about, say("Send it"), (note,), weight="quiet"
    )
    if files:
        return
    address = say("Where it can be read, such as https://files.example/7")
    yield Form(
        "add-evidence",
        "add_evidence",
        say("Add evidence"),
        say("A file that is kept elsewhere goes on record by its fingerprint, so that nobody can exchange it later."),
        say("Add it"),
        (
            Field("title", say("Title"), "line", required=True),
            Field("kind", say("Kind"), "line", say("Such as file, screenshot, chat or contract."), required=True),
            Field("address", say("Address of the file"), "line", address, required=True),
            Field(
                "sha256", say("SHA-256 of the file"), "line", say("64 letters and digits, as `sha256sum` writes."), True
            ),
        ),
        weight="quiet",
    )


def _always_for_operators() -> Iterator[Form]:
    note = comment(say("Note"), required=True, name="text", hint=say("Only operators ever read this."))
    yield Form(
        "note", "note", say("Write a note"), say("It is kept with the order."), say("Keep it"), (note,), weight="quiet"
    )
