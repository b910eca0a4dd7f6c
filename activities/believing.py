"""The check in front of every activity: it runs only for the order that it is about.

The comparison with payment providers' books moves nothing, and a workflow of its own asks for it.

Anybody who can write to the namespace can schedule our activities, from a workflow of theirs or without any. Without
RECOURSE_WORKER_KEYS only the caller's type and id are checked, which a program with its own worker can imitate.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from recourse.activities.contract import READ_OFFSETS, RECONCILE, UNPROVEN
from recourse.runtime.names import ORDER, RECONCILIATION, workflow_id
from recourse.runtime.payloads import Undecodable
from recourse.runtime.proofs import HEADER, Caller, ProofKeyMissing, Proofs

# What only computes, or compares, and is about no order.
_OF_NO_ORDER = {READ_OFFSETS, RECONCILE}
# The workflow type that asks for an activity, unless it is an order.
_ASKED_BY = {RECONCILE: RECONCILIATION}


class _AboutAnOrder(BaseModel):
    order_id: str


def checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The activity of this name, which gets its inputs as they came: they are checked, and only then read."""
    kinds = get_type_hints(function)
    result, hints, takes_id = kinds.pop("return"), list(kinds.values()), "order_id" in kinds

    async def run(*inputs: Any) -> Any:
        payloads = [value.payload for value in inputs if isinstance(value, RawValue)]
        if len(payloads) != len(hints) or len(inputs) != len(hints):
            raise _refusal(f"{len(inputs)} inputs came instead of {len(hints)}")
        if name not in _OF_NO_ORDER:
            _check_order(payloads[0], takes_id=takes_id)
        values = activity.payload_converter().from_payloads(payloads, hints)
        wrong = next((value for value in values if isinstance(value, Undecodable)), None)
        if wrong is not None:
            raise _refusal(f"its input cannot be read: {wrong.error}")
        return await function(*values)

    names = [f"input_{number}" for number, _ in enumerate(hints, 1)]
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY, annotation=RawValue) for name in names]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {**dict.fromkeys(names, RawValue), "return": result}
    run.__name__ = name
    return activity.defn(name=name)(run)


def _check_order(first: Payload, *, takes_id: bool) -> None:
    """Raises an ApplicationError unless the workflow of the order that an input names asks."""
    info = activity.info()
    try:
        if takes_id:
            [order_id] = activity.payload_converter().from_payloads([first], [str])
        else:
            order_id = _AboutAnOrder.model_validate_json(first.data).order_id
    except ValidationError:
        raise _refusal("it names no order") from None
    if info.workflow_id != workflow_id(str(order_id)):
        raise _refusal("the workflow of another order asks for it")


class BelievesWorkers(Interceptor):
    """The worker interceptor by which activities run for orders only; with `proofs`, for those of our workers only."""

    def __init__(self, proofs: Proofs | None = None) -> None:
        self._proofs = proofs

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Checks each attempt at an activity."""
        return _Checking(next, self._proofs)


class _Checking(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, proofs: Proofs | None) -> None:
        super().__init__(next)
        self._proofs = proofs

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        if (
            info.workflow_type != _ASKED_BY.get(info.activity_type, ORDER)
            or info.workflow_id is None
            or info.workflow_run_id is None
        ):
            raise _refusal("no order asks for it")
        if self._proofs is not None:
            self._check_proof(self._proofs, Caller(info.activity_type, info.workflow_id, info.workflow_run_id), input)
        return await super().execute_activity(input)

    def _check_proof(self, proofs: Proofs, caller: Caller, input: ExecuteActivityInput) -> None:
        inputs: Sequence[Any] = input.args
        if not all(isinstance(value, RawValue) for value in inputs):
            raise _refusal("its inputs are not those of this activity")
        try:
            proven = proofs.fits(input.headers.get(HEADER), caller, [value.payload for value in inputs])
        except ProofKeyMissing as missing:
            # It is tried again: the key may be on its way to this worker.
            raise ApplicationError(f"{caller.activity} waits: {missing}.", type="worker_key_missing") from missing
        if not proven:
            raise _refusal("no worker of ours asks for it, or not for this")


def _refusal(why: str) -> ApplicationError:
    return ApplicationError(f"{activity.info().activity_type} is refused: {why}.", type=UNPROVEN, non_retryable=True)
