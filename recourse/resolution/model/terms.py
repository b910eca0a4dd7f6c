"""What was ordered: the parties, the money in minor units, and the time it may take."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from recourse.resolution.model.amounts import LARGEST
from recourse.resolution.model.data_version import Since
from recourse.resolution.model.durations import Duration
from recourse.resolution.model.fields import LATEST, AnInstant, Visible, WholeNumber, whole_second
from recourse.resolution.model.vocabulary import Frozen, Party, if_any

LARGEST_AMOUNT = 2**53 - 1
Amount = Annotated[int, Field(strict=True, ge=0, le=LARGEST_AMOUNT), WholeNumber]
Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/]+$")]
AttributeName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,63}$")]
AttributeValue = Annotated[
    Annotated[bool, Field(strict=True)] | Annotated[int, Field(strict=True, ge=-(2**53) + 1, le=2**53 - 1)] | Visible,
    Field(union_mode="left_to_right"),
]
OrderId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
PartNumber = Annotated[int, Field(strict=True, ge=1, le=LARGEST_AMOUNT), WholeNumber]


class History(Frozen):
    """What one party had behind it when the order was placed, as counts of closed orders."""

    completed: Amount = Field(default=0, description="Completed orders.")
    canceled: Amount = Field(default=0, description="Canceled orders that count, and are neither good nor bad.")
    good: Amount = Field(default=0, description="Orders that count for the freelancer.")
    bad: Amount = Field(default=0, description="Orders that count against the freelancer.")
    canceled_recently: Amount = Field(default=0, description="Recent cancellations that count towards the repeat mark.")


class Histories(Frozen):
    """What the two parties have behind them."""

    client: History = Field(default=History(), description="The client's history.")
    freelancer: History = Field(default=History(), description="The freelancer's history.")

    def of(self, party: Party) -> History:
        """The history of one party."""
        return self.client if party == "client" else self.freelancer


class Terms(Frozen):
    """What was ordered: the parties, the money in minor units, and the time it may take."""

    order_id: OrderId = Field(description="The order's id; never used again.")
    client: Id = Field(description="The client's id in the marketplace.")
    freelancer: Id = Field(description="The freelancer's id in the marketplace.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(
        default="USD", description="The currency of all amounts, by ISO 4217."
    )
    price: Annotated[int, Field(strict=True, ge=1, le=LARGEST), WholeNumber] = Field(
        description="The price, in minor units."
    )
    service_fee: Annotated[int, Field(strict=True, ge=0, le=LARGEST), WholeNumber] = Field(
        default=0, description="The fee that the client pays on top, in minor units."
    )
    ordered_at: Annotated[AwareDatetime, Field(lt=LATEST), AnInstant, AfterValidator(whole_second)] = Field(
        description="When it was ordered, to the second."
    )
    delivery_time: Duration = Field(description="Time to deliver, such as `5d`.")
    requirements: Literal["awaited", "received"] = Field(
        default="received", description="Whether the client still has to hand in what the freelancer needs."
    )
    history: Histories = Field(
        default=Histories(), description="What the parties have behind them; left out: what the database has."
    )
    group: Annotated[OrderId | None, Since(2)] = if_any("The id of a group of orders of the same two parties.")
    part: Annotated[PartNumber | None, Since(2)] = if_any("Its place in the group, from 1.")
    payment: Annotated[Visible | None, Since(2)] = if_any(
        "What the price was collected with at the payment provider, such as a payment intent. Parties do not see it."
    )
    destination: Annotated[Visible | None, Since(2)] = if_any(
        "The freelancer's account at the payment provider: its id there. Parties do not see it."
    )
    search: Annotated[dict[AttributeName, AttributeValue] | None, Field(min_length=1, max_length=10)] = if_any(
        "What operators find the order by in the Temporal UI, by the names of `RECOURSE_SEARCH_ATTRIBUTES`: texts, "
        "whole numbers, true or false. Never encrypted, never erased: nothing personal."
    )

    @model_validator(mode="after")
    def _part_of_something(self) -> Self:
        if self.part is not None and self.group is None:
            raise ValueError("a part needs the group that it is a part of")
        return self
