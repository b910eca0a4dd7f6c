"""What all runs of the kit share: the table, the loop, what was counted, and the error that a run ends with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from recourse.ports import PaymentProvider
from recourse.testing.payments.control import ProviderControl
from recourse.testing.payments.table import PaymentsTable

__all__ = ["Counts", "Mistake", "Workshop"]


class Mistake(AssertionError):
    """An adapter has a mistake: what is wrong, and the shortest sequence of steps to it that was found."""


@dataclass
class Counts:
    """How much was tried: runs, steps, calls of the adapter, and payments that moved."""

    runs: int = 0
    steps: int = 0
    calls: int = 0
    payments: int = 0

    def add(self, more: "Counts") -> None:
        """Count what was tried elsewhere, too."""
        for name in ("runs", "steps", "calls", "payments"):
            setattr(self, name, getattr(self, name) + getattr(more, name))


@dataclass
class Workshop:
    """What all runs share: the table in memory, and the loop in which the worker's activity runs."""

    make: Callable[[], tuple[PaymentProvider, ProviderControl]]
    counts: Counts = field(default_factory=Counts)
    table: PaymentsTable = field(default_factory=PaymentsTable)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def close(self) -> None:
        """Leave nothing behind."""
        self.table.close()
        self.loop.close()
