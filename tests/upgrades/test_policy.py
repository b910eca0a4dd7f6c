"""Old orders keep the old policy, also in a new run and with a new worker."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from recourse.policies import load_policy
from tests.outcomes import applied
from tests.process.conftest import working
from tests.process.test_long_histories import runs, short_histories

__all__ = ["short_histories"]

FILE = """
extends = "resolution_center"
name = "ours"

[requests.cancel]
window.freelancer_asked = "{window}"
"""


async def test_an_open_order_goes_on_by_the_policy_that_it_was_started_with(
    short_histories: str, pool: Any, tmp_path: Path
) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(FILE.format(window="48h"))
    async with working(short_histories, pool) as market:
        old = market.terms()
        await market.recourse.start(old, load_policy(file))

        file.write_text(FILE.format(window="24h"))
        new = market.terms()
        await market.recourse.start(new, load_policy(file))
        for number in range(30):
            await market.by("client", old.order_id, "message", comment=f"{number}")
        assert len(await runs(market.client, old.order_id)) > 1

        windows = []
        for order_id in (old.order_id, new.order_id):
            asked = applied(await market.by("client", order_id, "request", kind="cancel"))
            assert asked.turn.until is not None
            windows.append(asked.turn.until - asked.at)

    assert windows == [timedelta(hours=48), timedelta(hours=24)]
