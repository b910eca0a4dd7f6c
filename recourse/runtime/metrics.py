"""What a worker counts of its own work, on the SDK's meter, so that one endpoint shows both.

Labels come from closed lists only: an id, a name or a text that somebody wrote never becomes one.
"""

from typing import Any, Literal

from temporalio.common import MetricMeter

from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.entry import EntryOutcome
from recourse.resolution.model.refusals import CODES

UNKNOWN = "unknown"
# By their names where they are scraped: the SDK puts `_total` and the unit behind those that it is told.
MEANINGS = {
    "recourse_steps_total": "Steps written, by `command` (a command, or the clock that fired) and `outcome` "
    "(`applied`, `refused`, `fired`).",
    "recourse_refusals_total": "Commands that were refused, by `code`.",
    "recourse_outages_total": "Steps that the database did not take within seconds, counted once it has taken them.",
    "recourse_steps_out_of_order_total": "Attempts at a step whose predecessor the database does not have: it was set "
    "back.",
    "recourse_deliveries_total": "Notices sent, by `channel` and `result` (`delivered`, `failed`).",
    "recourse_payments_total": "Attempts at a payment, by `provider` and `result` (`paid`, `blocked`, `failed`).",
    "recourse_notice_lag_seconds": "Time from when a notice was written until its receiver took it, by `channel`.",
}
LAG = "recourse_notice_lag"
# Seconds; a notice is tried for a week.
LAGS = (0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21600, 86400, 604800)


class Counts:
    """The counters of one worker. What is done twice, after a lost answer, is counted twice."""

    def __init__(self, meter: MetricMeter = MetricMeter.noop) -> None:
        def counter(name: str) -> Any:
            return meter.create_counter(name, MEANINGS[f"{name}_total"])

        self._steps, self._refusals = counter("recourse_steps"), counter("recourse_refusals")
        self._outages, self._deliveries = counter("recourse_outages"), counter("recourse_deliveries")
        self._out_of_order = counter("recourse_steps_out_of_order")
        self._payments = counter("recourse_payments")
        # What has not happened yet is there as 0, so that its first time is seen as a rise.
        self._outages.add(0)
        self._out_of_order.add(0)
        for code in CODES:
            self._refusals.add(0, {"code": code})
        self._lag = meter.create_histogram_float(LAG, MEANINGS[f"{LAG}_seconds"], "seconds")

    def wrote(self, command: str, outcome: EntryOutcome, code: str | None) -> None:
        """A step was written that has an entry in the record."""
        known = outcome == "fired" or command in COMMANDS
        self._steps.add(1, {"command": command if known else UNKNOWN, "outcome": outcome})
        if code is not None:
            self._refusals.add(1, {"code": code})

    def waited(self) -> None:
        """A step was written by an activity that waited for the database."""
        self._outages.add(1)

    def out_of_order(self) -> None:
        """A step could not be written, since the database lacks the one before."""
        self._out_of_order.add(1)

    def sent(self, channel: str, result: Literal["delivered", "failed"], lag: float | None = None) -> None:
        """A notice was sent; `lag` in seconds, where it is known that this was the first time it was taken."""
        self._deliveries.add(1, {"channel": channel, "result": result})
        if lag is not None:
            self._lag.record(lag, {"channel": channel})

    def paid(self, provider: str | None, result: Literal["paid", "blocked", "failed"]) -> None:
        """A payment was attempted; `provider` None: by none that this worker knows."""
        self._payments.add(1, {"provider": provider or UNKNOWN, "result": result})
