"""Deadlines in the reader's own time zone, and paused weekdays across the changes of clocks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from recourse.policies import load_policy
from recourse.resolution.model.durations import WEEKDAYS, Weekday, window_end
from recourse.resolution.model.instants import in_zone, write_instant
from recourse.resolution.model.order import Opening, open_order
from recourse.resolution.model.policy import Answers
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.zones import offsets_of, read_zone

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    # Clocks that change at midnight itself, so that a day has no beginning or ends twice.
    "America/Havana",
    "Asia/Beirut",
    "America/Asuncion",
    "Africa/Cairo",
)
MINUTE = timedelta(minutes=1)


def minute_by_minute(start: datetime, minutes: int, pause: list[Weekday], zone: str) -> datetime:
    """Walk the window one minute at a time and count only those that do not belong to a paused day."""
    local, moment, left = read_zone(zone), start, minutes
    while left:
        left -= WEEKDAYS[moment.astimezone(local).weekday()] not in pause
        moment += MINUTE
    return moment


def instants(first: datetime, last: datetime) -> st.SearchStrategy[datetime]:
    span = int((last - first) / MINUTE)
    return st.integers(0, span).map(lambda minutes: first + minutes * MINUTE)


# Both changes of clocks of a year, in every zone above, and the Friday that Samoa never had.
AROUND_CHANGES = st.one_of(
    instants(datetime(2025, 3, 5, tzinfo=UTC), datetime(2025, 4, 9, tzinfo=UTC)),
    instants(datetime(2025, 9, 28, tzinfo=UTC), datetime(2025, 11, 5, tzinfo=UTC)),
    instants(datetime(2011, 12, 26, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)),
)


@settings(max_examples=300)
@given(
    start=AROUND_CHANGES,
    minutes=st.integers(1, 5 * 24 * 60),
    pause=st.lists(st.sampled_from(WEEKDAYS), unique=True, max_size=6),
    zone=st.sampled_from(ZONES),
)
@example(datetime(2025, 3, 8, 12, tzinfo=UTC), 48 * 60, ["sunday"], "America/New_York")
@example(datetime(2025, 10, 25, 12, tzinfo=UTC), 48 * 60, ["sunday"], "Europe/Berlin")
@example(datetime(2025, 4, 5, 12, tzinfo=UTC), 48 * 60, ["sunday"], "Australia/Lord_Howe")
@example(datetime(2011, 12, 29, 12, tzinfo=UTC), 48 * 60, ["friday"], "Pacific/Apia")
@example(datetime(2025, 3, 30, 1, tzinfo=UTC), 48 * 60, ["saturday", "sunday"], "Asia/Beirut")
def test_a_window_ends_where_counting_its_minutes_ends(
    start: datetime, minutes: int, pause: list[Weekday], zone: str
) -> None:
    end = window_end(start, minutes * MINUTE, Answers(pause=tuple(pause)).pauses, offsets_of(zone, start))
    walked = minute_by_minute(start, minutes, pause, zone)
    assert end == walked, f"{write_instant(end, zone)} instead of {write_instant(walked, zone)}"


@given(start=AROUND_CHANGES, minutes=st.integers(0, 5 * 24 * 60), zone=st.sampled_from(ZONES))
def test_hours_are_hours_whatever_clock_they_are_given_on(start: datetime, minutes: int, zone: str) -> None:
    local = start.astimezone(read_zone(zone))
    pauses: tuple[tuple[Weekday, ...], ...] = ((), ("sunday",))
    length = minutes * MINUTE
    for pause in pauses:
        offsets = offsets_of(zone, start)
        paused = Answers(pause=pause).pauses
        assert window_end(local, length, paused, offsets) == window_end(start, length, paused, offsets)


@pytest.mark.parametrize("zone", ZONES)
def test_an_order_placed_on_a_local_clock_is_due_after_whole_days_of_24_hours(zone: str) -> None:
    ordered_at = datetime(2025, 3, 8, 12, 0, 0, 250_000, tzinfo=read_zone(zone))
    terms = Terms(
        order_id="o-1", client="c-1", freelancer="f-1", price=100, ordered_at=ordered_at, delivery_time=timedelta(30)
    )
    order = open_order(Opening(terms=terms, policy=load_policy("upwork"), record_salt="x" * 16))
    assert order.due_at is not None
    assert order.due_at - ordered_at.astimezone(UTC).replace(microsecond=0) == timedelta(hours=24 * 30)


@given(at=AROUND_CHANGES, zone=st.sampled_from(ZONES))
def test_an_instant_shown_in_a_zone_is_the_same_instant(at: datetime, zone: str) -> None:
    shown = in_zone(at, zone)
    assert shown == at
    assert shown + timedelta(days=3) == at + timedelta(days=3)
    _, day, clock, offset = write_instant(at, zone).split()
    assert datetime.fromisoformat(f"{day}T{clock}{offset.removeprefix('UTC') or '+00:00'}") == at


@pytest.mark.parametrize(
    ("at", "zone", "written"),
    [
        ("2025-03-06T10:00:00+00:00", "UTC", "Thu 2025-03-06 10:00 UTC"),
        ("2025-03-06T10:00:00+00:00", "America/New_York", "Thu 2025-03-06 05:00 UTC-05:00"),
        ("2025-03-06T23:00:00+00:00", "Asia/Kathmandu", "Fri 2025-03-07 04:45 UTC+05:45"),
        # The hour that the change of clocks repeats is told apart by its offset.
        ("2025-10-26T00:30:00+00:00", "Europe/Berlin", "Sun 2025-10-26 02:30 UTC+02:00"),
        ("2025-10-26T01:30:00+00:00", "Europe/Berlin", "Sun 2025-10-26 02:30 UTC+01:00"),
        ("2025-04-05T15:15:00+00:00", "Australia/Lord_Howe", "Sun 2025-04-06 01:45 UTC+10:30"),
    ],
)
def test_a_deadline_is_shown_on_the_readers_own_clock(at: str, zone: str, written: str) -> None:
    assert write_instant(datetime.fromisoformat(at), zone) == written


@pytest.mark.parametrize("zone", ["", "Berlin", "Europe", "../etc/passwd", "a\x00b", "x" * 5000])
def test_what_is_no_time_zone_is_said_in_a_sentence(zone: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone name"):
        write_instant(datetime(2025, 3, 6, tzinfo=UTC), zone)
    with pytest.raises(ValidationError, match="is not an IANA time zone name"):
        Answers(time_zone=zone)
