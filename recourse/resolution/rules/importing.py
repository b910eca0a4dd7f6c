"""Orders that began elsewhere: what cannot be true of their state, and what they are with it (rules, 18)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

from recourse.resolution.model.amounts import LARGEST
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.events import RequestOpened
from recourse.resolution.model.instants import write_instant
from recourse.resolution.model.money import extra_bounds, gross_bounds, owed, refund_bounds
from recourse.resolution.model.opening_state import Imported, OpeningState, WaitingRequest
from recourse.resolution.model.order import Opening, Order, open_order
from recourse.resolution.model.payment_events import MoneyMoved
from recourse.resolution.model.vocabulary import OPEN_PHASES, PARTIES, other
from recourse.resolution.model.zones import Offsets
from recourse.resolution.rules.canceling import least_gross
from recourse.resolution.rules.decision import Decision
from recourse.resolution.rules.evolve import evolve
from recourse.resolution.rules.requesting import OPENED_IN, longest_extension, opened_by
from recourse.resolution.rules.windows import AnswerTime, lengths

# What the clock of another machine may be ahead of ours.
_CLOCKS_DIFFER = timedelta(minutes=5)


def import_order(opening: Opening, now: datetime, offsets: Offsets | None = None) -> Decision | None:
    """What happens to a new order that began elsewhere; None: it begins here.

    It never fails, whatever the state says: whether that can be, `contradictions` says.
    """
    state = opening.state
    if state is None:
        return None
    decision = Decision(open_order(opening), now, now, offsets)
    decision.happen(Imported(state=state))
    paid = owed(decision.order)
    if paid.total:
        decision.happen(MoneyMoved(sums=paid, final=False, told=False))
        # Our provider did not pay them, so it cannot report them either.
        legs = tuple(leg.model_copy(update={"by_hand": True}) for leg in decision.order.legs)
        decision.order = decision.order.model_copy(update={"legs": legs})
    if state.request:
        _open(decision, state, state.request)
    return decision


def opened(opening: Opening, now: datetime) -> Order:
    """A new order, as it is when it has come here."""
    decision = import_order(opening, now)
    return decision.order if decision else open_order(opening)


def _open(decision: Decision, state: OpeningState, waiting: WaitingRequest) -> None:
    order, clock = decision.order, decision.order.auto_complete
    cancels = waiting.kind == "cancel"
    then = Decision(order, waiting.opened_at, waiting.opened_at)
    least = least_gross(then, waiting.by) if cancels else 0
    amount = least if cancels and waiting.amount is None else waiting.amount
    bound = cancels and amount is not None and order.released < least <= amount
    if clock and clock.completes_at and clock.completes_at <= waiting.opened_at:
        # It was over before anybody asked.
        decision.order = order.model_copy(update={"auto_complete": clock.model_copy(update={"stopper": 0})})
    decision.happen(
        RequestOpened(
            number=order.requests + 1,
            kind=waiting.kind,
            by=waiting.by,
            version=order.offers + 1,
            amount=amount,
            extend_by=waiting.extend_by,
            reason=waiting.reason,
            comment=waiting.comment,
            answer_due_at=waiting.answer_due_at,
            reminder_at=_reminder(decision, waiting),
            communicated=waiting.by in state.wrote,
            at_least=least if bound else None,
        )
    )
    request = decision.order.request
    if request is None:
        raise AssertionError("a request that was opened")
    said = waiting.by if request.explained else None
    changes = {
        "asked": waiting.asked,
        "counters": waiting.counters,
        "spoken": tuple(party for party in PARTIES if party in (*state.wrote, said)),
    }
    decision.order = decision.order.model_copy(update={"request": request.model_copy(update=changes)})
    decision.counted = max(waiting.opened_at, state.last_delivery or waiting.opened_at)
    decision.settle_auto_complete()


def _reminder(decision: Decision, waiting: WaitingRequest) -> datetime | None:
    length, reminder = lengths(decision.order.policy, waiting.kind, waiting.asked)
    if reminder is None or waiting.reminder_sent:
        return None
    # When the offer was made that is on the table now, only its deadline says.
    return AnswerTime(decision).before(waiting.answer_due_at, length - reminder) if reminder < length else None


def contradictions(opening: Opening, now: datetime) -> list[str]:
    """All that cannot be true of the state of an order, a sentence each; empty: it may begin like this."""
    if opening.state is None:
        return []
    latest = now + _CLOCKS_DIFFER
    return [f"state.{sentence}" for sentence in _contradictions(opening, opening.state, latest)]


def _contradictions(opening: Opening, state: OpeningState, latest: datetime) -> Iterator[str]:
    if state.phase not in OPEN_PHASES:
        yield f"phase: an order that is {state.phase} is over; leave it where it is"
        return
    yield from _wrong_instants(opening, state, latest)
    yield from _wrong_phase(opening, state)
    money = list(_wrong_money(opening, state))
    yield from money
    if state.request:
        order = evolve(open_order(opening), Imported(state=state), latest)
        yield from (f"request.{one}" for one in _wrong_request(order, state, state.request))
        if not money:
            yield from (f"request.{one}" for one in _wrong_amount(order, state.request))


def _wrong_instants(opening: Opening, state: OpeningState, latest: datetime) -> Iterator[str]:
    request = state.request
    past = {
        "since": state.since,
        "delivered_at": state.delivered_at,
        "request.opened_at": request.opened_at if request else None,
        **{f"declined_at.{party}": at for party, at in state.declined_at.items()},
    }
    ordered_at = opening.terms.ordered_at
    for name, at in {**past, "due_at": state.due_at}.items():
        if at is not None and at < ordered_at:
            yield f"{name}: {write_instant(at)} is before the order was placed, {write_instant(ordered_at)}"
    for name, at in past.items():
        if at is not None and at > latest:
            yield f"{name}: {write_instant(at)} lies in the future"
    if request and request.answer_due_at <= request.opened_at:
        yield "request.answer_due_at: not later than opened_at, when it was asked"
    for party, at in state.declined_at.items():
        if party not in opened_by(opening.policy, "cancel"):
            yield f"declined_at.{party}: the policy lets no {party} ask to cancel"
        if request and at > request.opened_at:
            yield f"declined_at.{party}: after request.opened_at, and one request at most is open at a time"


def _wrong_phase(opening: Opening, state: OpeningState) -> Iterator[str]:
    phase, delivered_at = state.phase, state.delivered_at
    if phase == "waiting_requirements":
        if opening.terms.requirements == "received":
            yield "phase: requirements are awaited here, but terms.requirements says received"
        if state.due_at is not None:
            yield "due_at: the time to deliver begins once the requirements are there; leave it out"
    elif state.due_at is None:
        yield f"due_at: missing, and needed for an order that is {_words(phase)}"
    if phase in ("waiting_requirements", "in_progress"):
        if delivered_at is not None:
            yield f"delivered_at: an order that is {_words(phase)} was never delivered"
        if state.revisions:
            yield f"revisions: an order that is {_words(phase)} had none"
    if phase == "in_revision":
        if not state.revisions:
            yield "revisions: at least 1 for an order that is in revision"
        if delivered_at is not None and delivered_at > state.since:
            yield "delivered_at: later than since, when the revision was asked for"
    if phase == "delivered" and delivered_at not in (None, state.since):
        yield "delivered_at: a delivered order was delivered when this phase began; it differs from since"
    if state.completes_at is not None:
        if phase != "delivered":
            yield "completes_at: only a delivered order completes by itself"
        elif opening.policy.order.auto_complete is None:
            yield "completes_at: the policy completes no order by itself (order.auto_complete)"
        elif state.completes_at < state.since:
            yield "completes_at: before since, when it was delivered"


def _wrong_money(opening: Opening, state: OpeningState) -> Iterator[str]:
    extras, price = state.extras, opening.terms.price + state.extras.price
    if price > LARGEST:
        yield f"extras.price: with the price more than {LARGEST}"
    if extras.service_fee and not extras.price:
        yield "extras.service_fee: a fee for extras that cost nothing"
    elif opening.terms.service_fee + extras.service_fee > LARGEST:
        yield f"extras.service_fee: with the service fee more than {LARGEST}"
    if state.released + state.refunded > price:
        yield f"released, refunded: together {state.released + state.refunded}, more than the price of {price}"


def _wrong_request(order: Order, state: OpeningState, request: WaitingRequest) -> Iterator[str]:
    policy, kind, by = order.policy, request.kind, request.by
    chosen = policy.requests
    if kind not in chosen.kinds:
        yield f"kind: the policy has no {_words(kind)} requests (requests.kinds)"
    elif kind == "partial_refund" and order.price <= chosen.partial_refund.price_above:
        yield f"kind: the policy has partial refunds above a price of {chosen.partial_refund.price_above} only"
    if by not in opened_by(policy, kind):
        yield f"by: the policy lets no {by} open this kind of request"
    phases = chosen.cancel.phases if kind == "cancel" else OPENED_IN[kind]
    # One that was opened before this phase began stays open in it.
    could_be_earlier = state.phase not in ("waiting_requirements", "in_progress") and request.opened_at <= state.since
    if state.phase not in phases and not could_be_earlier:
        yield f"kind: not opened in an order that is {_words(state.phase)}"
    allowed = sorted(code for code, reason in policy.reasons.items() if by in reason.by)
    if request.reason is not None and request.reason not in allowed:
        yield f"reason: none that the policy lets a {by} give: {', '.join(allowed)}"
    countered = kind == "partial_refund" or (kind == "cancel" and bool(chosen.cancel.amount_from))
    most = chosen.partial_refund.max_counters if kind == "partial_refund" else chosen.cancel.max_counters
    if request.counters and not countered:
        yield "counters: nobody can name another amount for this kind of request"
    elif request.counters > most:
        yield f"counters: at most {most}, says the policy"
    if request.extend_by is not None and kind not in ("extension", "extra"):
        yield "extend_by: this kind of request asks for no more time"
    elif request.extend_by is None and kind == "extension":
        yield "extend_by: missing, and needed for an extension"
    elif request.extend_by is not None and request.extend_by > longest_extension(order):
        yield f"extend_by: at most {write_duration(longest_extension(order))}"


def _wrong_amount(order: Order, request: WaitingRequest) -> Iterator[str]:
    named = order.policy.requests.cancel.amount_from
    match request.kind:
        case "extension" | "update":
            bounds = None
        case "cancel":
            bounds = gross_bounds(order) if named else None
        case "partial_refund":
            bounds = refund_bounds(order)
        case "extra":
            bounds = extra_bounds(order)
        case _:
            assert_never(request.kind)
    if bounds is None and request.amount is not None:
        yield "amount: this kind of request has none under this policy; leave it out"
    if bounds is None:
        return
    if request.amount is None:
        if request.kind != "cancel" or request.by in named or request.counters:
            yield "amount: missing, and needed for this kind of request"
    elif not bounds[0] <= request.amount <= bounds[1]:
        yield f"amount: {request.amount} is not between {bounds[0]} and {bounds[1]}"
    elif request.kind == "cancel" and _paid_at_once(order, request) and request.amount > order.released:
        yield "amount: the policy pays it at once (requests.cancel.pay_named_part_at_once), and released is less"


def _paid_at_once(order: Order, request: WaitingRequest) -> bool:
    own_offer = request.by == "client" == other(request.asked)
    return own_offer and order.policy.requests.cancel.pay_named_part_at_once


def _words(code: str) -> str:
    return code.replace("_", " ")
