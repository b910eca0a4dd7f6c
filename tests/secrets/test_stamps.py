"""Where actors must be proven, a stamp counts only as far back as Temporal itself says that a message was there."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recourse.database.orders import read_record
from recourse.runtime.actors import Actors
from recourse.starter.client import Recourse
from recourse.workflows import arrivals
from tests.patience import PATIENCE, TooSlow, in_real_time
from tests.process.conftest import Marketplace
from tests.secrets.conftest import NONE, RING, Keyed

ACTORS, CLIENT = Actors(RING), {"role": "client", "id": "c-1"}
REGRETS = {"order.regret_window": "1h", "requests.cancel.without_approval.client": ["regret_window"]}
CANCEL = {"actor": CLIENT, "kind": "cancel", "approval": "skip"}


class Dated(Recourse):
    """A backend with the keys that stamps messages as somebody else wishes."""

    def stamped(self, fields: Any) -> dict[str, Any]:
        return super().stamped(fields) | ({"sent_at": fields["sent_at"]} if "sent_at" in fields else {})


async def dated(keyed: Keyed, actors: Actors | None = ACTORS) -> Marketplace:
    market = await (keyed.signing(actors) if actors else keyed.marketplace(NONE))
    return Marketplace(Dated(market.client, market.recourse.pool, task_queue=keyed.queue), keyed.queue)


async def ordered(market: Marketplace, ends: datetime) -> str:
    """An order whose client may regret it until `ends`."""
    return await market.order(changes=REGRETS, ordered_at=ends - timedelta(hours=1))


@pytest.mark.parametrize(("actors", "found"), [(ACTORS, False), (None, True)], ids=["keys", "no keys"])
async def test_a_right_that_has_ended_is_not_had_by_a_stamp(keyed: Keyed, actors: Actors | None, found: bool) -> None:
    market, now = await dated(keyed, actors), datetime.now(UTC).replace(microsecond=0)
    ends, stamp = now - timedelta(minutes=2), (now - timedelta(minutes=3)).isoformat()
    async with keyed.working(NONE, actors=actors):
        asked, told = await ordered(market, ends), await ordered(market, ends)
        answer = await market.recourse.order(asked).send("request", {**CANCEL, "sent_at": stamp})
        await market.recourse.order(told).signal("request", {**CANCEL, "sent_at": stamp})
        await market.by("client", told, "message", comment="Hello")

    assert answer.applied is found, answer
    assert await requested(market, told) is found


async def requested(market: Marketplace, order_id: str) -> bool:
    contents = [entry.content for entry in await read_record(market.recourse.pool, order_id)]
    [outcome] = [content["outcome"] for content in contents if content["command"] == "request"]
    return bool(outcome == "applied")


async def test_what_waited_for_a_worker_counts_when_it_came(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "LEEWAY", timedelta(seconds=1))

    async def within(window: int) -> None:
        market = await dated(keyed)
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=window)
        in_time, late = await ordered(market, ends), await ordered(market, ends)
        await market.recourse.order(in_time).signal("request", CANCEL)
        stamp = (ends - timedelta(seconds=2)).isoformat()
        if datetime.now(UTC) > ends - timedelta(seconds=2):
            raise TooSlow("the right had ended before the message was sent")
        await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 2)
        await market.recourse.order(late).signal("request", {**CANCEL, "sent_at": stamp})
        async with keyed.working(NONE, actors=ACTORS), asyncio.timeout(PATIENCE):
            for order_id in (in_time, late):
                await market.by("client", order_id, "message", comment="Hello")

        assert [await requested(market, one) for one in (in_time, late)] == [True, False]

    await in_real_time(within)
