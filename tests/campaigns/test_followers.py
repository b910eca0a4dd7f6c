"""Followers that are killed at any point miss no change, and know by its id what comes twice."""

from secrets import randbelow

from campaigns.followers import followers
from campaigns.report import Report


async def test_followers_that_are_killed_miss_nothing_and_know_what_comes_twice() -> None:
    report = Report("followers", seed=randbelow(10**6), size=2)
    await followers(report)

    assert report.failed == [], report.document()["again"]
    assert report.closing_line == "11 passed, 0 failed"
