"""Many open orders through weeks of their clocks: all end, and the worker holds no more than before."""

from secrets import randbelow

from campaigns.report import Report
from campaigns.soak import soak


async def test_orders_end_after_weeks_and_leave_nothing_behind(dsn: str, temporal_address: str) -> None:
    report = Report("soak", seed=randbelow(10**6), size=200)
    await soak(dsn, temporal_address, report)

    assert report.failed == [], report.figures
    assert len(report.verdicts) > 300
