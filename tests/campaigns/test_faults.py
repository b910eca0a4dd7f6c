"""Worker, database and Temporal server are killed under running orders, which end as the rules alone would end them."""

from secrets import randbelow

from campaigns.faults import faults
from campaigns.report import Report
from campaigns.speed import QUICK


async def test_orders_live_through_crashes_of_worker_database_and_temporal_server() -> None:
    report = Report("faults", seed=randbelow(10**6), size=20)
    await faults(report, speed=QUICK)

    assert report.failed == [], report.document()["again"]
    assert report.figures["crash points"] >= 20
