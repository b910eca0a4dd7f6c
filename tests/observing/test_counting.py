"""What a worker counts where no real order brings it about quickly."""

from dataclasses import replace
from typing import Any

import pytest
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import ActivityEnvironment

from recourse.activities.contract import LegToPay
from recourse.activities.paying import Paying
from recourse.activities.recording import Recording
from recourse.runtime.metrics import Counts
from tests.activities.conftest import Written

Counted = tuple[Counts, MetricBuffer]


@pytest.fixture
def counting() -> Counted:
    """Counters of the SDK's real meter, and where they arrive."""
    buffer = MetricBuffer(10_000)
    return Counts(Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter), buffer


def rose(buffer: MetricBuffer) -> dict[str, float]:
    """Each counter that rose since it was last asked, with its labels."""
    risen: dict[str, float] = {}
    for update in buffer.retrieve_updates():
        labels = [str(value) for key, value in sorted(update.attributes.items()) if key != "service_name"]
        if update.value:
            risen[" ".join([update.metric.name, *labels])] = update.value
    return risen


@pytest.mark.parametrize(("local", "outages"), [(True, {}), (False, {"recourse_outages": 1})])
async def test_a_step_that_an_activity_of_its_own_had_to_write_is_an_outage(
    pool: Any, counting: Counted, local: bool, outages: dict[str, float]
) -> None:
    counts, buffer = counting
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, is_local=local)
    recording = Recording(pool, delivers=False, counts=counts)
    [payload] = await pydantic_data_converter.encode([Written().opening])
    await environment.run(recording.record_step, RawValue(payload))
    assert rose(buffer) == outages


async def test_a_provider_that_nobody_knows_is_counted_without_its_name(pool: Any, counting: Counted) -> None:
    counts, buffer = counting
    written = await Written(pool, provider="QNAMEQ", requirements="awaited").open()
    await written.by("client", "request", kind="cancel")
    asked = LegToPay(order_id=written.order_id, leg="1.refund")
    with pytest.raises(ApplicationError, match="QNAMEQ"):
        await ActivityEnvironment().run(Paying(pool, {}, counts).pay, asked)
    assert rose(buffer) == {"recourse_payments unknown failed": 1}
