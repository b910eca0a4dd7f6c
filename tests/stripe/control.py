"""The kit's handle on the fake of Stripe."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Literal

from recourse.ports import PaymentToCheck
from recourse.providers.stripe.amounts import from_stripe, to_stripe
from recourse.resolution.model.payments import LegName
from recourse.testing.payments import Booked, Fault, ProviderControl, Webhook
from tests.stripe.books import Thing
from tests.stripe.fake import AWAY, BUSY, DONE_BUT_BROKEN, DROPPED, IN_USE, LOST, PENDING, FakeStripe, Trouble
from tests.stripe.shop import account, collected

TROUBLES: dict[Fault, Trouble] = {
    Fault.CUT: DROPPED,
    Fault.TIMEOUT: DROPPED,
    Fault.ANSWER_LOST: LOST,
    Fault.CONFLICT: IN_USE,
    Fault.RATE_LIMITED: BUSY,
    Fault.SERVER_ERROR: AWAY,
    Fault.SERVER_ERROR_AFTER: DONE_BUT_BROKEN,
    Fault.SETTLES_LATER: PENDING,
}
# What the platform has at Stripe besides the payments of orders.
RICH = 10**9


class StripeControl(ProviderControl):
    """Faults of calls befall every call of Stripe, of which a leg may need three."""

    legs = ("refund", "payout")
    currencies = ("USD", "JPY", "ISK")

    def __init__(self, fake: FakeStripe) -> None:
        self.fake = fake
        fake.forget()
        fake.all_calls = True
        self._paid: dict[str, tuple[str, str]] = {}
        self._disputes: dict[str, str] = {}
        for currency in self.currencies:
            collected(fake, RICH, currency.lower())

    def collect(self, order: PaymentToCheck) -> Mapping[str, str]:
        intent = collected(self.fake, to_stripe(order.amount, order.currency), order.currency.lower())
        self._paid[order.order_id] = intent, account(self.fake)
        return {"payment": intent, "destination": self._paid[order.order_id][1]}

    def inject(self, faults: Sequence[Fault | None]) -> None:
        self.fake.troubles.clear()
        self.fake.troubles += [fault and TROUBLES[fault] for fault in faults]

    def advance(self, by: timedelta) -> None:
        self.fake.later += by.total_seconds()

    def book(self) -> Iterable[Booked]:
        for made in (*self.fake.all("refund"), *self.fake.all("transfer")):
            yield _booked(made["metadata"]["recourse_key"], made, _status(made), made["id"])
        for key, asked in self.fake.refused:
            if "metadata" in asked:
                currency = asked.get("currency") or self.fake.things[asked["payment_intent"]]["currency"]
                key = asked["metadata"]["recourse_key"]
                yield _booked(key, {**asked, "currency": currency}, "refused", "")

    def settle(self, key: str) -> None:
        self._made(key)["status"] = "succeeded"

    def fail(self, key: str) -> None:
        self.fake.fail_refund(self._made(key)["id"])

    def give_back(self, key: str) -> None:
        made = self._made(key)
        if made["object"] == "refund":
            self.fake.fail_refund(made["id"])
        else:
            self.fake.post_reversals(made["id"], {})

    def webhooks(self) -> Iterable[Webhook]:
        sent, self.fake.events = self.fake.events, []
        return [Webhook(*self.fake.signed(event)) for event in sent]

    def charge_back(self, order_id: str, amount: int) -> None:
        """The kit itself says so to the order."""
        intent = self._paid[order_id][0]
        currency = self.fake.things[intent]["currency"]
        before = [*self.fake.events]
        self._disputes[order_id] = self.fake.dispute(intent, to_stripe(amount, currency.upper()))
        self.fake.events = before

    def decide(self, order_id: str, outcome: Literal["won", "lost"]) -> None:
        before = [*self.fake.events]
        self.fake.set_dispute(self._disputes[order_id], outcome)
        self.fake.events = before

    def close_account(self, order_id: str, leg: LegName) -> None:
        self._close(order_id, leg, closed=True)

    def open_account(self, order_id: str, leg: LegName) -> None:
        self._close(order_id, leg, closed=False)

    def _close(self, order_id: str, leg: LegName, *, closed: bool) -> None:
        intent, freelancer = self._paid[order_id]
        if leg == "payout":
            self.fake.reject(freelancer, rejected=closed)
        else:
            self.fake.things[self.fake.things[intent]["latest_charge"]]["_expired"] = closed

    def _made(self, key: str) -> Thing:
        made = (*self.fake.all("refund"), *self.fake.all("transfer"))
        return next(one for one in made if one["metadata"]["recourse_key"] == key)


def _booked(
    key: str, made: Thing, status: Literal["pending", "paid", "failed", "returned", "refused"], id_: str
) -> Booked:
    return Booked(key, from_stripe(int(made["amount"]), made["currency"]), made["currency"].upper(), status, id_)


def _status(made: Thing) -> Literal["pending", "paid", "returned"]:
    if made["object"] == "transfer":
        return "returned" if made["reversed"] else "paid"
    return {"pending": "pending", "failed": "returned"}.get(made["status"], "paid")  # type: ignore[return-value]
