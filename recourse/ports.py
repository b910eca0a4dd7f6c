"""What an extension implements: a payment provider, or a calculator of scores."""

from recourse.activities.contract import Payment
from recourse.activities.paying import PaymentProvider
from recourse.resolution.shown.scores import Calculator, Tally

__all__ = ["Calculator", "Payment", "PaymentProvider", "Tally"]
