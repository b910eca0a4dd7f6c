"""What waits is taken in the order in which it counts, however much waits."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recourse.resolution import inbox as module
from recourse.resolution.inbox import Inbox, Queued, counts_at

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
SECONDS = st.integers(0, 6)
STAMPS = st.lists(st.none() | SECONDS, max_size=12)


def at(second: int) -> datetime:
    return NOON + timedelta(seconds=second)


def emptied(inbox: Inbox[int], now: datetime, decided_at: datetime) -> list[int]:
    found = []
    while (waiting := inbox.take(now, decided_at)) is not None:
        found.append(waiting.item)
        decided_at = counts_at(waiting.stamp, now, decided_at)
    return found


@given(stamps=STAMPS, now=SECONDS, decided=SECONDS)
def test_it_is_taken_by_when_it_counts_and_then_as_it_came(stamps: list[int | None], now: int, decided: int) -> None:
    inbox: Inbox[int] = Inbox()
    for number, stamp in enumerate(stamps):
        inbox.put(number, None if stamp is None else at(stamp), at(now))

    def counts(number: int) -> tuple[datetime, int]:
        stamp = stamps[number]
        return counts_at(None if stamp is None else at(stamp), at(now), at(decided)), number

    assert list(inbox) == list(range(len(stamps)))
    assert emptied(inbox, at(now), at(decided)) == sorted(range(len(stamps)), key=counts)
    assert len(inbox) == 0


@given(stamps=STAMPS, now=SECONDS)
def test_what_is_put_back_is_where_it_was(stamps: list[int | None], now: int) -> None:
    one: Inbox[int] = Inbox()
    other: Inbox[int] = Inbox()
    for number, stamp in enumerate(stamps):
        for inbox in (one, other):
            inbox.put(number, None if stamp is None else at(stamp), at(now))
    waiting: Queued[int] | None = one.take(at(now), at(0))
    if waiting is not None:
        one.put_back(waiting)

    assert emptied(one, at(now), at(0)) == emptied(other, at(now), at(0))


def test_a_stamp_from_the_future_counts_as_of_its_arrival() -> None:
    inbox: Inbox[str] = Inbox()
    inbox.put("ahead of time", at(600), at(1))
    inbox.put("on time", at(2), at(2))

    assert [waiting.item for _ in range(2) if (waiting := inbox.take(at(3), at(0)))] == ["ahead of time", "on time"]


def test_to_take_the_first_of_ten_thousand_looks_at_no_more_than_three(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox: Inbox[int] = Inbox()
    for number in range(10_000):
        inbox.put(number, at(number % 60) if number % 2 else None, at(60))
    looked = []

    def counted(stamp: datetime | None, now: datetime, decided_at: datetime) -> datetime:
        looked.append(stamp)
        return counts_at(stamp, now, decided_at)

    monkeypatch.setattr(module, "counts_at", counted)

    for _ in range(100):
        inbox.take(at(60), at(30))

    assert len(looked) <= 300
