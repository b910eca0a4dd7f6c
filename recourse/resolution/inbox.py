"""What waits for an order, in the order in which it counts."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Item = TypeVar("Item")


def counts_at(stamp: datetime | None, now: datetime, decided_at: datetime) -> datetime:
    """When a message counts: at the moment of processing, or at its stamp while it waited for us; never later than now
    and never earlier than what was decided last."""
    return max(min(stamp or now, now), decided_at)


@dataclass(frozen=True)
class Queued(Generic[Item]):
    """Something in an inbox; `position`: how many came before it."""

    position: int
    stamp: datetime | None
    item: Item


class Inbox(Generic[Item]):
    """What has come in and is not decided yet. However much waits, to take the first of it costs next to nothing."""

    def __init__(self) -> None:
        self._came = 0
        # In order of arrival: those without a stamp, and those whose stamp lies before what was decided last.
        self._unstamped: list[tuple[int, Queued[Item]]] = []
        self._late: list[tuple[int, Queued[Item]]] = []
        # In order of their stamps.
        self._stamped: list[tuple[datetime, int, Queued[Item]]] = []

    def put(self, item: Item, stamp: datetime | None, now: datetime) -> None:
        """Put something in that comes now and was stamped, if it was, by us."""
        self._came += 1
        self.put_back(Queued(self._came, min(stamp, now) if stamp else None, item))

    def put_back(self, waiting: Queued[Item]) -> None:
        """Put something back to where it was."""
        if waiting.stamp is None:
            heapq.heappush(self._unstamped, (waiting.position, waiting))
        else:
            heapq.heappush(self._stamped, (waiting.stamp, waiting.position, waiting))

    def take(self, now: datetime, decided_at: datetime) -> Queued[Item] | None:
        """Take out what counts first; of what counts at the same instant, what came first."""
        while self._stamped and self._stamped[0][0] <= decided_at:
            _, position, waiting = heapq.heappop(self._stamped)
            heapq.heappush(self._late, (position, waiting))
        heads = [heap[0][-1] for heap in (self._late, self._stamped, self._unstamped) if heap]
        if not heads:
            return None
        first = min(heads, key=lambda head: (counts_at(head.stamp, now, decided_at), head.position))
        if self._late and self._late[0][-1] is first:
            heapq.heappop(self._late)
        elif self._stamped and self._stamped[0][-1] is first:
            heapq.heappop(self._stamped)
        else:
            heapq.heappop(self._unstamped)
        return first

    def __len__(self) -> int:
        return len(self._late) + len(self._stamped) + len(self._unstamped)

    def __iter__(self) -> Iterator[Item]:
        """All that waits, as it came."""
        waiting = [entry[-1] for heap in (self._late, self._stamped, self._unstamped) for entry in heap]
        return iter([one.item for one in sorted(waiting, key=lambda one: one.position)])
