"""Whether the clocks of this machine and of its servers agree: deadlines, stamps and tokens go by all of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

APART = timedelta(seconds=30)
Clock = Callable[[], datetime]


def clock() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def apart(server: str, theirs: datetime, ours: datetime) -> str | None:
    """That the clock of a server is wrong, or that of this machine; None: they agree."""
    ahead = theirs - ours
    if abs(ahead) <= APART:
        return None
    side = "ahead of" if ahead > timedelta() else "behind"
    seconds = abs(ahead).total_seconds()
    return f"The clock of {server} is {seconds:.0f} s {side} that of this machine: synchronize both."
