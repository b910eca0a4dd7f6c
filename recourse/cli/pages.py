"""What people see of an order on a terminal: its page, what can be done, what a command leads to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recourse.cli.refusing import explain
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import printable
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.money import Balances
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Terms
from recourse.resolution.model.outcome import Outcome, Refused
from recourse.resolution.shown.looking_ahead import Actions, Ahead, Outlook, WouldBeRefused
from recourse.resolution.shown.trying import Bounds
from recourse.resolution.shown.views import OrderView, RequestView
from recourse.wording import texts
from recourse.wording.english import PHASES, as_words

_SILENCE = texts("silence", "short")


def rows(pairs: Iterable[tuple[str, str]]) -> Table:
    """Names and values in two columns, without lines."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    for name, value in pairs:
        table.add_row(name, Text(value))
    return table


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


def order_page(page: OrderView, zone: str) -> RenderableType:
    """The page of one order; `zone` is the reader's time zone."""
    currency, turn, case, ended = page.currency, page.turn, page.case, page.resolution
    lines = [
        ("order", f"{page.order_id} · {write_amount(page.price, currency)} · {page.policy}"),
        ("phase", f"{PHASES[page.phase]}, {as_words(page.lateness)}"),
        ("due", write_instant(page.due_at, zone)),
        ("turn", as_words(turn.who) + (f" until {write_instant(turn.until, zone)}" if turn.until else "")),
    ]
    if page.completes_at:
        lines.append(("completes", f"by itself at {write_instant(page.completes_at, zone)}"))
    if page.request:
        lines.append(("request", _request(page.request, currency, zone)))
    if case:
        lines.append(("case", f"{case.stage}, opened by {case.opened_by}"))
    if ended:
        lines.append(("ended", f"{as_words(ended.how)}, started by {ended.initiator}, fault {ended.fault}"))
    lines.append(("settlement", _settlement(page, zone)))
    return Group(rows(lines), money_table(page.money, currency, page.price + page.service_fee))


def _request(request: RequestView, currency: str, zone: str) -> str:
    text = f"{request.number}: {as_words(request.kind)} by {request.opened_by}, {request.status}"
    if request.amount is not None:
        text += f", {write_amount(request.amount, currency)}"
    if request.silence_means:
        text += f"; {request.asked} answers until {write_instant(request.answer_due_at, zone)}, "
        text += _SILENCE[request.silence_means]
    return text


def _settlement(page: OrderView, zone: str) -> str:
    at = page.settles_at
    return as_words(page.settlement) + (f", moves at {write_instant(at, zone)}" if at else "")


def money_table(money: Balances, currency: str, paid: int) -> Table:
    """Where the money is, and that it adds up to what the client paid in."""
    table = Table(title="money", title_justify="left", show_edge=False)
    table.add_column("who")
    table.add_column("has", justify="right")
    for who, amount in money.parts.items():
        table.add_row("held in escrow" if who == "held" else who, write_amount(amount, currency))
    table.add_section()
    table.add_row("together", write_amount(sum(money.parts.values()), currency))
    table.add_row("paid in", write_amount(paid, currency))
    return table


def actions_table(found: Actions, reader: str, currency: str) -> RenderableType:
    """What a role can do now, and what opens later."""
    table = Table(title=f"what the {reader} can do now", title_justify="left", show_edge=False)
    for heading in ("command", "what it does", "bounds", "until"):
        table.add_column(heading)
    for name, action in found.actions.items():
        bounds = [", ".join(action.kinds)] if action.kinds else []
        bounds += [
            f"{what} {between(said, currency)}"
            for what, said in (("amount", action.amount), ("refund", action.refund))
            if said
        ]
        table.add_row(name, action.about, "; ".join(bounds), write_instant(action.until))
    later = [f"{as_words(what)} from {write_instant(at)}" for what, at in found.available_at.items()]
    return Group(table, *(Text(f"later: {line}") for line in later))


def between(bounds: Bounds, currency: str) -> str:
    """The bounds of an amount in words."""
    return f"{write_amount(bounds.at_least, currency)} to {write_amount(bounds.at_most, currency)}"


def notices_table(told: Sequence[Notice], reader: str) -> Table:
    """Everything that one role was told."""
    table = Table(title=f"what the {reader} was told", title_justify="left", show_edge=False)
    for heading in ("when", "notice", "deadline", "answers"):
        table.add_column(heading)
    for notice in told:
        body = notice.body
        table.add_row(
            write_instant(notice.at), as_words(notice.name), write_instant(body.deadline), ", ".join(body.answers)
        )
    return table


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
    return Group(Text(f"applied{again}"), rows(lines))


def refusal_page(verb: str, code: str, details: Mapping[str, Any], currency: str) -> RenderableType:
    """Why a command is refused: a sentence, and what it does not say yet."""
    sentence, more = explain(code, details, currency)
    return Group(Text(f"{verb} ({code}): {printable(sentence)}"), rows(more))


def outlook_page(answer: Ahead | WouldBeRefused, currency: str, amount: str | None) -> RenderableType:
    """What a command would lead to; `amount` is in words what it gives to whom."""
    said: list[RenderableType] = [rows([("amount", amount)])] if amount else []
    if isinstance(answer, WouldBeRefused):
        return Group(*said, refusal_page("would be refused", answer.refused, answer.details, currency))
    parts = [*said, Text("at once"), rows(_outlook(answer, currency))]
    if answer.if_accepted:
        parts += [Text("if it is accepted"), rows(_outlook(answer.if_accepted, currency))]
    if answer.if_nobody_acts:
        silent = answer.if_nobody_acts
        parts += [Text(f"if nobody acts, at {write_instant(silent.at)}"), rows(_outlook(silent, currency))]
    return Group(*parts)


def _outlook(outlook: Outlook, currency: str) -> list[tuple[str, str]]:
    shares = ", ".join(f"{who} {write_amount(amount, currency)}" for who, amount in outlook.money.parts.items())
    how = f" ({as_words(outlook.how)})" if outlook.how else ""
    return [("  phase", f"{PHASES[outlook.phase]}{how}"), ("  money", shares)]
