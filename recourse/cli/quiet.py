"""Keeping other people's logs off a screen that tells a story."""

import logging

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter


def quiet() -> None:
    """Only errors of the Temporal SDK are shown: what fails on purpose in a story is part of it."""
    logging.getLogger("temporalio").setLevel(logging.ERROR)
    Runtime.set_default(
        Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
            )
        )
    )
