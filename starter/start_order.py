"""What an order starts with, as other programs write it: the body of a call, a line of a file."""

from typing import Annotated

from pydantic import AfterValidator, Field

from recourse.resolution.model.display import Display
from recourse.resolution.model.fields import storable
from recourse.resolution.model.opening_state import OpeningState
from recourse.resolution.model.terms import Terms
from recourse.resolution.model.vocabulary import Frozen, Party
from recourse.runtime.addresses import LONGEST, read_address


def _address(text: str) -> str:
    try:
        read_address(text)
    except ValueError as error:
        raise ValueError(f"is {error}") from None
    return text


Email = Annotated[
    str,
    AfterValidator(_address),
    Field(description="One address, `name@domain`.", max_length=LONGEST, json_schema_extra={"format": "idn-email"}),
]


class StartOrder(Frozen):
    """What an order starts with. `policy` is one of those that this server was started with."""

    terms: Terms = Field(description="What was ordered.")
    policy: Annotated[str, Field(max_length=1000), AfterValidator(storable)] = Field(
        default="resolution_center", description="The name of a policy that this server has."
    )
    provider: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")] = Field(
        default="ledger", description="The name of the payment provider."
    )
    client_email: Email | None = Field(default=None, description="Where the client gets notices by mail.")
    freelancer_email: Email | None = Field(default=None, description="Where the freelancer gets notices by mail.")
    display: Display | None = Field(default=None, description="What people call the order; it can change later.")
    state: OpeningState | None = Field(default=None, description="Where an order stands that began elsewhere.")

    @property
    def emails(self) -> dict[Party, str]:
        """The addresses that are given."""
        given: dict[Party, str | None] = {"client": self.client_email, "freelancer": self.freelancer_email}
        return {role: email for role, email in given.items() if email}
