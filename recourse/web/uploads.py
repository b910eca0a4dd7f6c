"""How many uploads are under way."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from recourse.web.problems import Failure

_OF_A_PERSON, _IN_ALL = 4, 40  # on this server


class Uploads:
    """How many uploads are under way, so that nobody fills this server's disk with files that are half there."""

    def __init__(self) -> None:
        self._under_way: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def begin(self, role: str, holder: str) -> Iterator[None]:
        """One upload, for as long as the block runs. Raises Failure (429)."""
        key = (role, holder)
        if self._under_way[key] >= _OF_A_PERSON or self._under_way.total() >= _IN_ALL:
            why = "Wait until other files have arrived, then send this one again."
            headers = {"Retry-After": "5"}
            raise Failure(429, "too_many_calls", "There are too many uploads.", detail=why, headers=headers)
        self._under_way[key] += 1
        try:
            yield
        finally:
            self._under_way -= Counter((key,))
