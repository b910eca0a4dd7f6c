"""What an extension implements: a payment provider, a channel, an evidence store, a calculator, a signer of records."""

from recourse.activities.channels import NoticeChannel, in_words
from recourse.activities.extensions import NotDelivered
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
from recourse.evidence.store import EvidenceStore, Sink, UploadAddress
from recourse.resolution.model.notice import Notice
from recourse.resolution.shown.scores import Calculator, Tally
from recourse.runtime.signing import RecordSigner

__all__ = [
    "BadSignature",
    "Calculator",
    "CannotPay",
    "EvidenceStore",
    "Movement",
    "NotDelivered",
    "Notice",
    "NoticeChannel",
    "PaymentLeg",
    "PaymentProvider",
    "PaymentReport",
    "PaymentToCheck",
    "RecordSigner",
    "Sink",
    "Tally",
    "TryLater",
    "UploadAddress",
    "in_words",
]
