"""Whom the provider talks to: our fake, the official stripe-mock, which remembers nothing, or Stripe's test mode."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from stripe import StripeClient

from recourse.local.process import free_port
from recourse.providers.stripe.adapter import Stripe
from tests.stripe.books import AT_ONCE
from tests.stripe.fake import KEY, fake_stripe

TEST_KEY, TEST_ACCOUNT = "RECOURSE_TEST_STRIPE_KEY", "RECOURSE_TEST_STRIPE_ACCOUNT"


@dataclass(frozen=True)
class Market:
    """A platform at one of them. `remembers`: what was moved can be read again."""

    key: str
    url: str | None
    account: str
    remembers: bool = True

    @property
    def provider(self) -> Stripe:
        return Stripe(self.key, url=self.url)

    @property
    def client(self) -> StripeClient:
        return StripeClient(self.key, base_addresses={"api": self.url} if self.url else None)

    def collect(self, amount: int = 10_550) -> str:
        """A payment intent that has succeeded, with its money in the balance."""
        given: Any = {
            "amount": amount,
            "currency": "usd",
            "payment_method": AT_ONCE,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
        return self.client.v1.payment_intents.create(given).id

    def order(self) -> str:
        """An order's id that nobody has used."""
        return f"test-{secrets.token_hex(6)}"


@contextmanager
def market(name: str) -> Iterator[Market]:
    """One of `fake`, `stripe-mock` and `test mode`; skips the test where it cannot be had."""
    match name:
        case "fake":
            with fake_stripe() as fake:
                yield Market(KEY, fake.url, str(fake.post_accounts({})["id"]))
        case "stripe-mock":
            with _stripe_mock() as url:
                yield Market("sk_test_123", url, "acct_123", remembers=False)
        case _:
            key, account = os.environ.get(TEST_KEY, ""), os.environ.get(TEST_ACCOUNT, "")
            if not key.startswith(("sk_test_", "rk_test_")) or not account:
                pytest.skip(f"{TEST_KEY} and {TEST_ACCOUNT} name no account in Stripe's test mode")
            yield Market(key, None, account)


@contextmanager
def _stripe_mock() -> Iterator[str]:
    program = shutil.which("stripe-mock")
    if program is None:
        pytest.skip("stripe-mock is not on PATH; .ci/run builds it where Go is")
    port = free_port()
    with subprocess.Popen(
        [program, "-http-addr", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while not _listens(port):
                assert process.poll() is None, "stripe-mock has ended"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
