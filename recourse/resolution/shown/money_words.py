"""Where an order's money is, in sentences for one reader: what was paid, who gets what and when, and each payment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from recourse.resolution.model.money import balances, in_the_end
from recourse.resolution.model.order import Order
from recourse.resolution.model.payments import PAID_TO, LegStatus, leg_name
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.shown.views import PaymentView, settles_at
from recourse.wording import reader as written
from recourse.wording import texts
from recourse.wording.english import lowered
from recourse.wording.languages import say, say_many

_STATUSES, STUCK, _TO = texts("leg", "name"), texts("stuck", "short"), texts("payee", "amount")
_OWN, _BANK, _OWN_BANK = texts("leg", "own"), texts("chargeback", "long"), texts("chargeback", "own")


@dataclass(frozen=True)
class Said:
    """A sentence without its full stop. `at`: the instant that takes the place of `{instant}`."""

    text: str
    at: datetime | None = None


def payee(leg: str) -> str:
    """Who gets a leg, such as `1.refund`: `client`, `freelancer` or `marketplace`."""
    return PAID_TO[leg_name(leg)] or "marketplace"


def leg_said(leg: PaymentView, currency: str, *, still: bool = False) -> str:
    """How far a payment has come, for the party that gets it. `still`: the order stands still."""
    status = "still" if still and leg.status == "waiting" and leg.amount else _status(leg)
    why = f" ({leg.reason})" if leg.reason else ""
    return _OWN[status].format(amount=written.amount(leg.amount, currency), why=why)


def leg_named(leg: PaymentView, currency: str) -> str:
    """A payment for operators: how much it pays whom, and how far it has come."""
    amount = written.amount(leg.amount, currency) if leg.amount else say("Nothing")
    paid = _TO[payee(leg.leg)].format(amount=amount)
    why = f" ({leg.reason})" if leg.reason else ""
    said = f"{paid}: {lowered(_STATUSES[_status(leg)])}{why}"
    if _status(leg) in ("waiting", "blocked") and leg.attempts > 1:
        return say_many("{payment}, tried {count} time", "{payment}, tried {count} times", leg.attempts, payment=said)
    return said


def _status(leg: PaymentView) -> LegStatus:
    return leg.status if leg.amount else "void"


def money_said(order: Order, reader: Reader) -> list[Said]:
    """What was paid, what the reader has of it and gets, and what the client's bank took."""
    return [*_parts(order, reader), *_disputed(order, reader), *_owed(order, reader)]


def _parts(order: Order, reader: Reader) -> Iterator[Said]:
    has = balances(order)
    over = order.closed and not order.open_chargeback
    gets, at = in_the_end(order) if over else has, settles_at(order)
    sums = {"paid": order.price + order.service_fee, "held": has.held}
    match reader:
        case "client":
            sums |= {"had": has.client, "rest": gets.client - has.client}
            yield _filled(order, _of_client(order, sums, at, over=over), sums, at if sums["rest"] > 0 else None)
        case "freelancer":
            sums |= {"had": has.freelancer, "rest": gets.freelancer - has.freelancer}
            if not over:
                yield _filled(order, _paid_and_held(has.held), sums)
            if sums["rest"] > 0:
                yield _filled(order, _rest_of_freelancer(has.freelancer, at), sums, at)
            elif has.freelancer:
                yield _filled(order, say("You got {had}"), sums)
            elif over:
                yield Said(say("You get nothing for this order"))
        case "operator":
            settled = order.settlement == "settled"
            ends = has if settled else gets
            sums |= {"back": ends.client, "got": ends.freelancer}
            if not over:
                yield _filled(order, _paid_and_held(has.held), sums)
            elif settled:
                said = say("The client paid {paid} and got {back} back; the freelancer got {got}")
                yield _filled(order, said, sums)
            elif at:
                said = say("Of {paid}, the client gets back {back} and the freelancer gets {got} on {instant}")
                yield _filled(order, said, sums, at)
            else:
                said = say("Of {paid}, the client gets back {back} and the freelancer gets {got}")
                yield _filled(order, said, sums)


def _of_client(order: Order, sums: Mapping[str, int], at: datetime | None, *, over: bool) -> str:
    if sums["rest"] > 0:
        if sums["had"]:
            if at:
                return say("You paid {paid} and got {had} back; you get back {rest} more on {instant}")
            return say("You paid {paid} and got {had} back; you are to get back {rest} more")
        if at:
            return say("You paid {paid}; you get back {rest} on {instant}")
        return say("You paid {paid}; you are to get back {rest}")
    held = sums["held"] and not over
    if sums["had"]:
        if held:
            return say("You paid {paid} and got {had} back; the marketplace holds {held}")
        return say("You paid {paid} and got {had} back")
    if held:
        return say("You paid {paid}; the marketplace holds {held}")
    if over and order.phase != "completed":
        return say("You paid {paid}; nothing of it comes back")
    return say("You paid {paid}")


def _rest_of_freelancer(had: int, at: datetime | None) -> str:
    if had:
        if at:
            return say("You got {had}; you get {rest} more on {instant}")
        return say("You got {had}; you are to get {rest} more")
    return say("You get {rest} on {instant}") if at else say("You are to get {rest}")


def _paid_and_held(held: int) -> str:
    return say("The client paid {paid}; the marketplace holds {held}") if held else say("The client paid {paid}")


def _filled(order: Order, said: str, sums: Mapping[str, int], at: datetime | None = None) -> Said:
    amounts = {name: _written(order, amount) for name, amount in sums.items()}
    return Said(said.format(**amounts, instant="{instant}"), at)


def _written(order: Order, amount: int) -> str:
    return written.amount(amount, order.terms.currency)


def _disputed(order: Order, reader: Reader) -> Iterator[Said]:
    if order.chargebacks:
        taken = order.chargebacks[-1]
        said = (_OWN_BANK if reader == "client" else _BANK)[taken.status]
        yield Said(said.format(amount=_written(order, taken.amount)))


def _owed(order: Order, reader: Reader) -> Iterator[Said]:
    owed: dict[Party, int] = {} if reader == "client" else order.debts
    for party, amount in owed.items():
        if party == reader:
            said = say("You owe the marketplace {amount}")
        elif party == "client":
            said = say("The client owes the marketplace {amount}")
        else:
            said = say("The freelancer owes the marketplace {amount}")
        yield Said(said.format(amount=_written(order, amount)))
