"""Bad messages and bad starts: each refused and recorded, while other orders live on beside them."""

from secrets import randbelow

from campaigns.fuzz import fuzz
from campaigns.report import Report
from campaigns.servers import worked


async def test_no_message_and_no_start_wedges_fails_or_starves_an_order(dsn: str, temporal_address: str) -> None:
    report = Report("fuzz", seed=randbelow(10**6), size=150)
    async with worked(dsn, temporal_address) as recourse:
        await fuzz(recourse, report)

    assert report.failed == [], report.document()["again"]
    assert len(report.verdicts) > 150
