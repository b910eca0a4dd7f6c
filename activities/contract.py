"""What the workflow and the activities say to each other. Importable inside the workflow sandbox."""

from pydantic import BaseModel, ConfigDict

from recourse.resolution.model.data_version import FIRST
from recourse.resolution.model.step import Adopted

RECORD_STEP = "record_step"
FIND_ANSWER = "find_answer"
HAS_STARTED = "has_started"
READ_ARRIVALS = "read_arrivals"
READ_OFFSETS = "read_offsets"
DELIVER_NOTICES = "deliver_notices"
PAY = "pay"
RECONCILE = "reconcile"
# The type of the error by which an activity refuses who asks for it.
UNPROVEN = "input_unproven"


class StepRecorded(BaseModel):
    """A step is written, or `adopted` says what is there instead. `text` is for the Temporal UI, `to_deliver` tells
    whether notices wait for a channel. `data_version` is that of the build that decided the step, `needs` that of the
    state after it."""

    model_config = ConfigDict(frozen=True)

    text: str
    to_deliver: bool = False
    adopted: Adopted | None = None
    data_version: int = FIRST
    needs: int = FIRST


class LegToPay(BaseModel):
    """Which leg of which order the provider is to be asked for. What it pays stands in the database."""

    model_config = ConfigDict(frozen=True)

    order_id: str
    leg: str


class FormerPayment(BaseModel):
    """What builds of data version 1 asked for; no worker pays it any more."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    order_id: str
    provider: str
    currency: str
    client: int
    freelancer: int
    platform: int
