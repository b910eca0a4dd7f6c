"""What the API answers with. The values come from the rules as they are; these models say their types.

A test holds that no view has a key that is not named here.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

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

    status: Literal["sent"] = Field(description="The command is on its way.")
    command: str = Field(description="The command.")
    command_id: str = Field(description="The id of the command.")


class Listed(Answered):
    """An order in a list."""

    order_id: str = Field(description="The order's id.")
    policy: str = Field(description="The name of the order's policy.")
    phase: Phase = Field(description="Where the order stands.")
    turn: str = Field(description="Who must act next.")
    turn_until: datetime | None = Field(description="The deadline; null: there is none.")
    next_clock: str | None = Field(description="The clock that fires next.")
    next_clock_at: datetime | None = Field(description="When that clock fires.")
    settlement: SettlementStatus = Field(description="Where the final payment stands.")
    case_stage: Stage | None = Field(description="Where the latest case stands.")


class OrderList(Answered):
    """A page of orders by id. `next` goes into `after` for the next page; null on the last one."""

    orders: list[Listed] = Field(description="The orders of this page.")
    next: str | None = Field(description="The `after` of the next page; null on the last one.")


class QueuedCase(Answered):
    """A case that waits for a decision. `turn` is whose turn it is: the parties' while a proposal is on the table."""

    order_id: str = Field(description="The order's id.")
    policy: str = Field(description="The name of the order's policy.")
    client: str = Field(description="The client's id.")
    freelancer: str = Field(description="The freelancer's id.")
    currency: str = Field(description="The currency of all amounts, by ISO 4217.")
    price: int = Field(description="The price, in minor units.")
    phase: Phase = Field(description="Where the order stands.")
    stage: Stage = Field(description="Where the case stands.")
    due_at: datetime = Field(description="When the policy's fallback decides in place of an operator.")
    overdue: bool = Field(description="Whether that is over.")
    turn: str = Field(description="Who must act next.")
    turn_until: datetime | None = Field(description="The deadline; null: there is none.")


class Queue(Answered):
    """The undecided cases, those due next first. `next` goes into `after` for the next page; null on the last one."""

    cases: list[QueuedCase] = Field(description="The cases of this page.")
    next: str | None = Field(description="The `after` of the next page; null on the last one.")


class Started(Answered):
    """An order that has started. Where it `can_be_read` not yet, no worker has taken it up so far."""

    order_id: str = Field(description="The order's id.")
    workflow_id: str = Field(description="The id of its workflow in Temporal.")
    policy: str = Field(description="The name of its policy.")
    can_be_read: bool = Field(description="Whether a worker has taken it up, so that it can be read.")
