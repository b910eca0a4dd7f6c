"""The port to a payment provider. The built-in escrow ledger needs none: it moves money with the step itself."""

import importlib
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from temporalio import activity
from temporalio.exceptions import ApplicationError

from recourse.activities.contract import PAY, Payment
from recourse.errors import BadInput
from recourse.runtime.metrics import Counts

BUILT_IN = "ledger"


@runtime_checkable
class PaymentProvider(Protocol):
    """What a marketplace's payment provider must do."""

    async def pay(self, payment: Payment) -> None:
        """Move the money, once for each idempotency key, however often asked. Any exception means: not yet.

        It is asked again, with the same payment and the same key, until it returns; also where it did move the money
        and only the answer was lost.
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
    """The activity that pays through the provider that an order was opened with."""

    def __init__(self, providers: Mapping[str, PaymentProvider], counts: Counts | None = None) -> None:
        self._providers = providers
        self._counts = counts or Counts()

    @activity.defn(name=PAY)
    async def pay(self, payment: Payment) -> str:
        """Make one payment; fails where the provider does, and the order tries again later."""
        provider = self._providers.get(payment.provider)
        if provider is None:
            self._counts.paid(None, "failed")
            raise ApplicationError(
                f"This worker knows no payment provider {payment.provider!r}: name it in RECOURSE_PAYMENT_PROVIDERS.",
                type="no_provider",
            )
        try:
            await provider.pay(payment)
        except BaseException:
            self._counts.paid(payment.provider, "failed")
            raise
        self._counts.paid(payment.provider, "paid")
        return f"paid {payment.idempotency_key}"
