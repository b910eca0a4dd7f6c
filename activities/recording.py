"""The activities by which an order reaches the database."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from recourse.activities.contract import FIND_ANSWER, HAS_STARTED, RECORD_STEP, StepRecorded
from recourse.database.lists import read_parties
from recourse.database.orders import read_answered
from recourse.database.steps import OrderIdTaken, StepOutOfOrder, record_step
from recourse.policies.linting import policy_errors
from recourse.resolution.model.entry import AppliedEntry, EntryOutcome, OtherEvent
from recourse.resolution.model.events import Event
from recourse.resolution.model.opening_state import Imported
from recourse.resolution.model.order import read_opening
from recourse.resolution.model.policy import Policy
from recourse.resolution.model.step import Answered, Step
from recourse.resolution.rules.importing import contradictions
from recourse.runtime.currencies import UnusableCurrency, check_currency
from recourse.runtime.metrics import Counts


class _Named(BaseModel):
    id: str


class _Content(BaseModel):
    command: str
    outcome: EntryOutcome
    code: str | None = None


class _Entry(BaseModel):
    content: _Content


class _Terms(BaseModel):
    currency: str


class _Opening(BaseModel):
    terms: _Terms
    policy: dict[str, Any]


class _First(BaseModel):
    """What is looked at of an order's first step."""

    order_id: str
    opening: _Opening


class _State(BaseModel):
    needs: int


class _Glance(BaseModel):
    """What is looked at of a step on its way from the workflow to the database. To read the whole of it, and to write
    it as JSON once more, would take 4 % of a worker's time."""

    number: int
    data_version: int
    order: _State
    entry: _Entry | None = None
    notices: tuple[_Named, ...] = ()


@lru_cache(maxsize=64)
def _wrong_policy(policy: bytes) -> str:
    """What a lint calls an error in a policy that nobody has loaded from a file."""
    try:
        return "; ".join(f"policy.{error}" for error in policy_errors(Policy.model_validate_json(policy)))
    except ValidationError:
        # A newer build knows more of it, and has linted it.
        return ""


def _wrong_state(first: bytes) -> str:
    """What cannot be true of an order that began elsewhere; its first entry says where it stood."""
    step = Step.model_validate_json(first)
    imported = next((event for event in _events(step) if isinstance(event, Imported)), None)
    if imported is None or step.opening is None:
        # A newer build knows more of it, and has looked at it.
        return ""
    opening = read_opening(step.opening).model_copy(update={"state": imported.state})
    return "; ".join(contradictions(opening, step.at))


def _events(step: Step) -> Sequence[Event | OtherEvent]:
    content = step.entry.parsed if step.entry else None
    return content.events if isinstance(content, AppliedEntry) else ()


class Recording:
    """Writes steps. `delivers`: whether any channel is configured, so that notices are worth an activity."""

    def __init__(self, pool: Any, *, delivers: bool, counts: Counts | None = None) -> None:
        self._pool = pool
        self._delivers = delivers
        self._counts = counts or Counts()

    @activity.defn(name=RECORD_STEP)
    async def record_step(self, step: RawValue) -> StepRecorded:
        """Write one step whole; where the database has another one, that is what happened, and it is returned."""
        glance = _Glance.model_validate_json(step.payload.data)
        if glance.number == 0:
            wrong = _wrong_state(step.payload.data) if glance.entry else ""
            await self._may_start(_First.model_validate_json(step.payload.data), wrong)
        try:
            adopted = await record_step(self._pool, step.payload.data)
        except StepOutOfOrder:
            self._counts.out_of_order()
            raise
        except OrderIdTaken as taken:
            raise ApplicationError(str(taken), type="order_id_taken", non_retryable=True) from taken
        if adopted is not None:
            text = f"step {adopted.step} was there instead of step {glance.number}"
            return StepRecorded(text=text, to_deliver=self._delivers, adopted=adopted)
        if glance.entry:
            self._counts.wrote(glance.entry.content.command, glance.entry.content.outcome, glance.entry.content.code)
        if not activity.info().is_local:
            self._counts.waited()
        return StepRecorded(
            text=f"step {glance.number} written",
            to_deliver=self._delivers and bool(glance.notices),
            data_version=glance.data_version,
            needs=glance.order.needs,
        )

    async def _may_start(self, first: _First, wrong: str) -> None:
        # Here and not in the workflow, so that the answer is in the history whatever a later list has. What the
        # database knows has started, and only begins anew.
        wrong = wrong or _wrong_policy(to_json(first.opening.policy))
        try:
            check_currency(first.opening.terms.currency)
        except UnusableCurrency as error:
            wrong = f"terms.currency: {error}"
        if wrong and await read_parties(self._pool, first.order_id) is None:
            raise ApplicationError(f"The order cannot start: {wrong}", type="bad_opening", non_retryable=True)

    @activity.defn(name=HAS_STARTED)
    async def has_started(self, order_id: str) -> bool:
        """Whether the database knows an order."""
        return await read_parties(self._pool, order_id) is not None

    @activity.defn(name=FIND_ANSWER)
    async def find_answer(self, order_id: str, sender: str, command_id: str) -> Answered | None:
        """The first answer to a command that this run of the order may know nothing of."""
        return await read_answered(self._pool, order_id, sender, command_id)
