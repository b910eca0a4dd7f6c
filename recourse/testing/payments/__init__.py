"""Test an adapter of a payment provider: `check_adapter` searches for a sequence of steps that moves money wrongly.

It needs the extra `recourse[testing]`. docs/payments.md shows how to use it.
"""

from collections.abc import Callable

from recourse.extras import require

require("testing")

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seed_of
from hypothesis.stateful import run_state_machine_as_test

from recourse.ports import PaymentProvider
from recourse.testing.payments.control import Booked, Fault, ProviderControl, Webhook
from recourse.testing.payments.fake import FakeAdapter, FakeProvider, FakeRefusal, FakeStatus, FakeTransfer
from recourse.testing.payments.machine import Payments
from recourse.testing.payments.workshop import Counts, Mistake, Workshop

__all__ = [
    "Booked",
    "Counts",
    "FakeAdapter",
    "FakeProvider",
    "FakeRefusal",
    "FakeStatus",
    "FakeTransfer",
    "Fault",
    "Mistake",
    "ProviderControl",
    "Webhook",
    "check_adapter",
]


def check_adapter(
    make: Callable[[], tuple[PaymentProvider, ProviderControl]],
    *,
    runs: int = 100,
    steps: int = 30,
    seed: int = 1,
    shorten: bool = True,
) -> Counts:
    """Run an adapter against its fake provider, `runs` times with up to `steps` steps. Returns how much was tried.

    `make` returns a new adapter and the handle on a new fake provider behind it. The runs of a `seed` are
    always the same. `shorten`: look for the shortest sequence of steps, which takes a while. Raises Mistake.
    """
    shop = Workshop(make)
    phases = [Phase.generate, *([Phase.shrink] if shorten else [])]
    chosen = settings(
        max_examples=runs,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    def machine() -> Payments:
        return Payments(shop)

    try:
        run_state_machine_as_test(seed_of(seed)(machine), settings=chosen)  # type: ignore[arg-type]
    except Mistake as mistake:
        raise Mistake(*mistake.args) from None
    finally:
        shop.close()
    return shop.counts
