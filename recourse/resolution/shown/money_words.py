"""Where an order's money is, in sentences for one reader: what was paid, who gets what and when, and each payment."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.money import balances, in_the_end
from recourse.resolution.model.order import Order
from recourse.resolution.model.payments import PAID_TO, LegStatus, leg_name
from recourse.resolution.model.record import Reader
from recourse.resolution.model.vocabulary import Party
from recourse.resolution.shown.views import PaymentView, settles_at
from recourse.wording import texts

_STATUSES, STUCK = texts("leg", "name"), texts("stuck", "short")
_OWN, _BANK, _OWN_BANK = texts("leg", "own"), texts("chargeback", "long"), texts("chargeback", "own")


@dataclass(frozen=True)
class Said:
    """A sentence without its full stop. `at`: it ends with `on` and this instant, on its reader's clock."""

    text: str
    at: datetime | None = None


def paid_to(leg: str) -> str:
    """Who gets a leg, such as `1.refund`."""
    return f"the {PAID_TO[leg_name(leg)] or 'marketplace'}"


def leg_said(leg: PaymentView, currency: str, *, still: bool = False) -> str:
    """How far a payment has come, for the party that gets it. `still`: the order stands still."""
    status = "still" if still and leg.status == "waiting" and leg.amount else _status(leg)
    why = f" ({leg.reason})" if leg.reason else ""
    return _OWN[status].format(amount=write_amount(leg.amount, currency), why=why)


def leg_named(leg: PaymentView, currency: str) -> str:
    """A payment for operators: how much it pays whom, and how far it has come."""
    amount = write_amount(leg.amount, currency) if leg.amount else "Nothing"
    why = f" ({leg.reason})" if leg.reason else ""
    tried = f", tried {leg.attempts} times" if _status(leg) in ("waiting", "blocked") and leg.attempts > 1 else ""
    return f"{amount} to {paid_to(leg.leg)}: {_STATUSES[_status(leg)].lower()}{why}{tried}"


def _status(leg: PaymentView) -> LegStatus:
    return leg.status if leg.amount else "void"


def money_said(order: Order, reader: Reader) -> list[Said]:
    """What was paid, what the reader has of it and gets, and what the client's bank took."""
    return [*_parts(order, reader), *_disputed(order, reader), *_owed(order, reader)]


def _parts(order: Order, reader: Reader) -> Iterator[Said]:
    has, paid = balances(order), order.price + order.service_fee
    over = order.closed and not order.open_chargeback
    gets, at = in_the_end(order) if over else has, settles_at(order)
    match reader:
        case "client":
            had, rest = has.client, gets.client - has.client
            before = f"You paid {_written(order, paid)}" + (f" and got {_written(order, had)} back" if had else "")
            if rest > 0:
                yield Said(f"{before}; you {_get(at)} back {_written(order, rest)}{' more' if had else ''}", at)
            elif over:
                yield Said(before + ("" if had or order.phase == "completed" else "; nothing of it comes back"))
            else:
                yield Said(before + _held(order, has.held))
        case "freelancer":
            had, rest = has.freelancer, gets.freelancer - has.freelancer
            if not over:
                yield Said(f"The client paid {_written(order, paid)}{_held(order, has.held)}")
            if rest > 0:
                more = f"{_written(order, rest)}{' more' if had else ''}"
                yield Said(
                    f"You got {_written(order, had)}; you {_get(at)} {more}" if had else f"You {_get(at)} {more}", at
                )
            elif had or over:
                yield Said(f"You got {_written(order, had)}" if had else "You get nothing for this order")
        case "operator":
            settled = order.settlement == "settled"
            sums = has if settled else gets
            back, got = _written(order, sums.client), _written(order, sums.freelancer)
            if not over:
                yield Said(f"The client paid {_written(order, paid)}{_held(order, has.held)}")
            elif settled:
                yield Said(f"The client paid {_written(order, paid)} and got {back} back; the freelancer got {got}")
            else:
                yield Said(f"Of {_written(order, paid)}, the client gets back {back} and the freelancer gets {got}", at)


def _written(order: Order, amount: int) -> str:
    return write_amount(amount, order.terms.currency)


def _get(at: datetime | None) -> str:
    return "get" if at else "are to get"


def _held(order: Order, held: int) -> str:
    return f"; the marketplace holds {_written(order, held)}" if held else ""


def _disputed(order: Order, reader: Reader) -> Iterator[Said]:
    if order.chargebacks:
        taken = order.chargebacks[-1]
        said = (_OWN_BANK if reader == "client" else _BANK)[taken.status]
        yield Said(said.format(amount=_written(order, taken.amount)))


def _owed(order: Order, reader: Reader) -> Iterator[Said]:
    owed: dict[Party, int] = {} if reader == "client" else order.debts
    for party, amount in owed.items():
        who = "You owe" if party == reader else f"The {party} owes"
        yield Said(f"{who} the marketplace {_written(order, amount)}")
