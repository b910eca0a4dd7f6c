"""Whether this process traces. What sends traces is loaded only where OpenTelemetry's own variables ask for them."""

from typing import TYPE_CHECKING

from recourse.extras import how_to_install
from recourse.runtime.settings import BadSettings, Settings

if TYPE_CHECKING:
    from recourse.runtime.spans import Tracing


def tracing(settings: Settings) -> "Tracing | None":
    """What traces this process; None: nobody is told. Raises BadSettings where OpenTelemetry is not installed."""
    if not settings.traces_endpoint:
        return None
    try:
        from recourse.runtime.spans import started
    except ImportError as error:
        raise BadSettings(
            "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, but OpenTelemetry is not installed. "
            f"{how_to_install('otel')}, or unset the variable."
        ) from error
    return started()
