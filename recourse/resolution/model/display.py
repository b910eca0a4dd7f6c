"""What people call an order and its parties. No rule reads it, and it is in no record: it can change and be erased."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from recourse.resolution.model.fields import Visible
from recourse.resolution.model.vocabulary import PARTIES, Frozen, Party, if_any
from recourse.wording.languages import say

_LINK = re.compile(r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?([/?#].*)?", re.IGNORECASE | re.DOTALL)


def _on_the_web(text: str) -> str:
    if not _LINK.fullmatch(text) or not text.isprintable() or " " in text:
        raise ValueError("must be an address such as https://market.example/orders/1002")
    return text


Link = Annotated[
    str, Field(strict=True, max_length=2_000, json_schema_extra={"format": "uri"}), AfterValidator(_on_the_web)
]
PersonName = Annotated[Visible, Field(max_length=100)]


class Display(Frozen):
    """What people call an order and its parties. Every field is optional, and only the database keeps it."""

    title: Visible | None = if_any("What was ordered, such as `Logo for a bakery`.")
    link: Link | None = if_any("The address of its page at the marketplace.")
    image: Link | None = if_any("The address of an image of it.")
    client_name: PersonName | None = if_any("The client's name.")
    freelancer_name: PersonName | None = if_any("The freelancer's name.")

    def name_of(self, party: Party) -> str | None:
        """The name of a party."""
        return self.client_name if party == "client" else self.freelancer_name


NOTHING = Display()


def order_name(order_id: str, display: Display | None, reader: str) -> str:
    """What a reader calls an order, such as `Logo for a bakery, with Ada`; a party reads the other's name only."""
    shown = display or NOTHING
    names = [name for party in PARTIES if party != reader and (name := shown.name_of(party))]
    called = shown.title or say("Order {order}", order=order_id)
    if len(names) == 2:
        return say("{order}, with {client} and {freelancer}", order=called, client=names[0], freelancer=names[1])
    return say("{order}, with {name}", order=called, name=names[0]) if names else called
