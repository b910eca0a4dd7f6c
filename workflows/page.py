"""The order's page in the Temporal UI: title, details, timers in words, search attributes. No private text."""

import re
import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.entry import ClockFired, RefusedEntry
from recourse.resolution.model.fields import visible
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.lateness import lateness
from recourse.resolution.model.money import held
from recourse.resolution.model.order import Order
from recourse.resolution.model.step import Step
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.vocabulary import Party, RequestKind
from recourse.resolution.rules.clocks import Clock, clocks, next_clock
from recourse.resolution.rules.ruling import fallback_of
from recourse.resolution.rules.windows import silence_means
from recourse.resolution.shown.answering import IMPORTED
from recourse.resolution.shown.looking_ahead import if_nobody_acts
from recourse.resolution.shown.turn import turn
from recourse.runtime.names import page_address
from recourse.runtime.search_attributes import CASE_STAGE, GROUP, NEXT_DUE_AT, PHASE, POLICY, TURN
from recourse.wording import texts
from recourse.wording.english import PHASES, as_words, capital

_CLOCKS = texts("clock", "future")
_SILENCE = texts("silence", "short")
_FALLBACK = texts("fallback", "long")
# What the Temporal UI calls its own way to end a workflow; an order takes it for a command that it does not know.
CANCEL_BUTTON = "Request Cancellation"
# Whom the amount of a request is for.
_GETS: dict[RequestKind, Party] = {"cancel": "freelancer", "partial_refund": "client"}
_CLOCKS_SHOWN = 4
EVENTS_KEPT = 8


def summary(terms: Terms, policy: str) -> str:
    """The title of an order, set once at its start."""
    return f"Order {_foreign(terms.order_id)} · {write_amount(terms.price, terms.currency)} · {_foreign(policy)}"


def _foreign(text: str) -> str:
    """A name that others chose: as it is where it cannot be Markdown, else as code."""
    return text if re.fullmatch("[A-Za-z0-9_-]+", text) else _code(text)


