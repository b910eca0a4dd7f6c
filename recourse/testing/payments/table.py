"""The table `payments` in memory. The statements are those that a worker sends to PostgreSQL."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from recourse.resolution.model.order import Opening
from recourse.resolution.model.step import Step

_TABLES = """
CREATE TABLE openings (order_id text PRIMARY KEY, opening text);
CREATE TABLE payments (
    key text PRIMARY KEY, order_id text, number bigint, leg text, turn bigint, amount bigint, currency text,
    provider text, status text, reason text, reference text, attempts bigint DEFAULT 0, asked_at real, answered_at real
);
CREATE TRIGGER payments_keep_their_meaning BEFORE UPDATE ON payments
WHEN (NEW.key, NEW.order_id, NEW.number, NEW.leg, NEW.turn, NEW.amount, NEW.currency, NEW.provider)
    IS NOT (OLD.key, OLD.order_id, OLD.number, OLD.leg, OLD.turn, OLD.amount, OLD.currency, OLD.provider)
BEGIN
    SELECT RAISE(ABORT, 'a key never stands for another payment');
END;
"""
# As recourse/database/record_step.sql has it.
WRITE_PAYMENTS = """
INSERT INTO payments AS p (
    key, order_id, number, leg, turn, amount, currency, provider, status, reason, reference, answered_at
)
VALUES (
    :key, :order_id, :number, :leg, :turn, :amount, :currency, :provider, :status, :reason, :reference,
    CASE WHEN :status NOT IN ('waiting', 'void') THEN now() END
)
ON CONFLICT (key) DO UPDATE SET
    amount = excluded.amount, provider = excluded.provider, status = excluded.status, reason = excluded.reason,
    reference = excluded.reference, answered_at = coalesce(p.answered_at, excluded.answered_at)
WHERE NOT (p.status = 'done' AND excluded.status = 'void')
"""


class WorkerKilled(BaseException):
    """The worker is killed here."""


class PaymentsTable:
    """A pool of connections, as the activity needs it. `kill_at`: after how many statements the worker is killed.

    `now`: the clock of the database. Instants are seconds here.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        self._database.create_function("now", 0, lambda: self.now().timestamp())
        self._database.executescript(_TABLES)
        self.kill_at: int | None = None
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def clear(self) -> None:
        """Forget every order."""
        self.kill_at = None
        self._database.executescript("DELETE FROM payments; DELETE FROM openings;")

    def open(self, opening: Opening) -> None:
        """Write the opening of an order."""
        text = to_json(opening).decode()
        self._database.execute("INSERT INTO openings VALUES (?, ?)", (opening.terms.order_id, text))

    def write(self, step: Step) -> None:
        """Write what a step says of payments."""
        for row in step.payments:
            self._database.execute(WRITE_PAYMENTS, {"order_id": step.order_id, **row.model_dump()})

    async def fetch(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """The rows of a statement."""
        return list(self._run(statement, values))

    async def fetchrow(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a statement."""
        return next(iter(self._run(statement, values)), None)

    async def execute(self, statement: str, *values: Any) -> None:
        """Run a statement."""
        self._run(statement, values)

    def _run(self, statement: str, values: Iterable[Any]) -> sqlite3.Cursor:
        if self.kill_at is not None:
            self.kill_at -= 1
            if self.kill_at < 0:
                self.kill_at = None
                raise WorkerKilled
        plain = (value.total_seconds() if isinstance(value, timedelta) else value for value in values)
        return self._database.execute(statement, {str(place): value for place, value in enumerate(plain, 1)})
