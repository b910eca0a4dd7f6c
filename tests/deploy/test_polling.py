"""The health check of a worker's container, on a real server."""

import asyncio
import os
import socket
import sys
import uuid
from typing import Any

from temporalio.client import Client

from deploy import polling
from worker import make_worker


async def checked(address: str, queue: str) -> tuple[int, str]:
    """Exit status and complaint, as a container's health check sees them."""
    environment = {**os.environ, "TEMPORAL_ADDRESS": address, "RECOURSE_TASK_QUEUE": queue}
    check = await asyncio.create_subprocess_exec(
        sys.executable, polling.__file__, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await check.communicate()
    return check.returncode or 0, complaint.decode()


async def test_a_worker_that_polls_is_healthy(temporal_address: str, pool: Any) -> None:
    queue = f"polling-{uuid.uuid4().hex}"
    async with make_worker(await Client.connect(temporal_address), pool, task_queue=queue):
        # Its first poll reaches the server a moment after it has started.
        async with asyncio.timeout(30):
            while (await checked(temporal_address, queue))[0] != 0:
                pass


async def test_a_container_without_a_polling_worker_is_not(temporal_address: str) -> None:
    queue = f"polling-{uuid.uuid4().hex}"
    status, complaint = await checked(temporal_address, queue)
    assert status == 1
    assert complaint == f"recourse: no worker on {socket.gethostname()} polls the task queue {queue}\n"


async def test_a_server_out_of_reach_is_told_in_a_sentence(unused_tcp_port: int) -> None:
    status, complaint = await checked(f"127.0.0.1:{unused_tcp_port}", "any")
    assert status == 1
    assert complaint.startswith("recourse: Temporal does not answer: ")
    assert complaint.count("\n") == 1
