"""Whether the worker in this container polls for work: exit status 0 if it does, 1 with the reason if not.

For a container's health check. A worker needs no port of its own for it: Temporal knows who polls.
"""

import asyncio
import os
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

PATIENCE = 10.0  # seconds
# A poll waits for a minute, then the next one begins.
POLLS_EVERY = timedelta(minutes=2)


async def last_poll(queue: str, host: str) -> datetime | None:
    """When a worker on `host` last asked for work, as Temporal knows it."""
    settings: dict[str, Any] = {"target_host": "localhost:7233", **ClientConfig.load_client_connect_config()}
    client = await Client.connect(**settings)
    request = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue))
    known = await client.workflow_service.describe_task_queue(request)
    polls = [
        poller.last_access_time.ToDatetime(tzinfo=UTC)
        for poller in known.pollers
        if poller.identity.endswith(f"@{host}")
    ]
    return max(polls, default=None)


async def complaint() -> str | None:
    """Why this container's worker does not count as healthy; None if it does."""
    queue, host = os.environ.get("RECOURSE_TASK_QUEUE", "recourse"), socket.gethostname()
    try:
        async with asyncio.timeout(PATIENCE):
            polled = await last_poll(queue, host)
    except (RuntimeError, RPCError, TimeoutError) as error:
        return f"Temporal does not answer: {str(error).splitlines()[0] if str(error) else 'too slow'}"
    if polled is None:
        return f"no worker on {host} polls the task queue {queue}"
    age = datetime.now(UTC) - polled
    return None if age < POLLS_EVERY else f"the worker on {host} polled {queue} {age.total_seconds():.0f} s ago"


def main() -> None:
    """Say what is wrong, if anything is."""
    wrong = asyncio.run(complaint())
    # A process that ends within some 10 ms after its last call to the SDK crashes at times.
    time.sleep(0.1)
    sys.exit(f"recourse: {wrong}" if wrong else 0)


if __name__ == "__main__":
    main()
