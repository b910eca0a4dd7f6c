"""What people see of an order on a terminal: its page, what can be done, what a command leads to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recourse.cli.lists import Listed
from recourse.cli.refusing import explain
from recourse.cli.tables import Listing, pairs
from recourse.database.erasing import Erased
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.money import Balances
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.model.record import Reader
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.vocabulary import PARTIES
from recourse.resolution.shown.looking_ahead import Actions, Ahead, Outlook, WouldBeRefused
from recourse.resolution.shown.money_words import leg_named, leg_said, money_said
from recourse.resolution.shown.trying import Bounds
from recourse.resolution.shown.views import OrderView, RequestView
from recourse.wording import texts
from recourse.wording.english import PHASES, as_words, listed

_SILENCE = texts("silence", "short")


def starting(terms: Terms) -> str:
    """What an order is about to start with."""
    price, fee = (write_amount(minor, terms.currency) for minor in (terms.price, terms.service_fee))
    return f"Starting order {terms.order_id}: price {price}, service fee {fee}."


def has_started(policy: str) -> str:
    """That an order has started, under the policy of this name."""
    return f"It has started under policy {policy}."


def announced(command: str, order_id: str, amount: str) -> str:
    """What a command with an amount is about to say; `amount` is in words what it gives to whom."""
    return f"{as_words(command).capitalize()} for order {order_id}: {amount}."


def order_page(order: Order, page: OrderView, zone: str, reader: Reader = "operator") -> RenderableType:
    """The page of one order as `reader` sees it; `zone` is the reader's time zone."""
    currency, turn, case, ended = page.currency, page.turn, page.case, page.resolution
    lines = [
        ("order", f"{page.order_id} · {write_amount(page.price, currency)} · {page.policy}"),
        *_called(page),
        *([("group", page.group + (f", part {page.part}" if page.part else ""))] if page.group else []),
        ("phase", f"{PHASES[page.phase]}, {as_words(page.lateness)}"),
        ("due", write_instant(page.due_at, zone)),
        ("turn", as_words(turn.who) + (f" until {write_instant(turn.until, zone)}" if turn.until else "")),
    ]
    if page.hold:
        lines.append(("hold", f"until {write_instant(page.hold.until, zone)}; no time runs out meanwhile"))
    if page.completes_at:
        lines.append(("completes", f"by itself at {write_instant(page.completes_at, zone)}"))
    if page.request:
        lines.append(("request", _request(page.request, currency, zone)))
    if case:
        lines.append(("case", f"{case.stage}, opened by {case.opened_by}"))
    if ended:
        lines.append(("ended", f"{as_words(ended.how)}, started by {ended.initiator}, fault {ended.fault}"))
    lines.append(("settlement", _settlement(page, zone)))
    lines += _money(order, page, zone, reader)
    return Group(pairs(lines), money_lines(page.money, currency, page.price + page.service_fee))


def _money(order: Order, page: OrderView, zone: str, reader: Reader) -> Iterator[tuple[str, str]]:
    """What there is to say of the money, and each payment that the reader may see."""
    for said in money_said(order, reader):
        yield "money", said.text.format(instant=write_instant(said.at, zone)) if said.at else said.text
    taken = order.open_chargeback if reader == "operator" else None
    if taken and taken.respond_by:
        yield "answer the bank", f"by {write_instant(taken.respond_by, zone)}"
    if taken and taken.reference:
        yield "dispute", taken.reference
    for leg in page.payments:
        if reader == "operator":
            yield leg.leg, leg_named(leg, page.currency) + (f", {leg.reference}" if leg.reference else "")
        else:
            yield "payment", leg_said(leg, page.currency, still=order.still is not None)


def _called(page: OrderView) -> list[tuple[str, str]]:
    """What people call it, and what its parties are called."""
    if page.display is None:
        return []
    names = [f"{name} ({party})" for party in PARTIES if (name := page.display.name_of(party))]
    return [
        *([("title", page.display.title)] if page.display.title else []),
        *([("parties", ", ".join(names))] if names else []),
        *([("link", page.display.link)] if page.display.link else []),
    ]


def _request(request: RequestView, currency: str, zone: str) -> str:
    text = f"{request.number}: {as_words(request.kind)} by {request.opened_by}, {request.status}"
    if request.amount is not None:
        text += f", {write_amount(request.amount, currency)}"
    if request.silence_means and request.answer_due_at:
        text += f"; {request.asked} answers until {write_instant(request.answer_due_at, zone)}, "
        text += _SILENCE[request.silence_means]
    return text


def _settlement(page: OrderView, zone: str) -> str:
    at = page.settles_at
    return as_words(page.settlement) + (f", moves at {write_instant(at, zone)}" if at else "")


