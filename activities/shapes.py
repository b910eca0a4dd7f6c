"""What the workflow and the activities say to each other. Importable inside the workflow sandbox."""

from pydantic import BaseModel, ConfigDict

RECORD_STEP = "record_step"
DELIVER_NOTICES = "deliver_notices"
PAY = "pay"


class StepRecorded(BaseModel):
    """A step is written. `text` is for the Temporal UI, `to_deliver` the number of notices that a channel waits for."""

    model_config = ConfigDict(frozen=True)

    text: str
    to_deliver: int = 0


class Payment(BaseModel):
    """Money that a payment provider is to move out of escrow, in minor units of `currency`.

    The same `idempotency_key` is the same payment, however often it is asked for.
    """

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    order_id: str
    provider: str
    currency: str
    client: int
    freelancer: int
    platform: int
