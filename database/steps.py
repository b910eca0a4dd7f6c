"""Writing a step: one statement, one transaction, and nothing twice."""

from functools import cache
from importlib.resources import files
from typing import Any

from resolution.step import Step


class StepOutOfOrder(Exception):
    """A step whose predecessor is not there: two processes lead the same order, or the database was set back."""


@cache
def _statement() -> str:
    return (files("database") / "record_step.sql").read_text(encoding="utf-8")


async def record_step(pool: Any, step: Step) -> bool:
    """Write `step` whole; False where it is there already. Raises StepOutOfOrder where one before it is missing."""
    row = await pool.fetchrow(_statement(), step.model_dump(mode="json"))
    if row["fresh"]:
        return True
    if row["step_before"] is None or row["step_before"] < step.number:
        raise StepOutOfOrder(
            f"Order {step.order_id} is at step {row['step_before']} in the database, step {step.number} cannot follow."
        )
    return False
