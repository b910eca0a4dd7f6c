"""One recorded step of an order: everything that one command or one fired clock leaves behind.

A step is written in a single transaction, so that the record, the money, the page of the order and the notices
never disagree. It is a value: the rules make it, the workflow carries it, the database keeps it.
"""

from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from recourse.resolution.model.data_version import DATA_VERSION
from recourse.resolution.model.entry import EntryContent, read_content
from recourse.resolution.model.facts import Facts
from recourse.resolution.model.notice import Notice
from recourse.resolution.model.order import Order
from recourse.resolution.model.outcome import Outcome
from recourse.resolution.model.payments import Leg, LegName, LegStatus
from recourse.resolution.model.vocabulary import if_any

Account = Literal["client", "freelancer", "platform", "escrow", "contested"]
LEDGER: tuple[Account, ...] = get_args(Account)


class LedgerLine(BaseModel):
    """One side of a double entry, in minor units of the order's currency; the lines of a step add up to zero.

    `escrow` is the money held for this order, `contested` what the client's bank has taken until it decides. A positive
    amount is what the account receives.
    """

    model_config = ConfigDict(frozen=True)

    account: Account
    amount: int


class LegRow(BaseModel):
    """What the payment provider is asked for, as it stands in the table `payments` before anybody is asked."""

    model_config = ConfigDict(frozen=True)

    key: str
    number: int
    leg: LegName
    turn: int
    amount: int
    currency: str
    provider: str
    status: LegStatus
    reason: str | None = None
    reference: str | None = None

    @classmethod
    def of(cls, leg: Leg, order: Order) -> "LegRow":
        """The row of a leg of this order."""
        return cls(
            key=leg.key_in(order.terms.order_id),
            number=leg.payment,
            leg=leg.name,
            turn=leg.key,
            amount=leg.amount,
            currency=order.terms.currency,
            provider=order.opening.provider,
            status=leg.status,
            reason=leg.reason,
            reference=leg.reference,
        )


class RecordEntry(BaseModel):
    """An entry of the order's record: who did what, what came of it, and the hash of the entry before [R66].

    The hash is taken over salted hashes of the content's fields, so that a field can be hidden in an export without
    breaking the chain (`resolution.record`).
    """

    model_config = ConfigDict(frozen=True)

    number: int
    at: datetime
    content: dict[str, Any] = Field(description="the fields as they are hashed, which `parsed` reads")
    previous: str
    hash: str
    erased: dict[str, str] | None = if_any("the hashes of the fields of which something was erased since")
    salts: dict[str, str] | None = if_any("the salts of the other fields, where the secret of the opening is another")

    @property
    def parsed(self) -> EntryContent:
        """What the entry says."""
        return read_content(self.content)


class Answer(BaseModel):
    """The first answer to a command; the same sender's same id gets it again."""

    model_config = ConfigDict(frozen=True)

    sender: str
    command_id: str
    outcome: Outcome


class Answered(Answer):
    """An answer that the database has, with the number of the step that gave it and the fingerprint of the command
    that got it; None where they are not known."""

    step: int | None = None
    fingerprint: str | None = None


class Adopted(BaseModel):
    """What the database has instead of a step that was to be written.

    An attempt to decide may be forgotten after its steps were committed: a worker died, or its report was lost. What
    was committed then is what happened; the order goes on from there. `step` is the last one committed, `order` the
    whole order after it, `answers` those that were given since. None: every answer has to be read from the database,
    and `counted` says how many commands of each sender, such as `client:c-1`, were recorded since.
    """

    model_config = ConfigDict(frozen=True)

    step: int
    order: dict[str, Any]
    answers: tuple[Answered, ...] | None = ()
    counted: dict[str, int] = {}


class Summary(BaseModel):
    """The columns by which a marketplace finds and lists orders, all as of this step."""

    model_config = ConfigDict(frozen=True)

    policy: str
    client: str
    freelancer: str
    currency: str
    price: int
    service_fee: int
    phase: str
    how: str | None = None
    settlement: str
    ordered_at: datetime
    due_at: datetime | None = None
    closed_at: datetime | None = None
    request_kind: str | None = None
    request_status: str | None = None
    answer_due_at: datetime | None = None
    case_stage: str | None = None
    case_due_at: datetime | None = None
    turn: str
    turn_until: datetime | None = None
    next_clock: str | None = None
    next_clock_at: datetime | None = None
    group_id: str | None = if_any("the group of orders")
    part: int | None = if_any("its place in the group")


class Step(BaseModel):
    """What is written at once. `number` is 0 for the opening and grows by one with each step of the order.

    `opening` never changes, so step 0 alone carries it; `record_salt` is that of the opening.
    `facts` are those of the closed order, where this step made or changed them; `reopened` tells that it took them
    back.
    """

    model_config = ConfigDict(frozen=True)

    order_id: str
    number: int
    at: datetime
    data_version: int = Field(DATA_VERSION, description="of the build that decided it")
    record_salt: str
    opening: dict[str, Any] | None = None
    order: dict[str, Any] = Field(description="the order after the step, which `read_state` reads with its opening")
    summary: Summary
    entry: RecordEntry | None = None
    answer: Answer | None = None
    ledger: tuple[LedgerLine, ...] = ()
    payments: tuple[LegRow, ...] = ()
    notices: tuple[Notice, ...] = ()
    facts: Facts | None = None
    reopened: bool = False
