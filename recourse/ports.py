"""What an extension implements: a payment provider, a calculator of scores, or a signer of records."""

from recourse.activities.paying import CannotPay, PaymentProvider
from recourse.database.payments import PaymentLeg
from recourse.resolution.shown.scores import Calculator, Tally
from recourse.runtime.signing import RecordSigner

__all__ = ["Calculator", "CannotPay", "PaymentLeg", "PaymentProvider", "RecordSigner", "Tally"]
