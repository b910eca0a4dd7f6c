"""What turns Stripe on: three variables, each mistake in one sentence that repeats no secret."""

import subprocess
import sys

import pytest

from recourse.activities.providers import BadProvider, PaymentProvider, load_providers
from recourse.providers.stripe import connect
from tests.stripe.fake import KEY, WEBHOOK_SECRET, FakeStripe
from tests.stripe.shop import account, collected, leg

NAMED = "stripe=recourse.providers.stripe:connect"


def test_a_worker_loads_the_provider_from_its_environment(fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_STRIPE_KEY", KEY)
    monkeypatch.setenv("RECOURSE_STRIPE_WEBHOOK_SECRET", f"whsec_new {WEBHOOK_SECRET}")
    monkeypatch.setenv("RECOURSE_STRIPE_URL", f"{fake.url}/")

    provider = load_providers(NAMED)["stripe"]

    assert isinstance(provider, PaymentProvider)
    provider.pay(leg("payout", 4_000, payment=collected(fake), destination=account(fake)))
    assert [made["amount"] for made in fake.all("transfer")] == [4_000]
    fake.dispute(collected(fake))
    assert connect().read_event(*fake.signed(fake.events[-1])) == []


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("RECOURSE_STRIPE_KEY", "", "RECOURSE_STRIPE_KEY is not set: it begins with sk_ or rk_."),
        ("RECOURSE_STRIPE_KEY", "pk_live_secret", "RECOURSE_STRIPE_KEY is not a secret key of Stripe's"),
        ("RECOURSE_STRIPE_KEY", "sk_live secret ", "RECOURSE_STRIPE_KEY is not a secret key of Stripe's"),
        ("RECOURSE_STRIPE_WEBHOOK_SECRET", "secret", "an endpoint at Stripe begins with whsec_"),
        ("RECOURSE_STRIPE_URL", "secret", "RECOURSE_STRIPE_URL: "),
    ],
)
def test_a_mistake_is_named(variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOURSE_STRIPE_KEY", KEY)
    monkeypatch.setenv(variable, value)

    with pytest.raises(BadProvider) as wrong:
        load_providers(NAMED)
    assert says in str(wrong.value)
    assert "secret" not in str(wrong.value).replace("secret key", "").replace("a secret of", "")


def test_logs_do_not_say_who_is_paid(fake: FakeStripe) -> None:
    program = """
import sys
from recourse.providers.stripe.adapter import Stripe
from recourse.runtime.logs import log_to
from tests.stripe.shop import leg
log_to()
Stripe(sys.argv[1], url=sys.argv[2]).pay(leg("payout", 4_000, payment=sys.argv[3], destination=sys.argv[4]))
"""
    who = account(fake)
    given = [sys.executable, "-c", program, KEY, fake.url, collected(fake), who]
    ran = subprocess.run(given, capture_output=True, text=True, check=True)

    assert fake.all("transfer")
    assert ran.stderr == ""
