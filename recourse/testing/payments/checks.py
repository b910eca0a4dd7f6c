"""What must hold of every payment, whatever happens: what the adapter's answers say, and what the book says."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from recourse.activities.paying import UNKNOWN
from recourse.ports import PaymentLeg
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.payments import Leg, LegName
from recourse.testing.payments.control import Booked
from recourse.testing.payments.sale import Sale

__all__ = ["Book", "unknown"]

_UNKNOWN = UNKNOWN.partition("{")[0]


def unknown(leg: Leg) -> bool:
    """Whether a leg is blocked because the adapter cannot say whether it was paid before it was lowered."""
    return leg.status == "blocked" and (leg.reason or "").startswith(_UNKNOWN)


@dataclass(frozen=True)
class Book:
    """The provider's book next to our orders. `asked`: the legs by key for which `pay` was called; `unreported`: keys
    of which the provider has more to report; `moves`: the legs for which money moves at the provider."""

    booked: Collection[Booked]
    asked: Mapping[str, PaymentLeg]
    unreported: frozenset[str]
    moves: Collection[LegName]

    def live(self, sale: Sale, leg: Leg) -> list[Booked]:
        """What has moved for a leg, or is on its way, under any of its keys."""
        keys = keys_of(sale, leg)
        return [one for one in self.booked if one.live and one.key in keys]

    def wrong(self, sales: Iterable[Sale]) -> Iterator[str]:
        """Each thing that is wrong."""
        yield from self._wrong_payments()
        for sale in sales:
            for leg in sale.order.legs:
                if leg.name in self.moves:
                    yield from self._wrong_leg(sale, leg)
            yield from self._wrong_ledger(sale)

    def _wrong_payments(self) -> Iterator[str]:
        for one in self.booked:
            leg = self.asked.get(one.key)
            if leg is None:
                yield f"The provider's book has {one.reference} under {one.key!r}, which `pay` was never given."
            elif (one.amount, one.currency) != (leg.amount, leg.currency):
                is_not = f"{write_amount(one.amount, one.currency)} instead of {write_amount(leg.amount, leg.currency)}"
                yield f"{one.key} moved {is_not}."

    def _wrong_leg(self, sale: Sale, leg: Leg) -> Iterator[str]:
        live, name = self.live(sale, leg), f"{leg.id} of order {sale.id}"
        moved = sum(one.amount for one in live)
        if len(live) > 1:
            yield f"{name} was paid {len(live)} times: {', '.join(one.reference for one in live)}."
        match leg.status:
            case "done" if leg.by_hand and live:
                yield f"{name} was paid by hand after the provider had refused it, and the provider paid it, too."
            case "done" if not leg.by_hand and moved != leg.amount and not self.unreported & keys_of(sale, leg):
                amount = write_amount(leg.amount, sale.order.terms.currency)
                yield f"{name}, {amount}, counts as paid, and the provider's book has {moved or 'nothing'} for it."
            case "blocked" if live and not unknown(leg):
                yield f"`pay` raised CannotPay for {name}, and the provider has paid it: {live[0].reference}."
            case "blocked" if not unknown(leg) and not self._never(sale, leg):
                yield f"`pay` raised CannotPay for {name}, which the provider has not refused: {leg.reason}"
            case "returned" | "void" if live:
                yield f"{name} is {leg.status}, and the provider has paid it: {live[0].reference}."

    def _never(self, sale: Sale, leg: Leg) -> bool:
        # What is lowered while it is blocked stays so, under a key of which nobody was asked.
        keys = keys_of(sale, leg)
        return any(one.key in keys and not one.live for one in self.booked)

    def _wrong_ledger(self, sale: Sale) -> Iterator[str]:
        order = sale.order
        paid_in = order.price + order.service_fee
        are = {
            "client": order.moved.client - paid_in,
            "freelancer": order.moved.freelancer,
            "platform": order.moved.platform,
            "contested": order.moved.contested,
            "escrow": paid_in - order.moved.total,
        }
        if {account: sale.balances.get(account, 0) for account in are} != are:
            yield f"The ledger of order {sale.id} has {sale.balances}, and the order {are}."

    def unexplained(self, sale: Sale) -> Iterator[str]:
        """Once nothing is on its way any more: cents that only one side knows."""
        lost = sum(one.amount for one in sale.order.chargebacks if one.status == "lost")
        for account, name, more in (("client", "refund", lost), ("freelancer", "payout", 0)):
            legs = [leg for leg in sale.order.legs if leg.name == name and not unknown(leg)]
            by_hand = sum(leg.amount for leg in legs if leg.by_hand or name not in self.moves)
            moved = sum(one.amount for leg in legs for one in self.live(sale, leg)) + by_hand + more
            ours = getattr(sale.order.moved, account)
            if moved != ours:
                yield f"The {account} of order {sale.id} got {moved}, and our ledger says {ours}."


def keys_of(sale: Sale, leg: Leg) -> frozenset[str]:
    """Every key that a leg has had."""
    return frozenset(leg.model_copy(update={"key": key}).key_in(sale.id) for key in range(1, leg.key + 1))
