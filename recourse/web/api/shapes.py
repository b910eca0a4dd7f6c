"""What the API answers with. The values come from the rules as they are; these models say their types.

A test holds that no view has a key that is not named here.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recourse.resolution.model.vocabulary import (
    Phase,
    SettlementStatus,
    Stage,
)


class Answered(BaseModel):
    """A value of the API. Money is in minor units of the order's currency, instants are in UTC."""

    model_config = ConfigDict(from_attributes=True)


class Sent(Answered):
    """A command that is kept for the order, which has not answered yet."""

    status: Literal["sent"]
    command: str
    command_id: str


class Listed(Answered):
    """An order in a list."""

    order_id: str
    policy: str
    phase: Phase
    turn: str
    turn_until: datetime | None
    next_clock: str | None
    next_clock_at: datetime | None
    settlement: SettlementStatus
    case_stage: Stage | None


class OrderList(Answered):
    """A page of orders by id. `next` goes into `after` for the next page; null on the last one."""

    orders: list[Listed]
    next: str | None


class QueuedCase(Answered):
    """A case that waits for a decision. `turn` is whose turn it is: the parties' while a proposal is on the table."""

    order_id: str
    policy: str
    client: str
    freelancer: str
    currency: str
    price: int
    phase: Phase
    stage: Stage
    due_at: datetime
    overdue: bool
    turn: str
    turn_until: datetime | None


class Queue(Answered):
    """The undecided cases, those due next first. `next` goes into `after` for the next page; null on the last one."""

    cases: list[QueuedCase]
    next: str | None


class Started(Answered):
    """An order that has started. Where it `can_be_read` not yet, no worker has taken it up so far."""

    order_id: str
    workflow_id: str
    policy: str
    can_be_read: bool
