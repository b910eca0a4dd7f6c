"""What an order asks of its database."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from recourse.workflows.proving import ask

# What takes milliseconds is a local activity, which costs no task of its own. When the database does not answer for
# this long, the same goes to a regular activity, which waits for as long as it takes.
AT_ONCE = timedelta(seconds=10)
# Refused at once, an attempt takes no time, and the SDK goes on with a local activity past its timeout: after seven
# tries, some six seconds, it has to give up as well.
AT_ONCE_AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=7)
ONE_TRY = timedelta(seconds=30)


async def ask_database(activity: str, args: Sequence[Any], result_type: type, title: str) -> Any:
    """The result of an activity of the database that takes milliseconds, or, in an outage, as long as that."""
    try:
        return await workflow.execute_local_activity(
            activity,
            args=args,
            result_type=result_type,
            schedule_to_close_timeout=AT_ONCE,
            start_to_close_timeout=AT_ONCE / 2,
            retry_policy=AT_ONCE_AGAIN,
            summary=title,
        )
    except FailureError as error:
        # Where it is replayed, what failed comes without the ActivityError around it.
        cause = error.cause if isinstance(error, ActivityError) else error
        if isinstance(cause, ApplicationError) and cause.non_retryable:
            raise
        return await ask(
            activity,
            args=args,
            result_type=result_type,
            start_to_close_timeout=ONE_TRY,
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
            summary=title,
        )
