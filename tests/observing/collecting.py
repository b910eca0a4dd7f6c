"""A collector of traces on loopback, which reads what it is sent as OTLP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.activities.receivers import HttpReceiver, http_receiver
from tests.patience import PATIENCE


@dataclass(frozen=True)
class Traced:
    """One span as it came in."""

    service: str
    span: Span

    @property
    def name(self) -> str:
        """Such as `RunActivity:pay`."""
        return self.span.name

    @property
    def failed(self) -> bool:
        """Whether it ended in an error."""
        return self.span.status.code == Status.STATUS_CODE_ERROR

    @property
    def about(self) -> dict[str, Any]:
        """Its attributes."""
        return {
            one.key: getattr(one.value, str(one.value.WhichOneof("value")))
            for one in self.span.attributes  #
        }


class Collector:
    """Everything that was sent."""

    def __init__(self, receiver: HttpReceiver) -> None:
        self._receiver = receiver
        self.told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "50",  # milliseconds
        }

    @property
    def raw(self) -> bytes:
        """All of it as bytes."""
        return b"\n".join(str(request.headers).encode() + request.body for request in self._receiver.requests)

    @property
    def spans(self) -> list[Traced]:
        """All spans, decoded."""
        found = []
        for request in self._receiver.requests:
            assert request.path == "/v1/traces"
            for sent in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                [service] = [one.value.string_value for one in sent.resource.attributes if one.key == "service.name"]
                found += [Traced(service, span) for scope in sent.scope_spans for span in scope.spans]
        return found

    async def until(self, enough: Callable[[list[Traced]], Any]) -> None:
        """Wait until what has come is enough."""
        async with asyncio.timeout(PATIENCE):
            while not enough(self.spans):
                await self._receiver.has(len(self._receiver.requests) + 1)


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector that takes everything."""
    async with http_receiver() as receiver:
        yield Collector(receiver)
