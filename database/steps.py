"""Writing a step: one statement, one transaction, and nothing twice."""

from functools import cache
from importlib.resources import files
from typing import Any

from database.orders import ANSWERED, answered
from resolution.step import Adopted, Step


class StepOutOfOrder(Exception):
    """A step whose predecessor is not there: the database was set back behind the orders that it holds."""


class OrderIdTaken(Exception):
    """The database has an order of this id that was opened with something else."""


@cache
def _statement() -> str:
    return (files("database") / "record_step.sql").read_text(encoding="utf-8")


async def record_step(pool: Any, given: Step | bytes) -> Adopted | None:
    """Write a step whole; as JSON it is handed on as it came. None: it is written now, or was before.

    Where the database has another step of this number, what it has is returned instead and nothing is written: an
    attempt that was forgotten committed it, so that is what happened. Raises StepOutOfOrder where the step before is
    missing, OrderIdTaken where the opening is that of another order.
    """
    written = await pool.fetchval(_statement(), given)
    if written:
        return None
    step = given if isinstance(given, Step) else Step.model_validate_json(given)
    stored = await pool.fetchrow("SELECT step, state FROM orders WHERE order_id = $1", step.order_id)
    if stored is None or stored["step"] < step.number:
        at = "not in the database" if stored is None else f"at step {stored['step']} in the database"
        raise StepOutOfOrder(f"Order {step.order_id} is {at}, step {step.number} cannot follow.")
    if stored["step"] == step.number and stored["state"] == step.order:
        return None
    if stored["state"]["opening"] != step.order["opening"]:
        raise OrderIdTaken(f"The database has another order {step.order_id}; an order id is never used again.")
    rows = await pool.fetch(
        f"{ANSWERED} WHERE a.order_id = $1 AND a.step >= $2 ORDER BY a.step", step.order_id, step.number
    )
    answers = tuple(answered(row) for row in rows)
    return Adopted(step=stored["step"], order=stored["state"], answers=answers)
