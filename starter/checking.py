"""Whether the money of an order is really there: what a payment provider is asked before the order starts."""

import asyncio
from collections.abc import Mapping

from recourse.activities.calling import Calls
from recourse.activities.extensions import LONGEST
from recourse.activities.providers import CannotPay, PaymentProvider, PaymentToCheck, load_providers
from recourse.errors import PaymentMissing, ProviderUnreachable
from recourse.resolution.model.fields import excerpt, visible
from recourse.resolution.model.terms import Terms


class MoneyCheck:
    """The providers of this process, by name, or the text that names them, which is read when an order needs it."""

    def __init__(self, providers: Mapping[str, PaymentProvider] | str) -> None:
        self._providers = providers
        self._calls: dict[str, Calls] = {}

    async def check(self, name: str, terms: Terms) -> None:
        """Return if the money is there, or no provider here can say. Raises PaymentMissing, ProviderUnreachable."""
        if isinstance(self._providers, str):
            self._providers = load_providers(self._providers)
        provider = self._providers.get(name)
        check = getattr(provider, "check", None)
        if provider is None or check is None:
            return
        calls = self._calls.setdefault(name, Calls(name, provider))
        payment = PaymentToCheck(
            order_id=terms.order_id,
            payment=terms.payment,
            destination=terms.destination,
            amount=terms.price + terms.service_fee,
            currency=terms.currency,
        )
        try:
            await calls.call(check, payment, asyncio.get_running_loop().time() + LONGEST)
        except CannotPay as cannot:
            why = visible(excerpt(cannot.reason))
            raise PaymentMissing(
                f"Order {terms.order_id} cannot start: its money is not there. {name}: {why}"
            ) from cannot
        # Whatever it is, nobody knows whether the money is there.
        except Exception as error:
            raise ProviderUnreachable(
                f"Order {terms.order_id} has not started: {name} did not say whether its money is there "
                f"({type(error).__name__}). Start it again later."
            ) from error
