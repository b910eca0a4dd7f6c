"""What was already true of an order that began elsewhere, when it came here (rules, 18)."""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StrictBool

from recourse.resolution.model.amounts import LARGEST
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.fields import LATEST, AnInstant, Name, Text, WholeNumber, whole_second
from recourse.resolution.model.vocabulary import Frozen, Kind, Party, Phase, other
from recourse.verify_record import canonical

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_Instant = Annotated[AwareDatetime, Field(ge=_EARLIEST, lt=LATEST), AnInstant, AfterValidator(whole_second)]
_Amount = Annotated[int, Field(strict=True, ge=0, le=LARGEST), WholeNumber]
_Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000), WholeNumber]


class Extras(Frozen):
    """Extra work that was agreed on and paid for."""

    price: _Amount = Field(default=0, description="What it added to the price, in minor units.")
    service_fee: _Amount = Field(default=0, description="What it added to the service fee, in minor units.")


class WaitingRequest(Frozen):
    """A request that waits for its answer. `counters`: with an odd number of counter-offers its opener is asked."""

    kind: Kind = Field(description="What is asked for.")
    by: Party = Field(description="The party that asks.")
    opened_at: _Instant = Field(description="When it was asked.")
    answer_due_at: _Instant = Field(description="The deadline of the answer.")
    amount: _Amount | None = Field(default=None, description="The amount on the table, in minor units.")
    extend_by: Duration | None = Field(default=None, description="How much more time is asked for.")
    reason: Name | None = Field(default=None, description="The reason code.")
    comment: Text | None = Field(default=None, description="What the party wrote.")
    counters: _Count = Field(default=0, description="How many counter-offers were made.")
    reminder_sent: StrictBool = Field(default=False, description="Whether the party asked was reminded.")

    @property
    def asked(self) -> Party:
        """The party that must answer."""
        return self.by if self.counters % 2 else other(self.by)


class OpeningState(Frozen):
    """Where an order stood when it came from elsewhere."""

    phase: Phase = Field(description="The phase; only an open one.")
    since: _Instant = Field(description="Since when it is in this phase.")
    due_at: _Instant | None = Field(default=None, description="When the work is due, unless requirements are awaited.")
    delivered_at: _Instant | None = Field(
        default=None, description="The last delivery; left out for a delivered order: when this phase began."
    )
    completes_at: _Instant | None = Field(
        default=None, description="When a delivered order completes by itself; left out: as its policy says."
    )
    revisions: _Count = Field(default=0, description="How many revisions were asked for.")
    extras: Extras = Field(default=Extras(), description="What was added to the price and the service fee.")
    released: _Amount = Field(default=0, description="What the freelancer was paid before commission, in minor units.")
    refunded: _Amount = Field(default=0, description="What of the price the client got back, in minor units.")
    request: WaitingRequest | None = Field(default=None, description="The request that waits for an answer.")
    declined_at: dict[Party, _Instant] = Field(
        default={}, description="When the last cancel request of a party was declined, by party."
    )
    wrote: tuple[Party, ...] = Field(default=(), description="The parties that have sent the other a message.")

    @property
    def last_delivery(self) -> datetime | None:
        """When it was last delivered, as far as that is said."""
        return self.delivered_at or (self.since if self.phase == "delivered" else None)

    @property
    def digest(self) -> str:
        """By what the same state is known again: its SHA-256."""
        said = canonical(self.model_dump(mode="json", exclude_defaults=True))
        return hashlib.sha256(said.encode()).hexdigest()


class Imported(Frozen):
    """The order began elsewhere and came here."""

    event: Literal["imported"] = "imported"
    state: OpeningState = Field(description="Where it stood.")