def money_lines(money: Balances, currency: str, paid: int) -> Table:
    """Where the money is, and that it adds up to what the client paid in."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(justify="right")
    names = {"contested": "taken by the bank", "held": "held in escrow"}
    sums = {names.get(who, who): amount for who, amount in money.parts.items()}
    for who, amount in (sums | {"total": sum(money.parts.values()), "paid in": paid}).items():
        table.add_row(who, write_amount(amount, currency))
    return table


def actions_list(found: Actions, reader: str, currency: str) -> Listed:
    """What a role can do now, and what opens later."""
    cells = []
    for name, action in found.actions.items():
        bounds = [", ".join(action.kinds)] if action.kinds else []
        bounds += [
            f"{what} {between(said, currency)}"
            for what, said in (("amount", action.amount), ("refund", action.refund))
            if said
        ]
        cells.append((name, action.about, "; ".join(bounds), write_instant(action.until)))
    table = Listing(("command", "what it does", "bounds", "until"), cells, title=f"what the {reader} can do now")
    later = [f"later: {as_words(what)} from {write_instant(at)}" for what, at in found.available_at.items()]
    return Listed(found, table, "Nothing.", later)


def between(bounds: Bounds, currency: str) -> str:
    """The bounds of an amount in words."""
    return f"{write_amount(bounds.at_least, currency)} to {write_amount(bounds.at_most, currency)}"


def notices_list(told: Sequence[Notice], reader: str) -> Listed:
    """Everything that a role was told."""
    cells = [
        (write_instant(one.at), as_words(one.name), write_instant(one.body.deadline), ", ".join(one.body.answers))
        for one in told
    ]
    table = Listing(("when", "notice", "deadline", "answers"), cells, title=f"what the {reader} was told")
    return Listed(told, table, f"The {reader} was told nothing.")


def outcome_page(outcome: Outcome | None, currency: str, amount: str | None) -> RenderableType:
    """What came of a command; `amount` is in words what it gives to whom. None: it was sent as a signal."""
    if outcome is None:
        return Text("sent as a signal; `recourse order show` shows the result")
    if isinstance(outcome, Refused):
        return refusal_page("refused", outcome.code, outcome.details, currency)
    again = " (repeated: this id was used before)" if outcome.repeated else ""
    turn, following = outcome.turn, outcome.next
    lines = [("amount", amount)] if amount else []
    lines += [("events", ", ".join(map(as_words, outcome.events))), ("phase", PHASES[outcome.phase])]
    lines.append(("turn", as_words(turn.who) + (f" until {write_instant(turn.until)}" if turn.until else "")))
    if following:
        lines.append(("next", f"{as_words(following.name)} at {write_instant(following.at)}"))
    return Group(Text(f"applied{again}"), pairs(lines))


def refusal_page(verb: str, code: str, details: Mapping[str, Any], currency: str) -> RenderableType:
    """Why a command is refused: a sentence, and what it does not say yet."""
    sentence, more = explain(code, details, currency)
    return Group(Text(f"{verb} ({code}): {visible(sentence)}"), pairs(more))


def outlook_page(answer: Ahead | WouldBeRefused, currency: str, amount: str | None) -> RenderableType:
    """What a command would lead to; `amount` is in words what it gives to whom."""
    said: list[RenderableType] = [pairs([("amount", amount)])] if amount else []
    if isinstance(answer, WouldBeRefused):
        return Group(*said, refusal_page("would be refused", answer.refused, answer.details, currency))
    parts = [*said, Text("at once"), pairs(_outlook(answer, currency))]
    if answer.if_accepted:
        parts += [Text("if it is accepted"), pairs(_outlook(answer.if_accepted, currency))]
    if answer.if_nobody_acts:
        silent = answer.if_nobody_acts
        parts += [Text(f"if nobody acts, at {write_instant(silent.at)}"), pairs(_outlook(silent, currency))]
    return Group(*parts)


def _outlook(outlook: Outlook, currency: str) -> list[tuple[str, str]]:
    shares = ", ".join(f"{who} {write_amount(amount, currency)}" for who, amount in outlook.money.parts.items())
    how = f" ({as_words(outlook.how)})" if outlook.how else ""
    return [("  phase", f"{PHASES[outlook.phase]}{how}"), ("  money", shares)]


def erased_sentence(one: Erased, zone: str = "UTC") -> str:
    """What was erased of an order, when, by whom and why."""
    whose = f" of {listed([f'the {who}' for who in one.whose])}" if one.what not in ("notices", "order") else ""
    return (
        f"Erased: {one.what}{whose}, {write_instant(one.at, zone)}, by {visible(one.erased_by)}. "
        f"Reason: {visible(one.reason).rstrip('.')}. Legal basis: {visible(one.legal_basis).rstrip('.')}."
    )
