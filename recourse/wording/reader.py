"""How the reader's language writes lengths of time, amounts, instants, numbers and lists, by CLDR.

English is written as it is everywhere in Recourse, with the codes of currencies and the offset from UTC.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from recourse.resolution.model.amounts import decimals, write_amount
from recourse.resolution.model.durations import write_duration
from recourse.resolution.model.instants import in_zone, write_instant
from recourse.wording import english
from recourse.wording.languages import ENGLISH, language, say

_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}


def amount(minor: int, currency: str) -> str:
    """`minor` units of a currency: `105.50 USD`, `105,50 USD`."""
    if language() == ENGLISH:
        return write_amount(minor, currency)
    from decimal import Decimal

    from babel.numbers import format_decimal

    places = decimals(currency)
    number = format_decimal(
        Decimal(minor).scaleb(-places), "#,##0" + ("." + "0" * places if places else ""), language()
    )
    # The code stands for itself in every language, and cannot be mistaken as signs such as $ can.
    return f"{number}\N{NO-BREAK SPACE}{currency}"


def percent(value: float) -> str:
    """A share of a hundred: `97.5 %`."""
    if language() == ENGLISH:
        return f"{value:g} %"
    from babel.numbers import format_percent

    return format_percent(value / 100, "#,##0.##\N{NO-BREAK SPACE}%", language())


def instant(at: datetime, zone: str) -> str:
    """An instant on the reader's clock, such as `Tue 4 Mar 2025, 11:00 UTC+01:00`."""
    here = in_zone(at, zone)
    offset = here.isoformat(timespec="minutes")[16:]
    said = f"UTC{'' if offset == '+00:00' else offset}"
    if language() == ENGLISH:
        return f"{here:%a} {here.day} {here:%b %Y, %H:%M} {said}"
    return f"{_day_and_time(here, 'yMMMEd')} {said}"


def long_instant(at: datetime) -> str:
    """An instant of a mail, in UTC: `Tue 2025-03-04 10:00 UTC`."""
    return write_instant(at) if language() == ENGLISH else instant(at, "UTC")


def short_instant(at: datetime) -> str:
    """A day and a time in UTC without the year, such as `Thu 6 Mar, 10:00 UTC`."""
    if language() == ENGLISH:
        return f"{at:%a} {at.day} {at:%b, %H:%M} UTC"
    return f"{_day_and_time(at, 'MMMEd')} UTC"


def _day_and_time(at: datetime, skeleton: str) -> str:
    from babel.dates import format_skeleton, format_time

    # The numbers alone: their zone stands behind them.
    naive = at.replace(tzinfo=None)
    day = format_skeleton(skeleton, naive, locale=language())
    return f"{day}, {format_time(naive, 'HH:mm', locale=language())}"


def span(length: timedelta) -> str:
    """A length of time: `48 hours`, `1 hour`, `3 days`."""
    if language() == ENGLISH:
        return english.span(length)
    text = write_duration(length)
    return _counted(int(text[:-1]), _UNITS[text[-1]])


def left(until: datetime, now: datetime) -> str:
    """How much time is left, in its two largest units; `over` where none is."""
    rest = int((until - now) / timedelta(minutes=1))
    if rest <= 0:
        return say("less than a minute left") if until > now else say("over")
    days, hours, minutes = rest // 1440, rest // 60 % 24, rest % 60
    parts = [_counted(count, unit) for count, unit in ((days, "day"), (hours, "hour"), (minutes, "minute")) if count]
    return say("{time} left", time=" ".join(parts[:2]))


def _counted(count: int, unit: str) -> str:
    if language() == ENGLISH:
        return f"{count} {unit}{'' if count == 1 else 's'}"
    from babel.units import format_unit

    return format_unit(count, f"duration-{unit}", "long", locale=language())


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; `last`: `and` or `or`."""
    if language() == ENGLISH:
        return english.listed(words, last)
    from babel.lists import format_list

    return format_list(list(words), "or" if last == "or" else "standard", locale=language())
