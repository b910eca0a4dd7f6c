"""How far an instant is from now, as somebody says it who has just been woken."""

from datetime import datetime, timedelta

_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"), (timedelta(0), "s"))


def length(span: timedelta) -> str:
    """A span in its largest unit that it fills at least twice, rounded down: `3 h`, `2 d`, `90 min`."""
    span = abs(span)
    for unit, name in _UNITS[:-1]:
        if span >= 2 * unit:
            return f"{span // unit} {name}"
    return f"{span // timedelta(seconds=1)} s"


def away(at: datetime | None, now: datetime) -> str:
    """`in 3 h`, or `2 d ago`; `-` where there is no instant."""
    if at is None:
        return "-"
    return f"in {length(at - now)}" if at > now else f"{length(now - at)} ago"


def due(at: datetime | None, now: datetime) -> str:
    """`due in 3 h`, or `overdue since 2 d`; `-` where nothing is due."""
    if at is None:
        return "-"
    return f"due in {length(at - now)}" if at > now else f"overdue since {length(now - at)}"
