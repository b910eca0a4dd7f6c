"""Each order of a sandbox has a clock of its own, which goes forward when it is told to."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from recourse.resolution.model.record import Export
from recourse.runtime.names import workflow_id
from recourse.sandbox import clocks
from recourse.sandbox.running import Sandbox, sign_in_links
from recourse.starter.client import Recourse
from tests.sandbox.conftest import Shop

DAYS = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_48_hours_of_silence_pass_over_http(shop: Shop) -> None:
    order_id = await shop.start()
    asked = await shop.give(order_id, "client", "request", kind="cancel")
    await shop.advance(order_id, "47h")
    assert (await shop.order(order_id))["phase"] == "in_progress"
    await shop.advance(order_id, "1h")
    order = await shop.order(order_id)
    assert (order["phase"], order["resolution"]["how"], order["settlement"]) == (
        "canceled",
        "expired_accepted",
        "settled",
    )
    assert at(order["closed_at"]) == at(asked["at"]) + timedelta(hours=48)


async def test_a_clock_moves_to_an_instant_and_each_deadline_on_its_way_falls_on_its_second(shop: Shop) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "freelancer", "request", kind="extension", extend_by="24h")
    await shop.give(order_id, "freelancer", "deliver")
    order = await shop.order(order_id)
    answered, completes = at(order["request"]["answer_due_at"]), at(order["completes_at"])
    target = max(answered, completes) + 10 * DAYS
    clock = (await shop.move(order_id, until=target.isoformat())).json()
    assert timedelta(0) <= at(clock["now"]) - target < timedelta(minutes=2)
    record = Export.model_validate(await shop.get(f"/orders/{order_id}/record"))
    entries = [entry.content or {} for entry in record.entries]
    by_time = [at(entry["at"]) for entry in entries if entry["actor"]["role"] == "system"]
    assert by_time == sorted(by_time)
    assert {answered, completes} <= {*by_time}
    shown = await shop.get(f"/sandbox/orders/{order_id}/clock")
    assert shown["next_deadline"] == clock["next_deadline"]
    assert timedelta(0) <= at(shown["now"]) - at(clock["now"]) < timedelta(minutes=2)


async def test_what_is_about_one_order_goes_by_its_clock_and_nothing_else_does(shop: Shop, made: Sandbox) -> None:
    moved, other = await shop.start(), await shop.start()
    ahead = await shop.advance(moved, "8d")
    assert (await shop.order(moved))["lateness"] == "very_late"
    assert (await shop.order(other))["lateness"] == "on_time"
    applied = await shop.give(moved, "client", "message", comment="Where is it?")
    assert at(applied["at"]) - ahead < timedelta(minutes=2)
    assert at((await shop.give(other, "client", "message", comment="Hello"))["at"]) - datetime.now(UTC) < DAYS
    opened = {"Sec-Fetch-Site": "none"}
    await shop.http.get(sign_in_links(made)["client"].replace(made.url, ""), headers=opened)
    pages = {order_id: (await shop.http.get(f"/pages/orders/{order_id}")).text for order_id in (moved, other)}
    reads = {order_id: at(re.findall(r'data-now="([^"]+)"', page)[0]) for order_id, page in pages.items()}
    assert 7 * DAYS < reads[moved] - reads[other] < 9 * DAYS


async def test_a_sender_that_goes_by_another_clock_counts_when_its_command_comes(shop: Shop, made: Sandbox) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "client", "request", kind="cancel")
    ahead = await shop.advance(order_id, "20h")
    elsewhere = Recourse(made.recourse.temporal, made.recourse.pool)
    outcome = await elsewhere.order(order_id).send("accept", {"actor": {"role": "freelancer", "id": "f-7"}})
    assert outcome.applied
    assert ahead <= outcome.at < ahead + timedelta(minutes=2)


async def test_nothing_is_stamped_by_a_clock_that_may_still_be_moving(
    shop: Shop, made: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await shop.start(10_002, provider="sandbox")
    await shop.give(order_id, "client", "request", kind="cancel")
    with made.clocks.reading(order_id):
        assert made.clocks.stamp()
        with monkeypatch.context() as patched:
            patched.setattr(clocks, "PATIENCE", 1.0)
            assert (await shop.move(order_id, advance="49h")).status_code == 409
        assert made.clocks.stamp() is None
        await shop.http.put(f"/sandbox/orders/{order_id}/payments", json={"answer": "pay"})
        await shop.advance(order_id, "1m")
        assert made.clocks.stamp()


@pytest.mark.parametrize(
    ("move", "where", "why"),
    [
        ({}, "body", "give either"),
        ({"advance": "1h", "until": "2126-01-01T00:00:00Z"}, "body", "give either"),
        ({"advance": "0h"}, "advance", "is nothing"),
        ({"advance": "-1h"}, "body.advance", "is not a duration"),
        ({"advance": "48"}, "body.advance", "is not a duration"),
        ({"until": "2020-01-01T00:00:00Z"}, "until", "a clock only goes forward"),
        ({"until": "tomorrow"}, "body.until", "valid datetime"),
        ({"by": "48h"}, "body.by", "not"),
    ],
    ids=str,
)
async def test_a_move_that_cannot_be_made_says_why(shop: Shop, move: dict[str, str], where: str, why: str) -> None:
    order_id = await shop.start()
    answer = await shop.move(order_id, **move)
    assert answer.status_code == 422
    assert why in answer.json()["details"]["problems"][where]


async def test_an_order_that_nobody_knows_has_no_clock(shop: Shop) -> None:
    for answer in (await shop.move("nobody", advance="48h"), await shop.http.get("/sandbox/orders/nobody/clock")):
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_order")


async def test_the_clock_of_an_order_that_is_over_has_stopped(shop: Shop, made: Sandbox) -> None:
    order_id = await shop.start()
    await shop.give(order_id, "client", "request", kind="cancel")
    await shop.advance(order_id, "3660d")
    await made.recourse.temporal.get_workflow_handle(workflow_id(order_id)).result()
    answer = await shop.move(order_id, advance="1h")
    assert (answer.status_code, answer.json()["code"]) == (409, "clock_stopped")
    assert "takes no more commands" in answer.json()["detail"]


async def test_the_clock_of_an_order_that_has_lost_its_workflow_has_stopped(shop: Shop, made: Sandbox) -> None:
    order_id = await shop.start()
    await made.recourse.temporal.get_workflow_handle(workflow_id(order_id)).terminate()
    answer = await shop.move(order_id, advance="1h")
    assert (answer.status_code, answer.json()["code"]) == (409, "clock_stopped")
    assert f"`recourse order revive {order_id}`" in answer.json()["detail"]
