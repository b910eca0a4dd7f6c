"""What an extension implements: a payment provider, a calculator of scores, or a signer of records."""

from recourse.activities.providers import (
    BadSignature,
    CannotPay,
    Movement,
    PaymentProvider,
    PaymentReport,
    PaymentToCheck,
    TryLater,
)
from recourse.database.payments import PaymentLeg
from recourse.resolution.shown.scores import Calculator, Tally
from recourse.runtime.signing import RecordSigner

__all__ = [
    "BadSignature",
    "Calculator",
    "CannotPay",
    "Movement",
    "PaymentLeg",
    "PaymentProvider",
    "PaymentReport",
    "PaymentToCheck",
    "RecordSigner",
    "Tally",
    "TryLater",
]
