"""What is due at one instant, in the benchmark of many timers."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from bench.temporal_contestants import TemporalDriver, connected
from bench.timers import start_due
from recourse.runtime.names import workflow_id


@pytest.mark.parametrize("name", ["ours", "floor"])
async def test_what_will_be_due_starts_together_with_its_first_message(temporal_address: str, name: str) -> None:
    driver = TemporalDriver(name, await connected(temporal_address), queue=f"due-{secrets.token_hex(4)}")
    await start_due(driver, name, 2, datetime.now(UTC) + timedelta(minutes=5))

    for number in range(2):
        handle = driver.client.get_workflow_handle(workflow_id(f"due-{number}"))
        described = await handle.describe()
        await handle.terminate()
        assert described.status is WorkflowExecutionStatus.RUNNING
        assert described.task_queue == driver.queue
