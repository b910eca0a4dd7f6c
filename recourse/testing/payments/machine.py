"""What can happen between orders, workers and a provider; after each step and at the end, what must hold is checked."""

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from recourse.activities.paying import Paying
from recourse.policies import load_policy
from recourse.ports import BadSignature, PaymentProvider, PaymentToCheck
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.money import chargeback_bounds, late_refund_bounds
from recourse.resolution.model.order import Opening
from recourse.resolution.model.payments import Leg, LegName
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Terms
from recourse.testing.payments.checks import Book, keys_of, unknown
from recourse.testing.payments.control import OF_A_CALL, Booked, Fault, ProviderControl, Webhook
from recourse.testing.payments.heard import Heard
from recourse.testing.payments.sale import Sale
from recourse.testing.payments.table import PaymentsTable

__all__ = ["Counts", "Mistake", "Payments", "Workshop"]

NAME = "kit"
BEGAN = datetime(2025, 3, 3, 9, tzinfo=UTC)
# Once nothing fails any more, every leg has its answer after so many rounds.
LAST_ROUNDS = 4
LONGEST = timedelta(days=31)
SIDES = st.sampled_from(["platform", "freelancer"])
# At which of its statements a worker is killed in a round; mostly at none.
KILLS = st.sampled_from([None, None, None, None, None, *range(7)])


class Mistake(AssertionError):
    """An adapter has a mistake: what is wrong, and the shortest sequence of steps to it that was found."""


@dataclass
class Counts:
    """How much was tried: runs, steps, calls of the adapter, and payments that moved."""

    runs: int = 0
    steps: int = 0
    calls: int = 0
    payments: int = 0

    def add(self, more: "Counts") -> None:
        """Count what was tried elsewhere, too."""
        for name in ("runs", "steps", "calls", "payments"):
            setattr(self, name, getattr(self, name) + getattr(more, name))


@dataclass
class Workshop:
    """What all runs share: the table in memory, and the loop in which the worker's activity runs."""

    make: Callable[[], tuple[PaymentProvider, ProviderControl]]
    counts: Counts = field(default_factory=Counts)
    table: PaymentsTable = field(default_factory=PaymentsTable)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def close(self) -> None:
        """Leave nothing behind."""
        self.table.close()
        self.loop.close()


@cache
def _policy(bears: str) -> Policy:
    changes = {"cases.after_completion": "7d", "money.late_refund_from": bears, "money.chargeback_loss": bears}
    return load_policy("resolution_center", changes)


