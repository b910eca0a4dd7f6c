"""The order's page in the Temporal UI: title, details, timers in words, search attributes. No private text."""

from datetime import datetime
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from resolution.amounts import write_amount
from resolution.clocks import Clock, ClockName, next_clock
from resolution.instants import write_instant
from resolution.lateness import lateness
from resolution.money import held
from resolution.order import Order, Terms
from resolution.step import Step
from resolution.turn import turn
from resolution.windows import silence_means

PHASE = SearchAttributeKey.for_keyword("RecoursePhase")
POLICY = SearchAttributeKey.for_keyword("RecoursePolicy")
TURN = SearchAttributeKey.for_keyword("RecourseTurn")
CASE_STAGE = SearchAttributeKey.for_keyword("RecourseCaseStage")
NEXT_DUE_AT = SearchAttributeKey.for_datetime("RecourseNextDueAt")
SEARCH_ATTRIBUTES = (PHASE, POLICY, TURN, CASE_STAGE, NEXT_DUE_AT)

CLOCKS_IN_WORDS: dict[ClockName, str] = {
    "answer_due": "time to answer is over",
    "proposal_due": "time to answer the operator's proposal is over",
    "case_due": "no operator decided: the policy's fallback",
    "appeal_window_ends": "time to appeal is over",
    "appeal_due": "no operator decided the appeal: the ruling stands",
    "auto_complete": "the delivered order completes by itself",
    "settlement": "the held money moves",
    "settlement_retry": "the payment is tried again",
    "answer_reminder": "reminder to answer",
    "case_reminder": "reminder to the operators",
    "follow_up": "the freelancer follows up",
    "dormancy": "nobody was heard for long: an operator looks",
}
_SILENCE = {
    "accept": "silence accepts",
    "decline": "silence declines",
    "escalate": "silence takes it to an operator",
    "lapse": "silence lets it lapse",
}


def summary(terms: Terms, policy: str) -> str:
    """The title of an order, told once at its start."""
    return f"Order {terms.order_id} · {write_amount(terms.price, terms.currency)} · {policy}"


def details(terms: Terms, policy: str) -> str:
    """What does not change about an order."""
    price, fee = (write_amount(minor, terms.currency) for minor in (terms.price, terms.service_fee))
    return (
        f"Client `{terms.client}`, freelancer `{terms.freelancer}`, policy **{policy}**, price **{price}** + fee "
        f"{fee}, ordered {write_instant(terms.ordered_at)}."
    )


def current_details(order: Order, now: datetime, *, title: bool = False) -> str:
    """Where the order stands, and what happens next if nobody acts; `title`: with what does not change as well."""
    whose, following, request, case = turn(order), next_clock(order), order.request, order.case
    lines = [f"# {summary(order.terms, order.policy.name)}", details(order.terms, order.policy.name)] if title else []
    lines += [f"## {order.phase.replace('_', ' ')} · {lateness(order, now).replace('_', ' ')}"]
    until = f" until **{write_instant(whose.until)}**" if whose.until else ""
    lines.append(f"- **Turn:** {whose.who}{until}")
    if following:
        lines.append(f"- **Next by the clock:** {CLOCKS_IN_WORDS[following.name]}, {write_instant(following.at)}")
    if request:
        asked = f", {request.asked} must answer; {_silence(order)}" if request.status == "open" else ""
        lines.append(f"- **Request {request.number}:** {request.kind} by {request.opened_by}, {request.status}{asked}")
    if case:
        lines.append(f"- **Case:** {case.stage}, opened by {case.opened_by}, due {write_instant(case.due_at)}")
    if order.resolution:
        lines.append(f"- **Ended:** {order.resolution.how.replace('_', ' ')}, fault {order.resolution.fault}")
    moved, currency = order.moved, order.terms.currency
    lines.append(
        f"- **Money:** held {write_amount(held(order), currency)}, client {write_amount(moved.client, currency)}, "
        f"freelancer {write_amount(moved.freelancer, currency)}, platform {write_amount(moved.platform, currency)}; "
        f"settlement {order.settlement}"
    )
    return "\n".join(lines)


def _silence(order: Order) -> str:
    request = order.open_request
    return _SILENCE[silence_means(order, request.kind, request.asked)] if request else ""


def timer(clock: Clock | None) -> str:
    """What the workflow waits for, for the UI's timeline."""
    return (
        f"{CLOCKS_IN_WORDS[clock.name]} · {write_instant(clock.at)}"
        if clock
        else "the order stays reachable until then"
    )


def step_title(step: Step) -> str:
    """One step in words, for the UI's timeline."""
    if step.entry is None:
        return "opened: the money is in escrow" if step.number == 0 else "the payment provider failed again"
    content = step.entry.content
    who = (content.get("actor") or {}).get("role", "somebody")
    command = str(content.get("command", "?")).replace("_", " ")
    if content.get("outcome") == "refused":
        return f"{who}: {command} refused ({content.get('code')})"[:200]
    told = sum(1 for _ in step.notices)
    return f"{who}: {command} → {content.get('to')}" + (f", {told} told" if told else "")


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
    return TypedSearchAttributes(pairs)
