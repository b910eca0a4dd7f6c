"""Payments through Stripe Connect: `RECOURSE_PAYMENT_PROVIDERS=stripe=recourse.providers.stripe:connect`."""

from typing import TYPE_CHECKING

from recourse.extras import require

if TYPE_CHECKING:
    from recourse.providers.stripe.adapter import Stripe


def connect() -> "Stripe":
    """The provider, as the environment sets it up. Raises BadSettings, MissingExtra."""
    require("stripe")
    from recourse.providers.stripe.adapter import Stripe
    from recourse.providers.stripe.settings import read_stripe

    settings = read_stripe()
    return Stripe(
        settings.key.get_secret_value(),
        webhook_secrets=settings.webhook_secret.get_secret_value().split(),
        url=settings.url or None,
    )