class Payments(RuleBasedStateMachine):
    """Orders of a marketplace that pays through the adapter."""

    def __init__(self, shop: Workshop) -> None:
        super().__init__()
        self.shop = shop
        self.adapter: Any
        self.adapter, self.control = shop.make()
        self.heard = Heard(self.adapter)
        shop.table.clear()
        self.paying = Paying(shop.table, {NAME: self.heard.provider})
        self.sales: list[Sale] = []
        self.now = BEGAN
        self.mail: list[tuple[str, Webhook | None]] = []
        self.received: list[Webhook] = []
        self.closed: set[tuple[str, LegName]] = set()
        self.over = False
        faults = [fault for fault in Fault if fault in OF_A_CALL and fault in self.control.faults]
        self.calls = st.lists(st.sampled_from([None, *faults, *faults[-1:]]), max_size=4)

    # What the parties and the operators do.

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self._order(data)

    @precondition(lambda self: len(self.sales) < 3)
    @rule(data=st.data())
    def order(self, data: st.DataObject) -> None:
        self._order(data)

    def _order(self, data: st.DataObject) -> None:
        price, fee = data.draw(st.sampled_from([10_000, 33_333, 5_001, 999, 1])), data.draw(st.sampled_from([0, 550]))
        currency = data.draw(st.sampled_from(list(self.control.currencies)))
        order_id = f"o-{len(self.sales) + 1}"
        due = PaymentToCheck(order_id=order_id, payment=None, destination=None, amount=price + fee, currency=currency)
        terms = Terms(
            order_id=order_id,
            client=f"client-{order_id}",
            freelancer=f"freelancer-{order_id}",
            currency=currency,
            price=price,
            service_fee=fee,
            ordered_at=self.now,
            delivery_time=timedelta(days=5),
            **self.control.collect(due),
        )
        policy = _policy(data.draw(SIDES))
        opening = Opening(terms=terms, policy=policy, record_salt="the salt of the kit's records", provider=NAME)
        self.sales.append(Sale(opening, self.shop.table, self.paying, self.shop.loop))
        self._tell(f"Order {order_id}: the client pays {write_amount(price + fee, currency)}.")

    @precondition(lambda self: self._open())
    @rule(data=st.data(), part=st.sampled_from([0, 3, 2]))
    def cancel(self, data: st.DataObject, part: int) -> None:
        sale = self._sale(data, self._open())
        amount = sale.order.price // part if part else 0
        if sale.say("client", "request", kind="cancel", approval="ask", amount=amount):
            with self._step(data, sale, f"{sale.id} is canceled; the freelancer keeps {_written(sale, amount)}."):
                sale.say("freelancer", "accept")

    @precondition(lambda self: self._open())
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        sale = self._sale(data, self._open())
        sale.say("freelancer", "deliver")
        with self._step(data, sale, f"{sale.id} is completed."):
            sale.say("client", "complete")

    @precondition(lambda self: self._open())
    @rule(data=st.data(), part=st.sampled_from([2, 7]))
    def refund_a_part(self, data: st.DataObject, part: int) -> None:
        sale = self._sale(data, self._open())
        amount = sale.order.price // part
        if sale.say("freelancer", "request", kind="partial_refund", amount=amount, comment="-"):
            with self._step(data, sale, f"{sale.id} goes on; the client gets {_written(sale, amount)} back."):
                sale.say("client", "accept")

    @precondition(lambda self: self._completed())
    @rule(data=st.data(), whole=st.booleans())
    def lower(self, data: st.DataObject, whole: bool) -> None:
        """An operator gives back a part of a completed order, which may lower its payout."""
        sale = self._sale(data, self._completed())
        if sale.say("operator", "open_case", explanation="-"):
            most = late_refund_bounds(sale.order)[1]
            amount = most if whole else max(most // 2, 1)
            told = f"An operator rules that the client of {sale.id} gets {_written(sale, amount)} of the price back."
            with self._step(data, sale, told):
                sale.say("operator", "rule", outcome="refund", amount=amount, explanation="-")

    @precondition(lambda self: self._stuck())
    @rule(data=st.data(), by_hand=st.booleans())
    def operators_decide(self, data: st.DataObject, by_hand: bool) -> None:
        sale, leg = data.draw(st.sampled_from(self._stuck()))
        if by_hand:
            self._tell(f"An operator has paid {leg.id} of {sale.id} by hand.")
            sale.say("operator", "settle_by_hand", leg=leg.id, reference="by hand", explanation="-")
        else:
            with self._step(data, sale, f"An operator has {leg.id} of {sale.id} tried again, under a new key."):
                sale.say("operator", "retry_payment", leg=leg.id)

    def _stuck(self) -> list[tuple[Sale, Leg]]:
        """Legs about which operators can decide. They look first whether a leg was paid before it was lowered."""
        book = self._book()
        return [
            (sale, leg)
            for sale in self.sales
            for leg in sale.order.legs
            if leg.stuck and not sale.order.still and not (unknown(leg) and book.live(sale, leg))
        ]

    # What time and workers do.

    @precondition(lambda self: self._retrying())
    @rule(data=st.data())
    def try_again(self, data: st.DataObject) -> None:
        """The workers are there when the order tries again."""
        sale = self._sale(data, self._retrying())
        self._pass(max((sale.order.retry_at or self.now) - self.now, timedelta(0)))
        with self._step(data, sale, f"The worker tries {sale.id} again."):
            sale.until(self.now)

    @rule(data=st.data(), hours=st.sampled_from([1, 0, 24 * 7]))
    def wait(self, data: st.DataObject, hours: int) -> None:
        """No worker runs for so long; 0: until the provider has forgotten its keys."""
        forgotten = min(self.control.forgets_after + timedelta(hours=1), LONGEST)
        self._pass(timedelta(hours=hours) if hours else forgotten)
        for sale in self.sales:
            with self._step(data, sale):
                sale.until(self.now)

    def _pass(self, length: timedelta) -> None:
        forgets = ", and the provider forgets its keys" if length > self.control.forgets_after else ""
        self._tell(f"{write_duration(length)} pass{forgets}.")
        self._advance(length)

    def _advance(self, length: timedelta) -> None:
        self.now += length
        self.control.advance(length)

    # What the provider and the world do.

    @precondition(lambda self: self._booked("pending"))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        booked = data.draw(st.sampled_from(self._booked("pending")))
        self._tell(f"The provider settles {booked.reference} ({booked.key}).")
        self.control.settle(booked.key)

    @precondition(lambda self: Fault.FAILS_LATER in self.control.faults and self._booked("pending"))
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        booked = data.draw(st.sampled_from(self._booked("pending")))
        self._tell(f"{booked.reference} ({booked.key}) fails at the provider.")
        self.control.fail(booked.key)
        self._post(booked)

    @precondition(lambda self: Fault.RETURNED in self.control.faults and self._booked("paid"))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        booked = data.draw(st.sampled_from(self._booked("paid")))
        self._tell(f"{booked.reference} ({booked.key}) comes back to the provider.")
        self.control.give_back(booked.key)
        self._post(booked)

    def _post(self, booked: Booked) -> None:
        sent = list(self.control.webhooks()) if hasattr(self.adapter, "read_event") else []
        self.mail += [(booked.key, webhook) for webhook in sent] or [(booked.key, None)]

    @precondition(lambda self: self.mail)
    @rule(data=st.data(), forged=st.booleans())
    def deliver(self, data: st.DataObject, forged: bool) -> None:
        """A webhook comes in, in any order; one that somebody else wrote comes first."""
        key, webhook = data.draw(st.sampled_from(self.mail))
        if forged and webhook is not None:
            self._tell("Somebody sends a webhook of the provider with one more blank at its end.")
            with suppress(BadSignature):
                self._read(Webhook(webhook.headers, webhook.body + b" "))
                self._wrong("`read_event` took a webhook that was changed on its way.")
        self._receive(key, webhook)

    @precondition(lambda self: self.received)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        self._tell("The provider sends a webhook once more.")
        self._take_reports(data.draw(st.sampled_from(self.received)))

    def _receive(self, key: str, webhook: Webhook | None) -> None:
        self.mail.remove((key, webhook))
        if webhook is not None:
            self._tell(f"The provider's webhook about {key} comes in.")
            self.received.append(webhook)
            self._take_reports(webhook)
            return
        # Without webhooks somebody reads it off the provider's dashboard.
        book = self._book()
        for sale in self.sales:
            for leg in sale.order.legs:
                if key in keys_of(sale, leg) and leg.status == "done" and not book.live(sale, leg):
                    self._tell(f"Somebody reports that {leg.id} of {sale.id} came back.")
                    sale.say("system", "payment_event", event="returned", leg=leg.id)

    def _take_reports(self, webhook: Webhook) -> None:
        for report in self._read(webhook):
            for sale in self.sales:
                if sale.id == report.order_id:
                    sale.say("system", "payment_event", report.event_id, **report.fields)

    def _read(self, webhook: Webhook) -> Any:
        return self._finished(self.adapter.read_event(webhook.headers, webhook.body))

    def _finished(self, made: Any) -> Any:
        return self.shop.loop.run_until_complete(made) if inspect.isawaitable(made) else made

    @precondition(lambda self: Fault.CHARGED_BACK in self.control.faults and not self._contested())
    @rule(data=st.data(), part=st.sampled_from([1, 2, 3]))
    def charge_back(self, data: st.DataObject, part: int) -> None:
        sale = self._sale(data, self.sales)
        amount = chargeback_bounds(sale.order)[1] // part
        if amount > 0 and sale.say("system", "payment_event", event="chargeback_opened", amount=amount):
            self._tell(f"The bank of the client of {sale.id} takes {_written(sale, amount)} back.")
            self.control.charge_back(sale.id, amount)

    @precondition(lambda self: self._contested())
    @rule(data=st.data(), outcome=st.sampled_from(["lost", "won"]))
    def decide(self, data: st.DataObject, outcome: Literal["lost", "won"]) -> None:
        sale = self._sale(data, self._contested())
        with self._step(data, sale):
            self._decide(sale, outcome)

    def _decide(self, sale: Sale, outcome: Literal["lost", "won"]) -> None:
        self._tell(f"The chargeback about {sale.id} is {outcome}.")
        self.control.decide(sale.id, outcome)
        sale.say("system", "payment_event", event="chargeback_closed", outcome=outcome)

    @precondition(lambda self: Fault.ACCOUNT_CLOSED in self.control.faults)
    @rule(data=st.data())
    def close_or_open_account(self, data: st.DataObject) -> None:
        sale, leg = self._sale(data, self.sales), data.draw(st.sampled_from(list(self.control.legs)))
        closed = (sale.id, leg) in self.closed
        self._tell(f"The provider {'opens' if closed else 'closes'} the account that a {leg} of {sale.id} goes to.")
        (self.control.open_account if closed else self.control.close_account)(sale.id, leg)
        self.closed ^= {(sale.id, leg)}

    @precondition(lambda self: self.heard.legs)
    @rule()
    def look_up(self) -> None:
        """`find` says what the provider's book says."""
        if not hasattr(self.adapter, "find"):
            return
        self.control.inject(())
        live = {one.key: f"{one.status}, {one.reference}" for one in self.control.book() if one.live}
        unreported = {key for key, _ in self.mail}
        for key, leg in self.heard.legs.items():
            if leg.name not in self.control.legs or key in unreported:
                continue
            try:
                found = self._finished(self.adapter.find(leg))
            # Whatever it raises means: not yet.
            except Exception:  # noqa: BLE001, S112
                continue
            if found is None and key in live:
                self._wrong(f"`find` says nothing of {key}, which is {live[key]}.")
            if found is not None and key not in live:
                self._wrong(f"`find` says that {key} is paid, {found}, and it failed, came back or was never paid.")

    # What must hold.

    @invariant()
    def nothing_is_wrong(self) -> None:
        self.shop.counts.steps += 1
        for wrong in self._book().wrong(self.sales):
            self._wrong(wrong)

    def teardown(self) -> None:
        if self.sales and not self.over:
            self._end()
        self.shop.counts.runs += 1
        self.shop.counts.calls += self.heard.calls
        self.shop.counts.payments += sum(one.live for one in self.control.book())

    def _end(self) -> None:
        """Nothing fails any more, the provider answers and reports everything: every cent has moved once."""
        self._tell("From here on nothing fails, and everything is reported.")
        for sale in self._contested():
            self._decide(sale, "won")
        for sale in self.sales:
            sale.say("freelancer", "deliver")
            sale.say("client", "complete")
        self._last_rounds()
        refused = {one.key for one in self.control.book() if one.status == "refused"}
        for sale, leg in self._waiting():
            why = "which the provider refuses for good" if leg.key_in(sale.id) in refused else "and nothing fails"
            self._wrong(f"{leg.id} of {sale.id} is still waiting, {why}.")
        for sale, leg in self._stuck():
            if (sale.id, leg.name) in self.closed:
                self.control.open_account(sale.id, leg.name)
            self._tell(f"An operator has {leg.id} of {sale.id} tried again, under a new key.")
            sale.say("operator", "retry_payment", leg=leg.id)
        self._last_rounds()
        for sale, leg in (*self._waiting(), *self._stuck()):
            self._wrong(f"{leg.id} of {sale.id} is still {leg.status}, although nothing fails: {leg.reason}")
        self.look_up()
        for sale in self.sales:
            for wrong in self._book().unexplained(sale):
                self._wrong(wrong)

    def _last_rounds(self) -> None:
        for _ in range(LAST_ROUNDS):
            self.control.inject(())
            for booked in self._booked("pending"):
                self.control.settle(booked.key)
            for key, webhook in list(self.mail):
                self._receive(key, webhook)
            self._advance(timedelta(hours=1))
            for sale in self.sales:
                sale.until(self.now)
            self.nothing_is_wrong()

    def _waiting(self) -> Iterable[tuple[Sale, Leg]]:
        return [(sale, leg) for sale in self.sales for leg in sale.order.legs if leg.status == "waiting"]

    # How a step is taken and described.

    def _open(self) -> list[Sale]:
        return [sale for sale in self.sales if not sale.order.closed]

    def _completed(self) -> list[Sale]:
        return [sale for sale in self.sales if sale.order.phase == "completed" and not sale.order.still]

    def _contested(self) -> list[Sale]:
        return [sale for sale in self.sales if sale.order.open_chargeback is not None]

    def _retrying(self) -> list[Sale]:
        return [sale for sale in self.sales if sale.order.retry_at is not None and not sale.order.still]

    def _sale(self, data: st.DataObject, among: list[Sale]) -> Sale:
        sale = data.draw(st.sampled_from(among)) if len(among) > 1 else among[0]
        sale.now = self.now
        return sale

    @contextmanager
    def _step(self, data: st.DataObject, sale: Sale, told: str | None = None) -> Iterator[None]:
        """Something in which the worker may ask the provider, while calls fail and the worker is killed."""
        calls, kill_at = data.draw(self.calls), data.draw(KILLS)
        sale.forgets = kill_at is not None and data.draw(st.booleans())
        sale.now = self.now
        if told:
            self._tell(told)
        before = self.heard.calls
        place = len(self.heard.words)
        self.control.inject(calls)
        self.shop.table.kill_at = kill_at
        sale.killed = False
        yield
        self.control.inject(())
        self.shop.table.kill_at = None
        if self.heard.calls > before and any(calls):
            how = "; ".join(call.value if call else "well" for call in calls)
            self.heard.words.insert(place, f"The provider's next calls go like this: {how}.")
        if sale.killed:
            self._tell("The worker was killed then" + (", and nobody knows of this round." if sale.forgets else "."))

    def _tell(self, words: str) -> None:
        self.heard.words.append(words)

    def _booked(self, status: str) -> list[Booked]:
        return [one for one in self.control.book() if one.status == status]

    def _book(self) -> Book:
        unreported = frozenset(key for key, _ in self.mail)
        return Book(list(self.control.book()), self.heard.legs, unreported, self.control.legs)

    def _wrong(self, what: str) -> None:
        self.over = True
        numbers = iter(range(1, len(self.heard.words) + 1))
        steps = [words if words[0] == " " else f"{next(numbers)}. {words}" for words in self.heard.words]
        book = [
            f"{one.key}: {write_amount(one.amount, one.currency)}, {one.status} {one.reference}".rstrip()
            for one in self.control.book()
        ]
        raise Mistake("\n".join((
            what, "", "The shortest sequence of steps to it that was found:", *steps,
            "", "The provider's book:", *(dict.fromkeys(book) or ["nothing"]),
        )))  # fmt: skip


def _written(sale: Sale, amount: int) -> str:
    return write_amount(amount, sale.order.terms.currency)
