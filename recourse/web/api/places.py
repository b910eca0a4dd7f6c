"""Where a page of a list ended, for lists in the order of an instant: the instant and the order's id."""

from datetime import UTC, datetime

from recourse.resolution.model.fields import storable
from recourse.web.problems import malformed

# A sign that a query string holds as it is, as it does those of ids and instants, and that no id has.
_BETWEEN = "~"


def place_after(after: str) -> tuple[datetime, str] | None:
    """The place that a page's `next` names; None at the beginning. Raises Failure (422)."""
    if not after:
        return None
    at, _, order_id = after.partition(_BETWEEN)
    try:
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None or not storable(order_id):
            raise ValueError("it names no place")
        return instant.astimezone(UTC), order_id
    except (ValueError, OverflowError) as error:
        raise malformed(**{"query.after": "is not the `next` of a page"}) from error


def place_of(at: datetime, order_id: str) -> str:
    """The same of a row, as `next` says it."""
    return f"{at.astimezone(UTC).isoformat().removesuffix('+00:00')}Z{_BETWEEN}{order_id}"
