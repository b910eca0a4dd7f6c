"""The worker's log: one line an event, JSON unless people read it on a terminal, and never what a party wrote."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog
from temporalio import activity, workflow
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from recourse.runtime.metrics import LAG, LAGS
from recourse.runtime.names import PREFIX
from recourse.runtime.settings import BadSettings

LONGEST = 300  # characters of an error's first line
# What is known of the activity or workflow that a line comes from. The rest of it stays out: it may hold payloads.
_KNOWN = ("workflow_id", "workflow_run_id", "run_id", "activity_type", "attempt", "workflow_type", "task_queue")
_CORE = ("error", "workflow_id", "task_queue")

Line = MutableMapping[str, Any]


def log_to(stream: Any = None, *, level: int = logging.INFO, metrics: str | None = None) -> None:
    """Log everything, Temporal's own lines too, to `stream` (standard error), and serve metrics at `metrics`.

    To be called before Temporal is used. Raises BadSettings where that address cannot be listened on.
    """
    stream = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _whose,
        _error_in_one_line,
    ]
    people = stream.isatty()
    last = structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(ensure_ascii=False)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx2", "httpcore2", "aiosmtplib", "stripe"):  # a line for each request, with its address
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # Both would repeat whole descriptions in the text of each line.
    activity.logger.activity_info_on_message = False
    workflow.logger.workflow_info_on_message = False
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    forwarded = LogForwardingConfig(
        logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    filtered = TelemetryFilter(core_level="WARN", other_level="ERROR")
    try:
        Runtime.set_default(
            Runtime(
                telemetry=TelemetryConfig(
                    logging=LoggingConfig(filter=filtered, forwarding=forwarded),
                    metrics=prometheus(metrics) if metrics else None,
                )
            )
        )
    except ValueError as error:
        raise BadSettings(f"RECOURSE_METRICS_ADDRESS: {metrics} cannot be listened on: {error}") from error


def prometheus(address: str) -> PrometheusConfig:
    """Names and units as Prometheus wants them: seconds, and `_total` behind counters."""
    return PrometheusConfig(
        bind_address=address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides={LAG: LAGS},
    )


def _whose(_: Any, __: str, line: Line) -> Line:
    """Say which order a line is about, and keep of Temporal's own descriptions only what is known to be harmless."""
    about: dict[str, Any] = {}
    for key in ("temporal_activity", "temporal_workflow"):
        about |= line.pop(key, None) or {}
    core = line.pop("temporal_log", None)
    if core is not None:
        fields = core.fields
        about |= {key: _first_line(str(fields[key])) for key in _CORE if key in fields}
    line.pop("__temporal_error_identifier", None)
    workflow_id = str(about.get("workflow_id", ""))
    if workflow_id:
        line["order_id"] = workflow_id.removeprefix(PREFIX)
    line.update({key: about[key] for key in (*_KNOWN, "error") if key in about})
    return line


def _error_in_one_line(_: Any, __: str, line: Line) -> Line:
    """An error as its type, the first line of its text and where it arose: what follows in the text may quote payloads
    or rows. The whole of it is in the order's history."""
    told = line.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        line["error"] = f"{type(error).__name__}: {_first_line(str(error))}"
        frames = traceback.extract_tb(error.__traceback__)
        if frames:
            line["raised_in"] = f"{frames[-1].name} ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})"
    line.pop("stack_info", None)
    return line


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0][:LONGEST]
