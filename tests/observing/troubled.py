"""A payment provider whose first answer is lost."""

from tests.activities.bank import Bank


def bank() -> Bank:
    """As RECOURSE_PAYMENT_PROVIDERS names it."""
    return Bank("before")
