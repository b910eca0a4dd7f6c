"""Keeps other libraries' logs off a screen that shows a story."""

import logging

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter


def quiet() -> None:
    """Only errors of the Temporal SDK and the database driver are shown: what fails on purpose is part of a story."""
    for name in ("temporalio", "asyncpg"):
        logging.getLogger(name).setLevel(logging.ERROR)
    Runtime.set_default(
        Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
            )
        )
    )
