"""Durations and percentages as a policy file writes them, and windows in which some weekdays do not count."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from recourse.resolution.model.zones import Offsets

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhd])+")
_PERCENTAGE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,9}))?%")
LONGEST = timedelta(days=3660)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def parse_duration(text: Any) -> timedelta:
    """Read `30m`, `48h`, `3d`; a day is 24 hours. Raises ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration: write a number and a unit, such as '30m', '48h' or '3d'")
    seconds = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"([0-9]+)([smhd])", text))
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than ten years")
    return timedelta(seconds=seconds)


def write_duration(length: timedelta) -> str:
    """The shortest single-unit text of a duration of whole seconds."""
    seconds = int(length.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0 and (unit != "d" or seconds // 86400 > 2):
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s" if seconds else "0h"


def parse_percentage(text: Any) -> Fraction:
    """Read `20%` or `12.5%` exactly. Raises ValueError for anything else or more than 100 %."""
    if isinstance(text, Fraction):
        return text
    match = _PERCENTAGE.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is not a percentage: write a text such as '20%' or '12.5%'")
    share = Fraction(f"{match[1]}.{match[2] or 0}") / 100
    if share > 1:
        raise ValueError(f"{text!r} is more than 100%")
    return share


def write_percentage(share: Fraction) -> str:
    """The text of a percentage with up to nine decimals, exact for all that `parse_percentage` reads."""
    billionths = share * 100 * 10**9
    whole, rest = divmod(billionths.numerator // billionths.denominator, 10**9)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") + "%"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+[smhd])+$", "examples": ["30m", "48h", "3d"]}),
]
DurationOrNever = Annotated[
    timedelta | None,
    BeforeValidator(lambda text: None if text is None or text == "never" else parse_duration(text)),
    PlainSerializer(lambda length: "never" if length is None else write_duration(length), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(never|(\d+[smhd])+)$", "examples": ["24h", "never"]}),
]
Percentage = Annotated[
    Fraction,
    BeforeValidator(parse_percentage),
    PlainSerializer(write_percentage, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,3}(\.\d{1,9})?%$", "examples": ["20%", "12.5%"]}),
]


# Whether a day of the calendar is left out of windows; None: none is.
Pauses = Callable[[date], bool] | None


def window_end(start: datetime, length: timedelta, pauses: Pauses, offsets: Offsets) -> datetime:
    """The instant, in UTC, at which `length` has passed since `start`, leaving out the paused days of a time zone.

    Days begin and end at local midnight, so a paused day of 23 or 25 hours is left out whole.
    """
    # On a local clock, Python would add what the hands of the clock move, not what time passes.
    start = start.astimezone(UTC)
    if pauses is None:
        return start + length
    moment, left = start, length
    while True:
        day, midnight = _day_of(moment, offsets)
        if not pauses(day):
            if moment + left <= midnight and not (moment + left == midnight and left == timedelta(0)):
                return moment + left
            left -= midnight - moment
        moment = midnight


def time_counted(start: datetime, end: datetime, pauses: Pauses, offsets: Offsets) -> timedelta:
    """How much time passes between two instants, leaving out the paused days; nothing where `end` is the earlier."""
    if pauses is None or end <= start:
        return max(end - start, timedelta(0))
    moment, counted = start.astimezone(UTC), timedelta(0)
    while moment < end:
        day, midnight = _day_of(moment, offsets)
        if not pauses(day):
            counted += min(midnight, end) - moment
        moment = midnight
    return counted


def _day_of(moment: datetime, offsets: Offsets) -> tuple[date, datetime]:
    """The local day of an instant, and the instant at which that day ends."""
    day = offsets.on_the_clock(moment).date()
    return day, offsets.at(datetime.combine(day + timedelta(days=1), time()))
