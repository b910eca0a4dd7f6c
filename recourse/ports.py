"""What an extension implements: a payment provider, or a calculator of scores."""

from recourse.activities.paying import PaymentProvider
from recourse.activities.shapes import Payment
from recourse.resolution.scores import Calculator, Tally

__all__ = ["Calculator", "Payment", "PaymentProvider", "Tally"]
