"""A fake of Stripe for each test, and the provider that talks to it."""

from collections.abc import Iterator

import pytest

from recourse.providers.stripe.adapter import Stripe
from tests.process.conftest import client
from tests.stripe.fake import KEY, WEBHOOK_SECRET, FakeStripe, fake_stripe

__all__ = ["client"]


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[FakeStripe]:
    with fake_stripe() as fake:
        yield fake


@pytest.fixture
def fake(stripe_server: FakeStripe) -> FakeStripe:
    """The fake, with empty books."""
    stripe_server.forget()
    return stripe_server


@pytest.fixture
def provider(fake: FakeStripe) -> Stripe:
    return Stripe(KEY, webhook_secrets=[WEBHOOK_SECRET], url=fake.url)
