"""How many calls a person may make: a bucket for each, in the memory of this server."""

import math
import time
from collections.abc import Callable

from recourse.web.problems import Failure
from recourse.web.tokens import Bearer

# So many buckets are kept; those that are full again go first.
_KEPT = 10_000


class Rates:
    """Lets each client, freelancer and operator make `per_minute` calls, at once or spread; 0: as many as they like.

    A service is the marketplace itself, and has no limit.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = per_minute, clock
        # By role and id, or kind and name: so many calls are left, as of that second.
        self._left: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, bearer: Bearer) -> None:
        """Count the call of a person. Raises Failure (429) where none is left."""
        if bearer.role != "service":
            self.count(bearer.role, bearer.id)

    def count(self, kind: str, name: str) -> None:
        """Count a call of anybody else. Raises Failure (429) where none is left."""
        if not self._most:
            return
        now, key = self._clock(), (kind, name)
        left = self._now_left(key, now)
        if left < 1:
            wait = math.ceil((1 - left) * 60 / self._most)
            detail = f"At most {self._most} calls a minute are taken. Wait for {wait} s."
            raise Failure(
                429, "too_many_calls", "There are too many calls.", detail=detail, headers={"Retry-After": str(wait)}
            )
        self._left[key] = (left - 1, now)
        if len(self._left) > _KEPT:
            self._left = {one: kept for one, kept in self._left.items() if self._now_left(one, now) < self._most}

    def _now_left(self, key: tuple[str, str], now: float) -> float:
        left, at = self._left.get(key, (float(self._most), now))
        return min(self._most, left + (now - at) * self._most / 60)
