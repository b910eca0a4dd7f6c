"""Starts that are none: each fails at once and says why, and no workflow waits for ever."""

import asyncio
import secrets
from random import Random

from temporalio.api.common.v1 import Header, Memo, Payloads, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import StartWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from campaigns.comparing import differences
from campaigns.histories import lived
from campaigns.malformed_starts import BadStart, some_start
from campaigns.random_orders import some_opening, some_policy
from campaigns.report import Report
from recourse.database.orders import read_order
from recourse.runtime.names import workflow_id
from recourse.starter.client import Recourse

AT_ONCE = 16
SETTLED_WITHIN = 60.0  # seconds until a start has failed, or its order is open


async def bad_starts(recourse: Recourse, report: Report, size: int) -> None:
    """So many starts of all kinds."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            await _start(recourse, report, number)

    await asyncio.gather(*(one(number) for number in range(size)))


async def _start(recourse: Recourse, report: Report, number: int) -> None:
    random = Random(f"{report.seed}-start-{number}")
    order_id = f"S-{report.seed}-{number}"
    start = some_start(random, some_opening(random, some_policy(random), order_id))
    client = recourse.temporal
    request = StartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id(order_id),
        workflow_type=WorkflowType(name=start.type),
        task_queue=TaskQueue(name=recourse.task_queue),
        input=Payloads(payloads=start.payloads),
        memo=Memo(fields=start.memo),
        header=Header(fields=start.headers),
        request_id=secrets.token_hex(8),
        identity="fuzz",
    )
    try:
        await client.workflow_service.start_workflow_execution(request)
    except RPCError as error:
        wrong = [] if error.status is RPCStatusCode.INVALID_ARGUMENT else [f"{error.status.name}: {error.message}"]
        report.count("starts turned away by the server")
        report.judge(f"start {order_id}: {start.kind}", wrong, _shown(start))
        return
    report.judge(f"start {order_id}: {start.kind}", await _settled(recourse, report, order_id), _shown(start))


async def _settled(recourse: Recourse, report: Report, order_id: str) -> list[str]:
    try:
        async with asyncio.timeout(SETTLED_WITHIN):
            while True:
                found = await lived(recourse.temporal, workflow_id(order_id))
                if found.failed_tasks:
                    return found.wedged_or_failed
                if found.status != "RUNNING":
                    report.count(f"starts that ended {found.status}")
                    return [] if found.why else [f"it is {found.status} without a reason"]
                if await read_order(recourse.pool, order_id):
                    report.count("starts of orders that are odd, but orders")
                    return await differences(recourse.pool, order_id, {})
                await asyncio.sleep(0.1)
    except TimeoutError:
        return [f"neither failed nor open after {SETTLED_WITHIN:g} s"]


def _shown(start: BadStart) -> dict[str, object]:
    return {
        "type": start.type,
        "payloads": [payload.data[:20_000].decode("latin-1") for payload in start.payloads[:2]],
        "metadata": [dict(payload.metadata) for payload in start.payloads[:2]],
    }