def _code(text: str) -> str:
    """A text as code: nothing in it is Markdown, and what is no letter on the screen shows as such."""
    shown = visible(text)
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    return f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`"


def details(terms: Terms, policy: str, web_url: str = "") -> str:
    """What does not change about an order, and where to look further; `web_url` is where the pages are."""
    price, fee = (write_amount(minor, terms.currency) for minor in (terms.price, terms.service_fee))
    page = f", or [its page]({page_address(web_url, terms.order_id)})" if web_url else ""
    show = _code(f"recourse order show {shlex.quote(terms.order_id)}")
    group = f"\n- **Group** {_code(terms.group)}{f', part {terms.part}' if terms.part else ''}" if terms.group else ""
    return f"""- **Client** {_code(terms.client)}, **freelancer** {_code(terms.freelancer)}
- **Policy** {_code(policy)}
- **Paid** {price} + fee {fee}, on {write_instant(terms.ordered_at)}{group}

Where it stands: *Current Details*, and *Event History → Compact* step by step. The whole case file:
{show}{page}. To act by hand: *More Actions → Send an Update*; each command's
description ends with a sample of what to send."""


def current_details(
    order: Order,
    now: datetime,
    recent: Sequence[str] = (),
    *,
    title: bool = False,
    cancel_requested_at: datetime | None = None,
) -> str:
    """The case file: where the order stands, what happens next if nobody acts, the last events (the newest last).

    `title`: with what does not change as well. `cancel_requested_at`: when somebody pressed Request Cancellation.
    """
    blocks = [f"# {summary(order.terms, order.policy.name)}", details(order.terms, order.policy.name)] if title else []
    if cancel_requested_at:
        blocks.append(
            f"> **{CANCEL_BUTTON}** was pressed here on {write_instant(cancel_requested_at)}. Nothing has changed: it "
            "does not cancel an order. To cancel it, use *More Actions → Send an Update*: a party sends `request`, an "
            "operator sends `rule` in a case."
        )
    late = lateness(order, now)
    blocks.append(f"## {capital(PHASES[order.phase])}{'' if late == 'on_time' else f' · {as_words(late)}'}")
    blocks.append(_whose_turn(order))
    if running := clocks(order)[:_CLOCKS_SHOWN]:
        blocks.append("### If nobody acts")
        lines = [f"- {write_instant(clock.at)}: {_clock_inplain(order, clock)}" for clock in running]
        blocks.append("\n".join([*lines, *_silence_leads_to(order)]))
    if standing := list(_standing(order)):
        blocks += ["### How it ended" if order.closed else "### Where it stands", "\n".join(standing)]
    blocks += ["### Money", _money(order)]
    if recent:
        blocks += ["### Last events", "\n".join(f"- {line}" for line in reversed(recent))]
    return "\n\n".join(blocks)


def _whose_turn(order: Order) -> str:
    whose, request, proposal, case = turn(order), order.open_request, order.open_proposal, order.open_case
    until = f" until **{write_instant(whose.until)}**" if whose.until else ""
    if order.still:
        why = "An operator holds the order" if order.hold else "The payment is charged back"
        return f"**{why}**{until}. It stands still: no time runs out, and no money moves."
    match whose.who:
        case "nobody" if order.hold_until:
            return f"Nobody has to act. The money is held until **{write_instant(order.hold_until)}**."
        case "nobody":
            return "Nobody has to act."
        case "operator":
            what = "decide the appeal" if case and case.stage == "appeal" else "decide the case"
            what = what if case else "see to a payment that is blocked or came back"
            return f"**An operator** must {what}{until}."
        case _ if request:
            return f"**The {whose.who}** must answer{until}; {_silence(order)}."
        case _ if proposal:
            who = "Both" if whose.who == "both" else f"The {whose.who}"
            return f"**{who}** must answer the operator's proposal{until}."
        case _ if order.phase == "waiting_requirements":
            return f"**The {whose.who}** must send the requirements{until}."
        case _ if order.phase == "delivered":
            return f"**The {whose.who}** looks at the delivery{until}."
        case _:
            return f"**The {whose.who}** works on it{until}."


def _silence_leads_to(order: Order) -> Iterator[str]:
    silent, currency = if_nobody_acts(order, "operator"), order.terms.currency
    if silent is None or silent.phase not in ("canceled", "completed") or order.late_case:
        return
    parts = silent.money.parts
    shares = ", ".join(f"{who} {write_amount(parts[who], currency)}" for who in ("client", "freelancer", "platform"))
    yield f"- **{capital(PHASES[silent.phase])}** on {write_instant(silent.at)}: {shares}"


def _clock_inplain(order: Order, clock: Clock) -> str:
    case = order.open_case
    if clock.name == "answer_due":
        return f"{_CLOCKS[clock.name]}; {_silence(order)}"
    fallback = fallback_of(order, case) if clock.name == "case_due" and case else "let_them_decide"
    if fallback != "let_them_decide":
        return f"no operator decided: {_FALLBACK[fallback]}"
    return _CLOCKS[clock.name]


def _standing(order: Order) -> Iterator[str]:
    request, case, currency = order.request, order.case, order.terms.currency
    if request and (request.status == "open" or not order.closed):
        asked = f"{as_words(request.kind)}, by the {request.opened_by}: {request.status}"
        countered = ", countered" if request.status == "open" and request.asked == request.opened_by else ""
        gets = _GETS.get(request.kind)
        # Nothing at all is an offer too.
        offer = "" if request.amount is None or gets is None else f"; {_offer(gets, request.amount, currency)}"
        yield f"- **Request {request.number}** {asked}{countered}{offer}"
    if case:
        yield f"- **Case** {case.stage}, opened by {_by(case.opened_by)}"
    if case and case.proposal and case.stage == "mediation":
        yield f"- **Proposal** {_offer('freelancer', case.proposal.amount, currency)}"
    if case and case.ruling:
        yield f"- **Ruling** {as_words(case.ruling.outcome)}"
    for party, owes in order.debts.items():
        yield f"- **Debt** the {party} owes {write_amount(owes, currency)}"
    if order.resolution:
        yield f"- **Canceled** {as_words(order.resolution.how)}, fault: {order.resolution.fault}"


def _offer(gets: Party, amount: int, currency: str) -> str:
    # A freelancer's amount is gross: the platform's commission comes out of it.
    return f"the {gets} gets {write_amount(amount, currency)}{' of the price' if gets == 'freelancer' else ''}"


def _by(role: str) -> str:
    return "itself" if role == "system" else f"the {role}"


def _money(order: Order) -> str:
    moved, currency = order.moved, order.terms.currency
    sums = [("held", held(order)), *((name, getattr(moved, name)) for name in ("client", "freelancer", "platform"))]
    sums += [("contested", moved.contested)] if moved.contested else []
    shown = " · ".join(f"{name} **{write_amount(minor, currency)}**" for name, minor in sums)
    return f"{shown}; settlement {order.settlement}"


def _silence(order: Order) -> str:
    request = order.open_request
    return _SILENCE[silence_means(order, request.kind, request.asked)] if request else ""


def timer(clock: Clock | None) -> str:
    """What the workflow waits for, for the UI's timeline."""
    return f"{_CLOCKS[clock.name]} · {write_instant(clock.at)}" if clock else "the order stays reachable until then"


def step_title(step: Step) -> str:
    """One step in words, for the UI's timeline."""
    if step.entry is None:
        if step.number == 0:
            return "opened: the money is in escrow"
        said = [f"{row.number}.{row.leg} {row.status}" for row in step.payments]
        return f"the payment provider: {', '.join(said)}" if said else "the payment provider failed again"
    content = step.entry.parsed
    command = content.command
    if command == IMPORTED:
        return f"came from elsewhere: {PHASES[content.to]}"
    if isinstance(content, ClockFired):
        did = _CLOCKS.get(command, as_words(command))
    else:
        kind = content.fields.get("kind") if command == "request" else None
        # What is no command may be anything: a headline of its own, somebody's words.
        named = as_words(command) if command in COMMANDS else "what is no command"
        named = f"{CANCEL_BUTTON} in the Temporal UI" if command == CANCEL_BUTTON else named
        who = content.actor.role if content.actor else "somebody"
        did = f"{who}: {named}{f' {as_words(kind)}' if kind else ''}"
    if isinstance(content, RefusedEntry):
        return f"{did} refused ({content.code})"[:200]
    moved_on = f" → {PHASES[content.to]}" if content.to != content.from_ else ""
    notified = f", {len(step.notices)} notified" if step.notices else ""
    return f"{did}{moved_on}{notified}"


def event(step: Step) -> str:
    """One step in words, with its instant, for the last events of the case file."""
    return f"{write_instant(step.at)} · {step_title(step)}"


def search_attributes(order: Order) -> TypedSearchAttributes:
    """How operators find the order: no personal data, these are never encrypted."""
    following = next_clock(order)
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(PHASE, order.phase),
        SearchAttributePair(POLICY, order.policy.name),
        SearchAttributePair(TURN, turn(order).who),
        SearchAttributePair(CASE_STAGE, order.case.stage if order.case else "none"),
    ]
    if following:
        pairs.append(SearchAttributePair(NEXT_DUE_AT, following.at))
    if order.terms.group:
        pairs.append(SearchAttributePair(GROUP, order.terms.group))
    return TypedSearchAttributes(pairs)
