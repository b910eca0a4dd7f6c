"""Paying through a provider. The built-in escrow ledger needs none: it moves money with the step itself."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from recourse.activities.contract import PAY, LegToPay
from recourse.activities.providers import CannotPay, PaymentProvider
from recourse.database.payments import PaymentLeg, former_keys, note_attempt, read_leg, write_answer
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import visible
from recourse.resolution.model.payments import LegAnswer
from recourse.runtime.metrics import Counts

# So many calls of a provider that is no coroutine may run, or hang, at once.
THREADS = 16
_TEXT = 200  # characters that are kept of what a provider says
# A leg that was lowered has a new key. Where the old one may have been paid, paying the new one may pay twice.
UNKNOWN = "It was lowered, and whether {amount} was paid under the key {key} before, the provider cannot say."


class Paying:
    """The activity that pays through the provider that an order was opened with: what stands in the database."""

    def __init__(self, pool: Any, providers: Mapping[str, PaymentProvider], counts: Counts | None = None) -> None:
        self._pool = pool
        self._providers = providers
        self._counts = counts or Counts()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="payment")

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
        if leg.status not in ("waiting", "done"):
            return LegAnswer(status="blocked", reason=leg.reason)
        provider = self._providers.get(leg.provider)
        if provider is None:
            self._counts.paid(None, "failed")
            raise ApplicationError(
                f"This worker knows no payment provider {leg.provider!r}: name it in RECOURSE_PAYMENT_PROVIDERS.",
                type="no_provider",
            )
        try:
            answer = await self._ask(provider, leg)
        except BaseException:
            self._counts.paid(leg.provider, "failed")
            raise
        self._counts.paid(leg.provider, "paid" if answer.status == "done" else "blocked")
        await write_answer(self._pool, leg.key, answer)
        return answer

    async def _ask(self, provider: PaymentProvider, leg: PaymentLeg) -> LegAnswer:
        find = getattr(provider, "find", None)
        for former in await former_keys(self._pool, leg):
            if former.status == "done":
                return _under(former, former.reference)
            if find is None and leg.status == "done":
                break
            if find is None:
                return LegAnswer(
                    status="blocked",
                    reason=UNKNOWN.format(key=former.key, amount=write_amount(former.amount, former.currency)),
                )
            if (found := await self._call(find, former)) is not None:
                return _under(former, found)
        # After the former keys: what one of them paid is said again where that answer was lost.
        if leg.status == "done" or not leg.amount:
            return LegAnswer(status="done", reference=leg.reference)
        if leg.attempts and find is not None and (found := await self._call(find, leg)) is not None:
            return LegAnswer(status="done", reference=_kept(found))
        await note_attempt(self._pool, leg.key)
        try:
            reference = await self._call(provider.pay, leg)
        except CannotPay as cannot:
            return LegAnswer(status="blocked", reason=_kept(cannot.reason))
        return LegAnswer(status="done", reference=_kept(reference))

    async def _call(self, method: Callable[[Any], Any], leg: PaymentLeg) -> Any:
        if inspect.iscoroutinefunction(method):
            return await method(leg)
        made = await asyncio.get_running_loop().run_in_executor(self._threads, method, leg)
        return await made if inspect.isawaitable(made) else made


def _under(former: PaymentLeg, reference: object) -> LegAnswer:
    return LegAnswer(status="done", reference=_kept(reference), former_key=former.turn, amount=former.amount)


def _kept(text: object) -> str | None:
    return None if text is None else visible(str(text))[:_TEXT]
