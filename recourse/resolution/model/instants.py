"""Instants for people: the same moment on the clock of the reader's own time zone (rules, 1)."""

from datetime import datetime

from recourse.resolution.model.zones import read_zone


def in_zone(at: datetime, zone: str) -> datetime:
    """The same instant on the clock of `zone`, fixed to the offset that holds there at that instant.

    What comes back can be added to and compared without surprises: a day of it is 24 hours. Raises ValueError where
    there is no such zone.
    """
    return datetime.fromisoformat(at.astimezone(read_zone(zone)).isoformat())


def write_instant(at: datetime | None, zone: str = "UTC") -> str:
    """An instant to the minute, such as `Tue 2025-03-04 11:00 UTC+01:00`; `-` where there is none.

    The offset is always said, so the hour that a change of clocks repeats cannot be mistaken. Raises ValueError where
    there is no such zone.
    """
    if at is None:
        return "-"
    here = in_zone(at, zone)
    offset = here.isoformat(timespec="minutes")[16:]
    return f"{here:%a %Y-%m-%d %H:%M} UTC{'' if offset == '+00:00' else offset}"
