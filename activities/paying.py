"""Paying through a provider. The built-in escrow ledger needs none: it moves money with the step itself."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from recourse.activities.calling import LEAST, Calls
from recourse.activities.contract import PAY, LegToPay
from recourse.activities.providers import CannotPay, PaymentProvider, TryLater
from recourse.database.payments import (
    PaymentLeg,
    asked_within,
    former_keys,
    note_attempt,
    read_leg,
    write_answer,
)
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import visible
from recourse.resolution.model.payments import LegAnswer
from recourse.runtime.metrics import Counts

# Seconds for all calls of one attempt; the order gives it half a minute.
WITHIN = 25.0
# A provider that asks for at most so many seconds is asked again in the same attempt, otherwise in the next one.
SHORT = 5.0
PAUSE = 0.5  # seconds, the least
# Seconds for which a call may still move its money, whatever became of the call: no answer, an error, a worker that
# was killed. Under its own key that is once; a leg that was lowered meanwhile has another.
LATE = 120.0
_TEXT = 200  # characters that are kept of what a provider says
# A leg that was lowered has a new key. Where the old one may have been paid, paying the new one may pay twice.
UNKNOWN = "The leg was lowered, and the provider cannot say whether {amount} was paid under its former key {key}."
UNENDED = "A call for the key {key} may not have ended yet."


class Paying:
    """The activity that pays through the provider that an order was opened with: what stands in the database."""

    def __init__(self, pool: Any, providers: Mapping[str, PaymentProvider], counts: Counts | None = None) -> None:
        self._pool = pool
        self._calls = {name: Calls(name, provider) for name, provider in providers.items()}
        self._counts = counts or Counts()

    @activity.defn(name=PAY)
    async def pay(self, asked: LegToPay) -> LegAnswer:
        """Ask the provider for one leg, unless it has answered; fails where it does, and the order tries again."""
        leg = await read_leg(self._pool, asked.order_id, asked.leg)
        if leg is None:
            raise ApplicationError(
                f"No step of order {asked.order_id} has written the payment {asked.leg}.",
                type="no_such_payment",
                non_retryable=True,
            )
        if leg.status == "done":
            return LegAnswer(status="done", reference=leg.reference)
        if leg.status != "waiting":
            return LegAnswer(status="blocked", reason=leg.reason)
        formers = await former_keys(self._pool, leg)
        for former in formers:
            if former.status == "done":
                return _under(former, former.reference)
        calls = self._calls.get(leg.provider)
        if calls is None:
            self._counts.paid(None, "failed")
            raise ApplicationError(
                f"This worker knows no payment provider {leg.provider!r}: name it in RECOURSE_PAYMENT_PROVIDERS.",
                type="no_provider",
            )
        try:
            key, answer = await self._ask(calls, leg, formers)
        except BaseException:
            self._counts.paid(leg.provider, "failed")
            raise
        self._counts.paid(leg.provider, "paid" if answer.status == "done" else "blocked")
        await write_answer(self._pool, key, answer)
        return answer

    async def _ask(self, calls: Calls, leg: PaymentLeg, formers: Sequence[PaymentLeg]) -> tuple[str, LegAnswer]:
        """The key, and the provider's answer to it. If it asks for a short wait, it is asked again here."""
        loop, asked = asyncio.get_running_loop(), leg.attempts > 0
        until = loop.time() + WITHIN
        while True:
            try:
                return await self._ask_once(calls, leg, formers, until, asked=asked)
            except CannotPay as cannot:
                return leg.key, LegAnswer(status="blocked", reason=_kept(cannot.reason))
            except TryLater as later:
                if later.after is None or later.after > SHORT or loop.time() + later.after + LEAST > until:
                    raise
                asked = True
                await asyncio.sleep(max(later.after, PAUSE))

    async def _pay(self, calls: Calls, leg: PaymentLeg, until: float) -> str | None:
        note = partial(note_attempt, self._pool, leg.key)
        return await calls.reference(calls.provider.pay, leg, until, key=leg.key, first=note)

    async def _ask_once(
        self, calls: Calls, leg: PaymentLeg, formers: Sequence[PaymentLeg], until: float, *, asked: bool
    ) -> tuple[str, LegAnswer]:
        for one in (leg, *formers):
            # It may yet move the money, whatever looking it up says now.
            if one.key in calls.unended:
                raise TryLater(UNENDED.format(key=one.key))
        find = getattr(calls.provider, "find", None)
        for former in formers:
            if find is None:
                amount = write_amount(former.amount, former.currency)
                return leg.key, LegAnswer(status="blocked", reason=UNKNOWN.format(key=former.key, amount=amount))
            if found := await calls.reference(find, former, until):
                return former.key, _under(former, found)
            if await asked_within(self._pool, former.key, timedelta(seconds=getattr(calls.provider, "late", LATE))):
                raise TryLater(UNENDED.format(key=former.key))
        if not leg.amount:
            return leg.key, LegAnswer(status="done")
        if asked and find is not None and (found := await calls.reference(find, leg, until)):
            return leg.key, LegAnswer(status="done", reference=_kept(found))
        return leg.key, LegAnswer(status="done", reference=_kept(await self._pay(calls, leg, until)))


def _under(former: PaymentLeg, reference: object) -> LegAnswer:
    return LegAnswer(status="done", reference=_kept(reference), former_key=former.turn, amount=former.amount)


def _kept(text: object) -> str | None:
    return None if text is None else visible(str(text))[:_TEXT]
