"""Writing a step: one statement, one transaction, and nothing twice."""

from functools import cache
from importlib.resources import files
from typing import Any

from resolution.step import Step


class StepOutOfOrder(Exception):
    """A step whose predecessor is not there: the database was set back, or two steps are written at once."""


class AnotherHistory(Exception):
    """The database holds another order of this id, or other steps of this order."""


@cache
def _statement() -> str:
    return (files("database") / "record_step.sql").read_text(encoding="utf-8")


# Asked after the statement, which saw the order as it was before anybody who wrote at the same moment.
_THERE = """
SELECT
    o.step, o.state #>> '{opening,record_salt}' AS secret, o.state ->> 'record_hash' AS head,
    (SELECT e.hash FROM record_entries AS e WHERE e.order_id = o.order_id AND e.number = $2) AS hash
FROM orders AS o WHERE o.order_id = $1
"""


async def record_step(pool: Any, step: Step) -> bool:
    """Write `step` whole; False where it is there already.

    Raises StepOutOfOrder where one before it is missing, AnotherHistory where what is there is not what leads to it.
    """
    if await pool.fetchval(_statement(), step.model_dump(mode="json")):
        return True
    there = await pool.fetchrow(_THERE, step.order_id, step.entry.number if step.entry else None)
    if there is not None and not _same_history(step, there):
        raise AnotherHistory(
            f"Order {step.order_id} has another history in this database, which is at step {there['step']}; step "
            f"{step.number} is not written. Either an order of this id was started on another Temporal server, or its "
            "workflow was reset: let the workflow lead it that wrote those steps."
        )
    if there is None or there["step"] < step.number:
        at = "is not" if there is None else f"is at step {there['step']}"
        raise StepOutOfOrder(f"Order {step.order_id} {at} in the database, step {step.number} cannot follow.")
    return False


def _same_history(step: Step, there: Any) -> bool:
    if there["secret"] != step.order["opening"]["record_salt"]:
        return False
    if step.entry is None or there["hash"] is not None:
        return step.entry is None or bool(there["hash"] == step.entry.hash)
    # Its turn, by its number: then the record must end where this entry goes on.
    return there["step"] != step.number - 1 or there["head"] in ("", step.entry.previous)
