"""What can happen between orders, workers and a provider; after each step and at the end, what must hold is checked."""

from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Literal

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from recourse.policies import load_policy
from recourse.ports import BadSignature, PaymentToCheck
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.money import chargeback_bounds, late_refund_bounds
from recourse.resolution.model.order import Opening
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.terms import Terms
from recourse.testing.payments.control import Fault, Webhook
from recourse.testing.payments.run import NAME, Run
from recourse.testing.payments.sale import Sale

__all__ = ["Payments"]

# Once nothing fails any more, every leg has its answer after so many rounds.
LAST_ROUNDS = 4
LONGEST = timedelta(days=31)
SIDES = st.sampled_from(["platform", "freelancer"])


@cache
def _policy(bears: str) -> Policy:
    changes = {"cases.after_completion": "7d", "money.late_refund_from": bears, "money.chargeback_loss": bears}
    return load_policy("resolution_center", changes)


class Payments(Run):
    """Orders of a marketplace that pays through the adapter."""

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


def _written(sale: Sale, amount: int) -> str:
    return write_amount(amount, sale.order.terms.currency)
