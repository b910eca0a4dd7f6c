"""How the orders of the crash campaign live."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Speed:
    """How the orders of a campaign live. Without `notices` no channel is configured; with `minutes`, the database is
    away for so long once, when half of the crash points are hit."""

    at_once: int
    day: timedelta
    moves: range
    by_clock_alone: float
    with_bank: float
    notices: bool
    minutes: bool


WHOLE = Speed(16, timedelta(seconds=4), range(4, 10), by_clock_alone=0.3, with_bank=0.15, notices=True, minutes=True)
# Without what takes minutes until it is tried again: a payment that failed, a delivery that was cut off.
QUICK = Speed(7, timedelta(seconds=2), range(3, 7), by_clock_alone=0, with_bank=0, notices=False, minutes=False)
