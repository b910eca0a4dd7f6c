"""Waiting for orders, but not for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from recourse.errors import Unanswered
from recourse.web.problems import temporal_unreachable, unreachable


@asynccontextmanager
async def patient(seconds: float, **details: str) -> AsyncIterator[None]:
    """Raises Failure (503) where Temporal, or a worker behind it, does not answer within so many seconds.

    `details` go along, such as the id by which the same command can be sent again.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, Unanswered, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise unreachable("The order", "no_answer", **details) from error
    except RPCError as error:
        raise temporal_unreachable(**details) from error
