"""One run of the kit: its orders, worker and provider, and how a step is taken and described."""

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from recourse.activities.paying import Paying
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.payments import Leg, LegName
from recourse.testing.payments.checks import Book, keys_of, unknown
from recourse.testing.payments.control import OF_A_CALL, Booked, Fault, Webhook
from recourse.testing.payments.heard import Heard
from recourse.testing.payments.sale import Sale
from recourse.testing.payments.workshop import Mistake, Workshop

__all__ = ["NAME", "Run"]

NAME = "kit"
BEGAN = datetime(2025, 3, 3, 9, tzinfo=UTC)
# At which of its statements a worker is killed in a round; mostly at none.
KILLS = st.sampled_from([None, None, None, None, None, *range(7)])


class Run(RuleBasedStateMachine):
    """What the rules of a run act on. `sales` are its orders, `mail` the webhooks that have not come in yet."""

    def __init__(self, shop: Workshop) -> None:
        super().__init__()
        self.shop = shop
        self.adapter: Any
        self.adapter, self.control = shop.make()
        self.heard = Heard(self.adapter)
        shop.table.clear()
        shop.table.now = lambda: self.now
        self.paying = Paying(shop.table, {NAME: self.heard.provider})
        self.sales: list[Sale] = []
        self.now = BEGAN
        self.mail: list[tuple[str, Webhook | None]] = []
        self.received: list[Webhook] = []
        self.closed: set[tuple[str, LegName]] = set()
        self.over = False
        faults = [fault for fault in Fault if fault in OF_A_CALL and fault in self.control.faults]
        self.calls = st.lists(st.sampled_from([None, *faults, *faults[-1:]]), max_size=4)

    def _open(self) -> list[Sale]:
        return [sale for sale in self.sales if not sale.order.closed]

    def _completed(self) -> list[Sale]:
        return [sale for sale in self.sales if sale.order.phase == "completed" and not sale.order.still]

    def _contested(self) -> list[Sale]:
        return [sale for sale in self.sales if sale.order.open_chargeback is not None]

    def _retrying(self) -> list[Sale]:
        return [sale for sale in self.sales if sale.order.retry_at is not None and not sale.order.still]

    def _waiting(self) -> Iterable[tuple[Sale, Leg]]:
        return [(sale, leg) for sale in self.sales for leg in sale.order.legs if leg.status == "waiting"]

    def _stuck(self) -> list[tuple[Sale, Leg]]:
        """Legs about which operators can decide. They look first whether a leg was paid before it was lowered."""
        book = self._book()
        return [
            (sale, leg)
            for sale in self.sales
            for leg in sale.order.legs
            if leg.stuck and not sale.order.still and not (unknown(leg) and book.live(sale, leg))
        ]

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

    def _pass(self, length: timedelta) -> None:
        forgets = ", and the provider forgets its keys" if length > self.control.forgets_after else ""
        self._tell(f"{write_duration(length)} pass{forgets}.")
        self._advance(length)

    def _advance(self, length: timedelta) -> None:
        self.now += length
        self.control.advance(length)

    def _decide(self, sale: Sale, outcome: Literal["lost", "won"]) -> None:
        self._tell(f"The chargeback about {sale.id} is {outcome}.")
        self.control.decide(sale.id, outcome)
        sale.say("system", "payment_event", event="chargeback_closed", outcome=outcome)

    def _booked(self, status: str) -> list[Booked]:
        return [one for one in self.control.book() if one.status == status]

    def _book(self) -> Book:
        unreported = frozenset(key for key, _ in self.mail)
        return Book(list(self.control.book()), self.heard.legs, unreported, self.control.legs)

    def _post(self, booked: Booked) -> None:
        sent = list(self.control.webhooks()) if hasattr(self.adapter, "read_event") else []
        self.mail += [(booked.key, webhook) for webhook in sent] or [(booked.key, None)]

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
