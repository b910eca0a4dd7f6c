"""Writing a step: one statement, one transaction, and nothing twice."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

from recourse.database.access import Database
from recourse.database.orders import ANSWERED, answered
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.step import Adopted, Answered, Step

# More answers than this are not read at once: each is looked up when its command comes again.
ANSWERS_AT_MOST = 100


class StepOutOfOrder(Exception):
    """The database lacks the steps before this one: it was set back behind the orders that it holds."""


class OrderIdTaken(Exception):
    """The database has an order of this id that was opened with something else."""


# One statement, so that the state and the answers are of the same instant.
_STORED = f"""
SELECT s.step, s.state, s.record_salt, o.opening, coalesce((
    SELECT jsonb_agg(to_jsonb(given) ORDER BY given.step)
    FROM ({ANSWERED} WHERE a.order_id = s.order_id AND a.step >= $2 ORDER BY a.step LIMIT $3) AS given
), '[]') AS answers, coalesce((
    SELECT jsonb_object_agg(sent.sender, sent.count)
    FROM (
        SELECT sender, count(*) FROM answers
        WHERE order_id = s.order_id AND step >= $2 AND outcome ->> 'entry' IS NOT NULL GROUP BY sender
    ) AS sent
), '{{}}') AS counted
FROM order_states AS s INNER JOIN openings AS o ON o.order_id = s.order_id
WHERE s.order_id = $1
"""  # noqa: S608 - of our own parts only


@cache
def _statement() -> str:
    return (files("recourse.database") / "record_step.sql").read_text(encoding="utf-8")


async def record_step(pool: Database, given: Step | bytes) -> Adopted | None:
    """Write a step whole; as JSON it is handed on as it came. None: it is written now, or was before.

    Where the step does not fit what the database has, nothing is written and what the database has is returned: it is
    what happened. That is so where an attempt that was forgotten committed another step of this number, where the order
    was decided differently than before, and where a newer build wrote keys that this step lacks. Raises StepOutOfOrder
    where the steps before are missing, OrderIdTaken where the database has another order of this id.
    """
    written = await pool.fetchval(_statement(), given)
    if written:
        return None
    step = given if isinstance(given, Step) else Step.model_validate_json(given)
    stored = await pool.fetchrow(_STORED, step.order_id, step.number, ANSWERS_AT_MOST + 1)
    if stored is not None and not _same_order(stored, step):
        raise OrderIdTaken(f"The database has another order {step.order_id}; an order id is never used again.")
    if stored is None or stored["step"] < step.number - 1:
        at = "not in the database" if stored is None else f"at step {stored['step']} in the database"
        raise StepOutOfOrder(f"Order {step.order_id} is {at}, step {step.number} cannot follow.")
    if stored["step"] == step.number and stored["state"] == step.order:
        return None
    follows = stored["step"] < step.number and stored["state"]["record_hash"] in ("", _previous(step))
    if follows and stored["state"]["made_for"] <= step.order["made_for"]:
        # The step before was written between the two statements.
        return await record_step(pool, given)
    answers: tuple[Answered, ...] | None = None
    # Where the steps before this one differ too, their answers may; or there may be too many answers to hand over.
    if (stored["step"] >= step.number or follows) and len(stored["answers"]) <= ANSWERS_AT_MOST:
        # The order may go on where only a newer build can read an answer.
        with suppress(NeedsNewerBuild):
            answers = tuple(answered(row) for row in stored["answers"])
    return Adopted(
        step=stored["step"],
        order={**stored["state"], "opening": stored["opening"]},
        answers=answers,
        counted=stored["counted"] if answers is None else {},
    )


def _previous(step: Step) -> str:
    """The hash of the record before this step."""
    before: str = step.entry.previous if step.entry else step.order["record_hash"]
    return before


def _same_order(stored: Mapping[str, Any], given: Step) -> bool:
    """Whether a step is of the order that is there. Another version may have opened it with more or fewer keys."""
    if stored["record_salt"] != given.record_salt:
        return False
    return given.opening is None or _agree(stored["opening"]["terms"], given.opening["terms"])


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_agree(one[key], other[key]) for key in one.keys() & other.keys())
    return bool(one == other)
