"""One span for each request."""

from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recourse.runtime.spans import span

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Asked every few seconds, by machines.
_PROBES = ("/healthz", "/readyz")


class TracesRequests:
    """Names a request after its route, not after its path: that of a link which signs somebody in holds a token."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app, self._tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one call on."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        # The caller's own trace goes on in ours; what else it says of that (`tracestate`) may be any text.
        told = Headers(scope=scope).get("traceparent", "")
        parent = TraceContextTextMapPropagator().extract({"traceparent": told})
        with span(self._tracer, method, SpanKind.SERVER, {"http.request.method": method}, parent) as current:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    current.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        current.set_status(StatusCode.ERROR)
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                route = _route(scope)
                if route:
                    current.update_name(f"{method} {route}")
                    current.set_attribute("http.route", route)


def _route(scope: Scope) -> str | None:
    route = scope.get("route")
    found = None if isinstance(route, Mount) else getattr(route, "path_format", None)
    return f"{scope.get('root_path', '')}{found}" if found else None
