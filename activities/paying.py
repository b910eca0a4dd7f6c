"""The port to a payment provider. The built-in escrow ledger needs none: it moves money with the step itself."""

from collections.abc import Mapping
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.shapes import PAY, Payment


class PaymentProvider(Protocol):
    """What a marketplace's payment provider must do."""

    async def pay(self, payment: Payment) -> None:
        """Move the money, once for each idempotency key, however often asked. Any exception means: not yet."""


class Paying:
    """The activity that pays through the provider that an order was opened with."""

    def __init__(self, providers: Mapping[str, PaymentProvider]) -> None:
        self._providers = providers

    @activity.defn(name=PAY)
    async def pay(self, payment: Payment) -> str:
        """Make one payment; fails where the provider does, and the order tries again later."""
        provider = self._providers.get(payment.provider)
        if provider is None:
            raise ApplicationError(f"This worker has no payment provider {payment.provider!r}", type="no_provider")
        await provider.pay(payment)
        return f"paid {payment.idempotency_key}"
