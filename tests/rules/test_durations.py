"""Durations, percentages, and windows in which some weekdays do not count (rules, 1, 3.6)."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from recourse.resolution.model.durations import (
    LONGEST,
    WEEKDAYS,
    Weekday,
    parse_duration,
    parse_percentage,
    window_end,
    write_duration,
    write_percentage,
)
from recourse.resolution.model.policy import Answers
from recourse.resolution.model.zones import offsets_of, read_zone
from tests.rules.given import Given, hours

ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"]
)
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - the zone comes next
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
PAUSES = st.lists(st.sampled_from(WEEKDAYS), max_size=6, unique=True)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30m", hours(0.5)),
        ("48h", hours(48)),
        ("3d", hours(72)),
        ("1h30m", hours(1.5)),
        ("0h", hours(0)),
        ("3660d", LONGEST),
    ],
)
def test_durations_are_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "h", "3", "-3h", "3 h", "1.5h", "3w", "3661d", "999999999d999999999d", "\u0663h", 3, None]
)
def test_anything_else_is_not_one(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration|ten years"):
        parse_duration(text)


@examples(st.integers(0, int(LONGEST.total_seconds())))
def test_a_duration_is_written_as_it_is_read(count: int) -> None:
    assert parse_duration(write_duration(timedelta(seconds=count))) == timedelta(seconds=count)


@pytest.mark.parametrize("text", ["0%", "20%", "12.5%", "100%", "0.000000001%", "33.333333333%"])
def test_percentages_are_exact(text: str) -> None:
    assert parse_percentage(text) == Fraction(text.rstrip("%")) / 100
    assert write_percentage(parse_percentage(text)) == text


@pytest.mark.parametrize("text", ["20", "-1%", "100.000000001%", "1e1%", "%", "\u0662%", 0.2, None])
def test_anything_else_is_not_a_percentage(text: object) -> None:
    with pytest.raises(ValueError, match=r"percent|%"):
        parse_percentage(text)


@examples(INSTANTS, st.integers(0, 40 * 86_400), PAUSES, ZONES)
def test_a_window_holds_its_length_of_days_that_count(
    start: datetime, seconds: int, pause: list[Weekday], zone: str
) -> None:
    end = window_end(start, timedelta(seconds=seconds), Answers(pause=tuple(pause)).pauses, offsets_of(zone, start))

    assert end - start >= timedelta(seconds=seconds)
    assert _counting(start, end, pause, zone) == timedelta(seconds=seconds)


@examples(INSTANTS, st.integers(0, 10 * 86_400), st.integers(0, 10 * 86_400), PAUSES, ZONES)
def test_a_longer_window_never_ends_earlier(
    start: datetime, one: int, more: int, pause: list[Weekday], zone: str
) -> None:
    shorter = window_end(start, timedelta(seconds=one), Answers(pause=tuple(pause)).pauses, offsets_of(zone, start))

    assert (
        window_end(start, timedelta(seconds=one + more), Answers(pause=tuple(pause)).pauses, offsets_of(zone, start))
        >= shorter
    )


def _counting(start: datetime, end: datetime, pause: list[Weekday], zone: str) -> timedelta:
    """How much of a span lies on weekdays that count, hour by hour of the zone."""
    local, total, moment = read_zone(zone), timedelta(0), start
    while moment < end:
        following = min(end, moment.replace(minute=0, second=0) + timedelta(minutes=15 * (moment.minute // 15 + 1)))
        if WEEKDAYS[moment.astimezone(local).weekday()] not in pause:
            total += following - moment
        moment = following
    return total


def test_a_weekend_off_moves_the_deadline_and_the_reminder() -> None:
    given = Given(changes={"answers.pause": ["saturday", "sunday"]})
    given.after("100h")
    assert given.now == datetime(2025, 3, 7, 13, tzinfo=UTC)

    given.client("request", kind="cancel")

    assert given.request["answer_due_at"] == datetime(2025, 3, 11, 13, tzinfo=UTC)
    assert given.after("71h59m59s").told == {}
    assert given.after("1s").told == {"freelancer": ["answer_reminder"]}


def test_days_begin_and_end_where_policy_says() -> None:
    given = Given(changes={"answers.pause": ["saturday", "sunday"], "answers.time_zone": "America/New_York"})
    given.until(datetime(2025, 3, 8, 4, tzinfo=UTC))

    given.client("request", kind="cancel")

    # Friday 23:00 in New York, where clocks go forward on that Sunday: one hour, then 47 from Monday.
    assert given.request["answer_due_at"] == datetime(2025, 3, 12, 3, tzinfo=UTC)


def test_proposals_and_cases_do_not_pause() -> None:
    given = Given("glimmer", {"answers.pause": ["tuesday", "wednesday"]})
    given.client(
        "request", kind="cancel", reason="other", no_agreement=True, attestations=["discussed", "tried_to_resolve"]
    )
    given.operator("propose", amount=0, explanation="Nothing is done.")

    assert given.case["proposal"]["due_at"] == given.now + hours(48)
    assert given.case["due_at"] == given.now + timedelta(days=14)
