"""What one order costs, to the last event and statement: whoever makes it dearer, or cheaper, says so here."""

from dataclasses import asdict

import pytest

from bench.counts import Counts, count

# One order of the bench's story: placed, request, accept, undo window by a timer, settled; four steps, five notices.
OURS = {"tasks": 4, "events": 33, "actions": 13, "statements": 5, "commits": 4, "webhooks": 0}
OURS_TELLS = {"tasks": 7, "events": 51, "actions": 16, "statements": 21, "commits": 9, "webhooks": 5}
NAIVE_TELLS = {"tasks": 12, "events": 72, "actions": 14, "statements": 4, "commits": 4, "webhooks": 5}
LARGEST = 11_400  # bytes of history; they differ by some with the digits of instants


@pytest.fixture
async def counted(temporal_address: str, dsn: str, request: pytest.FixtureRequest) -> Counts:
    return await count(request.param, temporal_address, dsn)


def exact(counts: Counts) -> dict[str, int]:
    return {name: number for name, number in asdict(counts).items() if name != "bytes"}


@pytest.mark.parametrize("counted", ["ours"], indirect=True)
async def test_an_order_costs_exactly_so_much(counted: Counts) -> None:
    assert exact(counted) == OURS
    assert counted.bytes <= LARGEST


@pytest.mark.parametrize("counted", ["ours-tells"], indirect=True)
async def test_telling_by_webhook_costs_exactly_so_much_more(counted: Counts) -> None:
    assert exact(counted) == OURS_TELLS
    assert counted.bytes <= LARGEST * 1.3


@pytest.mark.parametrize("counted", ["naive-tells"], indirect=True)
async def test_the_naive_design_costs_what_it_is_said_to_cost(counted: Counts) -> None:
    assert exact(counted) == NAIVE_TELLS


def test_an_order_without_channels_takes_half_the_tasks_and_events_of_the_naive_design_at_most() -> None:
    assert OURS["tasks"] <= 0.5 * NAIVE_TELLS["tasks"]
    assert OURS["events"] <= 0.5 * NAIVE_TELLS["events"]
