"""The port to a payment provider. The built-in escrow ledger needs none: it moves money with the step itself."""

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, runtime_checkable

from temporalio import activity
from temporalio.exceptions import ApplicationError

from recourse.activities.contract import PAY, LegToPay
from recourse.database.payments import PaymentLeg, former_keys, note_attempt, read_leg, write_answer
from recourse.errors import BadInput
from recourse.resolution.model.amounts import write_amount
from recourse.resolution.model.fields import visible
from recourse.resolution.model.payments import LegAnswer
from recourse.runtime.metrics import Counts

BUILT_IN = "ledger"
# So many calls of a provider that is no coroutine may run, or hang, at once.
THREADS = 16
_TEXT = 200  # characters that are kept of what a provider says
# A leg that was lowered has a new key. Where the old one may have been paid, paying the new one may pay twice.
UNKNOWN = "It was lowered, and whether {amount} was paid under the key {key} before, the provider cannot say."


class CannotPay(Exception):
    """Raised by a provider: this leg can never be paid, for a reason that operators read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@runtime_checkable
class PaymentProvider(Protocol):
    """What a marketplace's payment provider must do. Its methods may be coroutines; others run in threads.

    It may have `find(leg) -> str | None`, too: the reference of a leg that was asked for before and is paid. Without
    it, a leg that is lowered after an answer was lost is blocked until an operator has found out whether it was paid.
    """

    def pay(self, leg: PaymentLeg) -> Awaitable[str | None] | str | None:
        """Move the money of one leg, once for each key, however often asked; returns the provider's reference or None.

        `CannotPay` says that it never can be paid. Any other exception means: not yet. It is then asked again with the
        same leg and key, also where the money did move and only the answer was lost.
        """


class BadProvider(BadInput):
    """A configured payment provider cannot be used; the text says which and why."""


def load_providers(text: str) -> dict[str, PaymentProvider]:
    """The providers that `RECOURSE_PAYMENT_PROVIDERS` names, as `name=package.module:factory`, separated by blanks.

    Each factory is called once, without arguments, and returns a `PaymentProvider`. Its module must be installed where
    the worker runs. Raises BadProvider.
    """
    providers: dict[str, PaymentProvider] = {}
    for entry in text.split():
        name, _, path = entry.partition("=")
        if not name or not path:
            raise BadProvider(f"{entry!r} is not of the form name=package.module:factory.")
        if name == BUILT_IN or name in providers:
            why = "is the built-in escrow ledger" if name == BUILT_IN else "is there twice"
            raise BadProvider(f"{entry!r}: the name {name!r} {why}; take another.")
        providers[name] = _load(entry, path)
    return providers


def _load(entry: str, path: str) -> PaymentProvider:
    module, _, attribute = path.partition(":")
    try:
        factory = getattr(importlib.import_module(module), attribute)
        made = factory()
    # Whatever a foreign module does, the worker's operator reads which one it was.
    except Exception as error:
        raise BadProvider(f"{entry!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(made, PaymentProvider):
        raise BadProvider(f"{entry!r}: {attribute}() returned {type(made).__name__}, which has no method `pay`.")
    return made


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
