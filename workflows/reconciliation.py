"""The nightly comparison of the payment providers' books with ours."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from recourse.activities.contract import RECONCILE
    from recourse.runtime.names import RECONCILIATION
    from recourse.workflows.proving import ask

_AGAIN = RetryPolicy(initial_interval=timedelta(minutes=1), maximum_interval=timedelta(minutes=30))


# Whatever somebody starts it with, it ends, and fails no task again and again.
@workflow.defn(name=RECONCILIATION, failure_exception_types=[Exception])
class Reconciliation:
    """Compares, again until it has come to its end."""

    @workflow.run
    async def run(self) -> dict[str, int]:
        """How many differences there are with each provider."""
        found: dict[str, int] = await ask(
            RECONCILE,
            result_type=dict[str, int],
            start_to_close_timeout=timedelta(hours=2),
            heartbeat_timeout=timedelta(minutes=2),
            schedule_to_close_timeout=timedelta(hours=12),
            retry_policy=_AGAIN,
        )
        return found
