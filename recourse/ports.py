"""What an extension implements: a payment provider, a calculator of scores, or a signer of records."""

from recourse.activities.contract import Payment
from recourse.activities.paying import PaymentProvider
from recourse.resolution.shown.scores import Calculator, Tally
from recourse.runtime.signing import RecordSigner

__all__ = ["Calculator", "Payment", "PaymentProvider", "RecordSigner", "Tally"]
