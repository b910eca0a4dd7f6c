"""The metadata that connects Stripe's objects with orders, and what became of such an object."""

from collections.abc import Mapping
from typing import Any

# An object of Stripe's, as its HTTP API writes it.
Thing = Mapping[str, Any]

# Names of metadata at Stripe: which order an object is for, which leg of it, and the leg's key.
ORDER, LEG, KEY = "recourse_order", "recourse_leg", "recourse_key"
# A reversal with this name in its metadata collects a debt of the freelancer's: the payout stays paid.
DEBT = "recourse_debt"


def marks(thing: Thing) -> dict[str, str]:
    """The metadata of an object."""
    return {**(thing.get("metadata") or {})}


def has_failed(made: Thing) -> bool:
    """Whether a refund or a transfer has moved nothing in the end."""
    if made["object"] == "refund":
        return made["status"] in ("failed", "canceled")
    return came_back(made) >= int(made["amount"])


def came_back(made: Thing) -> int:
    """How much of a refund or transfer has come back to the platform; a debt that was collected has not."""
    if made["object"] == "refund":
        # Only a refund that had left the platform has a second entry in its books.
        return int(made["amount"]) if has_failed(made) and made.get("failure_balance_transaction") else 0
    collected = sum(int(back["amount"]) for back in made["reversals"]["data"] if DEBT in marks(back))
    return int(made["amount_reversed"]) - collected
