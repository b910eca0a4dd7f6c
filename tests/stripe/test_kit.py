"""The kit for adapters finds nothing wrong with the one of Stripe."""

import os

from recourse.providers.stripe.adapter import Stripe
from recourse.testing.payments import check_adapter
from tests.stripe.control import StripeControl
from tests.stripe.fake import KEY, WEBHOOK_SECRET, FakeStripe

SIZE = int(os.environ.get("RECOURSE_SIZE", "1"))


def test_no_step_of_orders_workers_and_stripe_moves_money_wrongly(stripe_server: FakeStripe) -> None:
    def make() -> tuple[Stripe, StripeControl]:
        control = StripeControl(stripe_server)
        return Stripe(KEY, webhook_secrets=[WEBHOOK_SECRET], url=stripe_server.url), control

    counts = check_adapter(make, runs=10 * SIZE, seed=SIZE)

    assert counts.runs >= 10 * SIZE
    assert counts.payments > 10 * SIZE
