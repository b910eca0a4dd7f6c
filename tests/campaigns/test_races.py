"""Conflicting commands at the same instant, and commands at their deadline: one wins, both are told so."""

from secrets import randbelow

from campaigns.races import races
from campaigns.report import Report
from campaigns.servers import worked


async def test_exactly_one_of_two_rivals_wins_and_both_are_told_truthfully(dsn: str, temporal_address: str) -> None:
    report = Report("races", seed=randbelow(10**6), size=8)
    async with worked(dsn, temporal_address) as recourse:
        await races(recourse, report)

    assert report.failed == [], report.document()["again"]
    assert report.closing_line == "16 passed, 0 failed"
