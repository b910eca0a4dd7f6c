"""Time zones: their data, which comes from the pinned package alone, and what of it a decision goes by.

Governments change their clocks, so zone data changes under running orders. A workflow may not read it: a replay with
other data would decide otherwise. A decision gets the offsets as a value, which the workflow's history keeps.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime

from recourse.resolution.model.vocabulary import Frozen

# No answer window that anybody would set is longer; behind it the last offset holds.
AHEAD = timedelta(days=3660)
_STEP = timedelta(hours=12)


class Offsets(Frozen):
    """How far the clocks of one time zone are from UTC: `seconds[n]` ahead of it from `since[n]` on, and the first
    also before."""

    since: tuple[AwareDatetime, ...]
    seconds: tuple[int, ...]

    @classmethod
    def utc(cls) -> "Offsets":
        """Those of UTC."""
        return cls(since=(datetime(1970, 1, 1, tzinfo=UTC),), seconds=(0,))

    def on_the_clock(self, instant: datetime) -> datetime:
        """What the clocks there show at an instant, as a naive time."""
        number = max(bisect_right(self.since, instant) - 1, 0)
        return (instant.astimezone(UTC) + timedelta(seconds=self.seconds[number])).replace(tzinfo=None)

    def at(self, shown: datetime) -> datetime:
        """The instant, in UTC, at which the clocks first show a naive time; a time that they skip counts as the one
        at which they are set forward."""
        shown = shown.replace(tzinfo=UTC)
        before = timedelta(seconds=self.seconds[0])
        for since, seconds in zip(self.since[1:], self.seconds[1:], strict=True):
            if shown - before < since:
                return shown - before
            after = timedelta(seconds=seconds)
            if shown - after < since:
                return shown - before
            before = after
        return shown - before


@cache
def zone_names() -> frozenset[str]:
    """The IANA names of all time zones."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@cache
def read_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ValueError with a sentence for anything else."""
    if name not in zone_names():
        raise ValueError(f"{name!r} is not an IANA time zone name, such as 'Europe/Berlin'")
    data = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    return ZoneInfo.from_file(BytesIO(data), key=name)


def offsets_of(name: str, start: datetime) -> Offsets:
    """The offsets of a time zone from an instant on, as the installed zone data has them. Raises ValueError."""
    return _offsets_from(name, start.astimezone(UTC).date())


@lru_cache(maxsize=64)
def _offsets_from(name: str, day: date) -> Offsets:
    zone = read_zone(name)

    def seconds(instant: datetime) -> int:
        offset = instant.astimezone(zone).utcoffset() or timedelta(0)
        return int(offset.total_seconds())

    # From two days earlier on, so that the last local midnight is in it.
    moment = datetime.combine(day, time(), UTC) - timedelta(days=2)
    end = moment + AHEAD
    since, found = [moment], [seconds(moment)]
    while moment < end:
        following = moment + _STEP
        if seconds(following) != found[-1]:
            # The first second at which the clocks show another time.
            span = range(int(_STEP.total_seconds()) + 1)
            later = bisect_left(span, True, key=lambda more: seconds(moment + timedelta(seconds=more)) != found[-1])
            since.append(moment + timedelta(seconds=later))
            found.append(seconds(following))
        moment = following
    return Offsets(since=tuple(since), seconds=tuple(found))
