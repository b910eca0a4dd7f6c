"""How long tests wait for what must happen: a slow machine needs ten times as long as a usual one, and more."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

PATIENCE = 900.0  # seconds; only a test that fails waits so long
# Seconds that a test lets pass in real time. A machine that is too slow for the first gets the next.
_WINDOWS = (3, 30, 300)


class TooSlow(Exception):
    """What should have come before a deadline came after it; a longer window is needed."""


async def in_real_time(test: Callable[[int], Awaitable[None]]) -> None:
    """Run a test with a window of so many seconds: long enough for this machine, and no longer than it has to be."""
    for window in _WINDOWS:
        try:
            await test(window)
        except TooSlow:
            if window == _WINDOWS[-1]:
                raise
        else:
            return


def in_time(deadline: datetime | None, margin: timedelta = timedelta(seconds=1)) -> None:
    """Raises TooSlow where no deadline is left, it is over, or so near that what comes next may be late."""
    if deadline is None or datetime.now(UTC) + margin > deadline:
        raise TooSlow(f"{deadline} was too soon for this machine")
