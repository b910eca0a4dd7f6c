"""Spans of calls to orders and of activities. They hold names of ours, ids of orders and types of errors, never a text:
an error's may quote rows and payloads.

Workflows are left alone: nothing is added to a history, and a trace header that somebody sends is not read. What
belongs to one order is found by the attribute `temporalWorkflowID`, as the SDK's own tracing names it.
"""

import atexit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Event, Thread
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from temporalio import activity, client, worker

from recourse.resolution.model.commands import COMMANDS

# How long a process that ends waits for its last spans to be taken.
LAST_SPANS = 3.0  # seconds
WORKFLOW_ID = "temporalWorkflowID"


@contextmanager
def span(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, str | int], parent: Context | None = None
) -> Iterator[Span]:
    """A span as long as the block; of an error that leaves it only the type is kept."""
    with tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__qualname__)
            current.set_status(StatusCode.ERROR)
            raise


class Tracing(client.Interceptor, worker.Interceptor):
    """Given to a client, it traces its calls and the activities of its workers. It has no interceptor of workflows, so
    that they run and replay alike with it and without."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        """Traces what starts, signals and updates orders."""
        return _Calls(next, self.tracer)

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:
        """Traces each attempt at an activity."""
        return _Activities(next, self.tracer)


@cache
def started() -> Tracing:
    """Sends spans by OTLP over HTTP, as OTEL_* say, for as long as the process lives."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "recourse"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _shut_down_at_exit(provider)
    return Tracing(provider.get_tracer("recourse"))


def _shut_down_at_exit(provider: TracerProvider) -> None:
    # The SDK itself would wait for half a minute where nobody takes them; a thread cannot be begun that late.
    ending, ended = Event(), Event()

    def shut_down() -> None:
        ending.wait()
        provider.shutdown()
        ended.set()

    def leave() -> None:
        ending.set()
        ended.wait(LAST_SPANS)

    Thread(target=shut_down, name="last spans", daemon=True).start()
    atexit.register(leave)


def _known(command: str) -> str:
    # The name of a message may be any text.
    return command if command in COMMANDS else "other"


class _Calls(client.OutboundInterceptor):
    def __init__(self, next: client.OutboundInterceptor, tracer: Tracer) -> None:
        super().__init__(next)
        self._tracer = tracer

    def _span(self, name: str, workflow_id: str) -> Any:
        return span(self._tracer, name, SpanKind.CLIENT, {WORKFLOW_ID: workflow_id})

    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        with self._span("StartWorkflow", input.id):
            return await super().start_workflow(input)

    async def signal_workflow(self, input: client.SignalWorkflowInput) -> None:
        with self._span(f"SignalWorkflow:{_known(input.signal)}", input.id):
            await super().signal_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> client.WorkflowUpdateHandle[Any]:
        with self._span(f"StartWorkflowUpdate:{_known(input.update)}", input.id):
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: client.StartWorkflowUpdateWithStartInput
    ) -> client.WorkflowUpdateHandle[Any]:
        command = _known(input.update_workflow_input.update)
        with self._span(f"StartUpdateWithStartWorkflow:{command}", input.start_workflow_input.id):
            return await super().start_update_with_start_workflow(input)


class _Activities(worker.ActivityInboundInterceptor):
    def __init__(self, next: worker.ActivityInboundInterceptor, tracer: Tracer) -> None:
        super().__init__(next)
        self._tracer = tracer

    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        info = activity.info()
        about: dict[str, str | int] = {
            WORKFLOW_ID: info.workflow_id or "",
            "temporalRunID": info.workflow_run_id or "",
            "temporalActivityID": info.activity_id,
            "temporalAttempt": info.attempt,
        }
        with span(self._tracer, f"RunActivity:{info.activity_type}", SpanKind.SERVER, about):
            return await super().execute_activity(input)
